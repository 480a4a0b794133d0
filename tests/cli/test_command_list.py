"""Every command is listed, is found, and says of itself what the list says of it; nothing is imported before it is needed."""

import datetime as dt
import importlib
import json
import os
import pkgutil
import subprocess
import sys

import click
import pytest

import coffer.cli.commands
from coffer.cli.groups import LazyGroup, Who
from coffer.cli.main import coffer as program
from coffer.cli.main import run
from world import cheap_passphrases

COLUMNS = ("numpy", "phonenumbers", "polars", "pyarrow")
PARTIES = ("coffer.agent", "coffer.custodian", "coffer.records.readers")
"""Rooms of ours that are long to read, and that most commands have no use for."""
HEAVY = (
    *COLUMNS,
    "altair",
    "asyncio",
    "botocore",
    "cryptography.x509",
    "fastapi",
    "fsspec",
    "httpx",
    "jinja2",
    "lxml",
    "opendp",
    "rich",
    "sqlalchemy",
    "typst",
    *PARTIES,
)
LOADED = {
    "complete": {"coffer.custodian"},
    "disclose": {"lxml"},
    "epoch": {"coffer.custodian"},
    "ingest": {"numpy", "polars", "pyarrow", "coffer.records.readers"},
    "init": {"coffer.custodian"},
    "lock": {"coffer.agent"},
    "protect": {"coffer.custodian"},
    "ratify": {"coffer.custodian"},
    "receipts": {"coffer.custodian"},
    "refuse": {"coffer.custodian"},
    "reply": {"lxml"},
    "report": {"numpy", "polars", "pyarrow"},
    "retire": {"coffer.custodian"},
    "revoke": {"coffer.custodian"},
    "send": {"coffer.custodian"},
    "simulate": {"numpy", "phonenumbers", "rich"},
    "status": {"coffer.custodian"},
    "sync": {"coffer.custodian"},
    "transparency": {"numpy", "polars", "pyarrow"},
    "passwd": {"coffer.custodian"},
    "unlock": {"coffer.agent", "coffer.custodian"},
    "watch": {"numpy", "polars", "pyarrow", "coffer.records.readers"},
}
"""What commands read before they begin. The others read none of it. A new name here costs each start of its command."""


def groups():
    """The program and each group in it, with the words that lead there."""
    context = click.Context(program)
    inner = [(name, program.get_command(context, name)) for name in program.list_commands(context)]
    return [("", program), *((name, one) for name, one in inner if isinstance(one, LazyGroup))]


GROUPS = groups()
COMMANDS = [(words, group, listed) for words, group in GROUPS for listed in group.listed]


def test_groups_and_commands_are_as_many_as_there_are():
    assert len(GROUPS) == 7
    assert len(COMMANDS) == 89
    assert {listed.who for words, _, listed in COMMANDS if not words} == set(Who)


def test_every_file_of_the_package_is_a_listed_command():
    names = [one.name for one in pkgutil.walk_packages(coffer.cli.commands.__path__, "coffer.cli.commands.")]
    found = [value for name in names for value in vars(importlib.import_module(name)).values()]
    assert len(names) == len([value for value in found if isinstance(value, click.Command)]) == len(COMMANDS)


@pytest.mark.parametrize(("words", "group", "listed"), COMMANDS, ids=lambda value: getattr(value, "name", value))
def test_list_says_of_a_command_what_its_own_help_says_first(words, group, listed):
    command = group.get_command(click.Context(group), listed.name)
    assert command.name == listed.name
    assert command.help.split("\n\n")[0] == listed.sentence
    assert listed.sentence.endswith(".")
    assert len(listed.sentence) < 100
    assert f"coffer {words} {listed.name}".replace("  ", " ") in command.epilog


def loaded(*words):
    """The heavy libraries that a command loads, and its exit code, in a process of its own."""
    code = "import sys, json; from coffer.cli.main import run; code = run(sys.argv[2:]); "
    code += (
        "print(json.dumps([code, [name for name in sys.argv[1].split(',') if name in sys.modules]]), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, ",".join(HEAVY), *map(str, words)],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"COFFER_PASSPHRASE": "correct horse"},
    )
    return json.loads(done.stderr.splitlines()[-1])


@pytest.mark.parametrize("words", [["--help"], ["--version"]])
def test_help_loads_no_library_of_numbers_or_servers(words):
    assert loaded(*words) == [0, []]


@pytest.mark.parametrize("name", program.list_commands(click.Context(program)))
def test_command_reads_the_heavy_libraries_that_are_listed_and_no_other(name):
    code, names = loaded(name, "--help")
    assert (code, set(names)) == (0, LOADED.get(name, set()))


def test_wrong_commands_options_and_values_are_named_as_they_were_typed(capfd):
    for words, near in (
        (["requst"], "did you mean 'request'"),
        (["custodian", "aprove"], "did you mean 'approve'"),
        (["log", "vault", "--jsn"], "no such option '--jsn' (did you mean '--json'?)\n"),
        (["request", "--max-records", "FIVE"], "invalid value for '--max-records': 'FIVE' is"),
    ):
        assert run(words) == 2
        assert near in capfd.readouterr().err
    assert run(["xyzzy"]) == 2
    assert "did you mean" not in capfd.readouterr().err


def test_log_request_and_countersign_load_no_more_when_they_run(tmp_path, monkeypatch, capfd):
    cheap_passphrases()
    monkeypatch.setenv("COFFER_PASSPHRASE", "correct horse")
    vault, note, today = tmp_path / "vault", tmp_path / "request.note", f"{dt.datetime.now(dt.UTC):%Y-%m-%d}"
    names = ["judge", "dpo", "regulator"]
    rule = [*(word for name in names for word in ("--custodian", name)), "--rule", "base=2 of judge,dpo,regulator"]
    limits = ["--retention-days", "30", "--late-days", "5"]
    assert run(["init", str(vault), "--origin", "test.example/vault", *rule, *limits]) == 0
    assert run(["epoch", str(vault), "--days", today, today]) == 0
    order = ["--authority", "Court", "--basis", "Art. 1", "--purpose", "Theft", "--person", "A. Example"]
    asked = ["--subject", "tel:+33612345678", "--days", today, today, "--kinds", "call", "--max-records", "5"]
    for words, names in (
        (["log", vault], []),
        (["request", vault, *asked, *order, "-o", note], []),
        (["countersign", vault, note, "--as", "judge", "--yes"], ["coffer.custodian"]),
        (["show", note, "--vault", vault], []),
        (["log", vault, "--json"], []),
    ):
        assert loaded(*words) == [0, names], words
