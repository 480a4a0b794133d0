"""What the auditor's reports say in a terminal, in JSON, and at their end."""

import json
import subprocess
import sys
from types import SimpleNamespace

import pytest
from test_witnesses import RECORDS, Witnessed

from coffer_audit.cli import main as audit
from coffer_audit.errors import Findings
from coffer_audit.report import format_count, format_findings, format_notice
from world import World

ALL = ("judge", "dpo", "regulator")
EVIDENCE = "coffer-audit: hint: keep it as it is: it is the evidence\n"
GATHER = "ask the operator to run: coffer witness gather\n"


@pytest.fixture
def world(tmp_path):
    made = World.make(tmp_path)
    made.epoch("2016-09-01", "2016-09-03")
    made.ingest(RECORDS)
    return made


@pytest.fixture
def witnessed(tmp_path):
    made = Witnessed(tmp_path)
    made.gather()
    made.world.epoch("2016-09-01", "2016-09-03")
    made.world.ingest(RECORDS)
    return made


def said(capsys, code, *words):
    capsys.readouterr()
    assert audit([str(word) for word in words]) == code
    return capsys.readouterr()


@pytest.mark.parametrize(
    ("given", "end"),
    [
        (
            [],
            """clean, if the log's key and genesis are the right ones:
  compare them with what a custodian pins, or give --log-key and --genesis
""",
        ),
        (
            ["--log-key"],
            "clean, if the log's genesis is the right one:\n  compare it with what a custodian pins, or give --genesis\n",
        ),
        (
            ["--genesis"],
            "clean, if the log's key is the right one:\n  compare it with what a custodian pins, or give --log-key\n",
        ),
        (["--log-key", "--genesis"], "\nclean\n"),
    ],
)
def test_end_of_a_report_says_what_is_taken_on_trust(world, given, end, capsys):
    values = {"--log-key": world.vault.pins.log_key.format(), "--genesis": world.vault.pins.genesis.hex()}
    words = ["vault", world.vault.path, *(word for name in given for word in (name, values[name]))]
    out = said(capsys, 0, *words).out
    assert out.endswith(end)
    assert f"log key: {values['--log-key']}\n" in out
    assert f"genesis: {values['--genesis']}\n" in out
    assert json.loads(said(capsys, 0, *words, "--json").out)["pins_given"] == (len(given) == 2)


@pytest.mark.parametrize("command", [["vault"], ["transparency", "--from", "2016-09-01", "--to", "2016-12-31"]])
def test_report_says_how_many_witnesses_cosigned(witnessed, command, capsys):
    words = [command[0], witnessed.world.vault.path, *command[1:]]
    assert "\nwitnesses: 3 of 3 cosigned, 2 needed\n" in said(capsys, 0, *words).out
    report = json.loads(said(capsys, 0, *words, "--json").out)
    assert report["witnesses"] == {"named": 3, "cosigned": 3, "needed": 2}


def test_report_of_a_roster_without_witnesses_says_nothing_of_them(world, capsys):
    assert "witness" not in said(capsys, 0, "vault", world.vault.path).out
    assert json.loads(said(capsys, 0, "vault", world.vault.path, "--json").out)["witnesses"] is None


def test_missing_cosignatures_have_a_hint_of_their_own(witnessed, capsys):
    path = witnessed.world.vault.path / "log" / "checkpoint"
    raw = path.read_bytes()
    path.write_bytes(b"".join(line for line in raw.splitlines(keepends=True) if b"w.example/a" not in line))
    assert "witnesses: 2 of 3 cosigned, 2 needed" in said(capsys, 0, "vault", witnessed.world.vault.path).out
    path.write_bytes(
        b"".join(line for line in raw.splitlines(keepends=True) if b"w.example/c" in line or b"w.ex" not in line)
    )
    found = said(capsys, 3, "vault", witnessed.world.vault.path)
    assert "\nwitnesses: 1 of 3 cosigned, 2 needed\n" in found.out
    assert found.out.endswith("\nviolation: QUORUM: checkpoint: found 1 of 3 cosignatures, expected 2\n1 violation\n")
    assert found.err.startswith("coffer-audit: vault: found 1 violation, expected none\n")
    assert found.err.endswith(GATHER)
    assert "evidence" not in found.err


def test_forged_cosignature_is_kept_as_evidence_and_not_gathered(witnessed, capsys):
    path = witnessed.world.vault.path / "log" / "checkpoint"
    lines = path.read_bytes().splitlines(keepends=True)
    at = next(i for i, line in enumerate(lines) if b"w.example/b" in line)
    lines[at] = lines[at][:-20] + (b"A" if lines[at][-20:-19] != b"A" else b"B") + lines[at][-19:]
    path.write_bytes(b"".join(lines))
    found = said(capsys, 3, "vault", witnessed.world.vault.path)
    assert "witnesses: 2 of 3 cosigned, 2 needed" in found.out
    assert found.err.endswith(EVIDENCE)
    assert GATHER not in found.err


def test_missing_cosignatures_hide_no_evidence(witnessed, capsys):
    folder = witnessed.world.vault.path
    path = folder / "log" / "checkpoint"
    path.write_bytes(b"".join(line for line in path.read_bytes().splitlines(keepends=True) if b"w.example" not in line))
    for rows in folder.rglob("*.rows"):
        rows.write_bytes(b"")
    err = said(capsys, 3, "vault", folder).err
    assert GATHER in err
    assert EVIDENCE in err


def test_lines_fit_a_terminal_but_for_keys_and_hashes(witnessed, capsys):
    world = witnessed.world
    folder = world.write_answer(world.open(world.authorize(by=ALL)))
    next(world.vault.path.rglob("*.manifest")).unlink()
    days = ["--from", "2016-09-01", "--to", "2016-12-31"]
    reports = [said(capsys, 3, "vault", world.vault.path).out, said(capsys, 0, "answer", folder).out]
    reports.append(said(capsys, 0, "transparency", world.vault.path, *days).out)
    for report in reports:
        lines = report.splitlines()
        assert [line for line in lines if len(line) > 80 and " " in line.partition(": ")[2]] == []
        assert not any(mark in report for mark in ("{", "[", " 1 violations", " 1 records ", "None", "True"))
    assert "\n1 violation\n" in reports[0]
    assert "\n    1 intent, 1 draw, 3 records, 1 close\n" in reports[0]
    assert "\nrecords: 3, 0 repeated, 0 superseded\ncells: 2 complete, 0 without records, 0 unconfirmed\n" in reports[1]
    assert "\n  records opened:       3\n" in reports[2]


def test_vault_of_nothing_yet_says_so(tmp_path, capsys):
    out = said(capsys, 0, "vault", World.make(tmp_path).vault.path).out
    assert "\ncollected: nothing\nauthorizations: none\n" in out


@pytest.mark.parametrize(
    ("number", "noun", "text"),
    [
        (0, "violation", "0 violations"),
        (1, "violation", "1 violation"),
        (2, "entry", "2 entries"),
        (1_024, "padded row", "1,024 padded rows"),
        ("\x1b[2Jx", "record", "'\\x1b[2Jx' record"),
    ],
)
def test_counts_agree_with_their_nouns_and_are_safe_to_print(number, noun, text):
    assert format_count(number, noun) == text


def test_notice_does_not_say_opened_where_nothing_was():
    trust = SimpleNamespace(key=SimpleNamespace(text="k"), genesis="g", pinned_key=True, pinned_genesis=True)
    checkpoint = SimpleNamespace(origin="o", size=1, root=b"")
    totals = {"authorization": "ab", "openings": 1, "records_drawn": 0, "opened": ["2016-09-05T12:00:00Z"]}
    audited = SimpleNamespace(totals=totals, trust=trust, checkpoint=checkpoint, findings=Findings())
    assert "asked for, nothing opened: 2016-09-05T12:00:00Z" in list(format_notice(audited))
    totals["records_drawn"] = 1
    assert "opened: 2016-09-05T12:00:00Z" in list(format_notice(audited))


def test_verdict_counts_violations():
    findings, trust = Findings(), SimpleNamespace(pinned_key=True, pinned_genesis=True)
    assert list(format_findings(findings, trust)) == ["clean"]
    for count in ("1 violation", "2 violations"):
        findings.violate("X", "y")
        assert list(format_findings(findings, trust))[-1] == count


@pytest.mark.parametrize("module", ["coffer_audit", "coffer_audit.cli"])
def test_module_runs_as_the_command_does(module, world):
    words = [sys.executable, "-m", module, "vault"]
    done = subprocess.run([*words, str(world.vault.path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.startswith("origin: test.example/vault\n")) == (0, True)
    done = subprocess.run([*words, str(world.path / "none")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (5, "")


def test_what_is_the_same_of_many_entries_is_said_once(world, capsys):
    words = ["vault", world.vault.path / "log", "--log-key", world.vault.pins.log_key.format(), "--genesis", "ab" * 32]
    out = said(capsys, 3, *words).out
    assert out.count("\nviolation: R1 entry 1: roster: found none in force") == 1
    assert "\n  the same of 9 further entries, the last is 10\n" in out
    assert len(json.loads(said(capsys, 3, *words, "--json").out)["violations"]) == 13
    words[-1] = world.vault.pins.genesis.hex()
    assert "the same of" not in said(capsys, 0, *words).out
