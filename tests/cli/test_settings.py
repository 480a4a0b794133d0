"""The one file of settings: every key is on its page and an option of its command, and what is wrong is named."""

import json
import re
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coffer.cli import configured
from coffer.cli.configured import read_settings
from coffer.cli.console import report_error, say, speak
from coffer.cli.main import coffer, run
from coffer.cli.settings import (
    COMMANDS,
    FILE,
    SETTINGS,
    TABLES,
    Kind,
    Source,
    defaults_of,
    format_table,
    parse_environment,
    parse_file,
    resolve,
)
from coffer.errors import CofferError, MalformedInput, Unavailable

PAGE = (Path(__file__).parents[2] / "docs/configuration.md").read_text("utf-8")
NO_SETTINGS = {"watch": {"once", "day", "as_json"}, "backup": {"as_json"}}
"""Options that say what one call of a command does, not how the machine is."""
COMPUTED = {"watch.workers"}
"""Built in is what the machine has: the page says so in words."""


@pytest.fixture(autouse=True)
def no_file_of_this_machine(monkeypatch, tmp_path):
    monkeypatch.setattr(configured, "USUAL", tmp_path / "usual.toml")
    yield
    speak(is_json=False)


def command_of(table):
    context = click.Context(coffer)
    command = coffer.get_command(context, table)
    for word in COMMANDS[table]:
        command = command.get_command(context, word)
    return command


def parsed(text):
    return parse_file(f'format = "coffer.settings/v1"\n{text}'.encode(), FILE, absolute=lambda name: f"/etc/{name}")


def test_page_has_the_table_of_the_code():
    assert len(SETTINGS) > 25
    assert format_table() in PAGE


def test_example_of_the_page_is_read():
    example = re.search(r"```toml\n(.*?)```", PAGE, re.DOTALL)[1]
    values = parse_file(example.encode(), FILE, absolute=str)
    assert values["serve.home"] == "FR"
    assert {name.partition(".")[0] for name in values} == set(TABLES)


@pytest.mark.parametrize("table", COMMANDS)
def test_settings_of_a_table_are_the_options_of_its_command(table):
    options = {one.name: one for one in command_of(table).params}
    settings = {one.parameter or one.key.replace("-", "_"): one for one in SETTINGS if one.table == table}
    assert set(settings) == set(options) - NO_SETTINGS.get(table, set())
    for name, setting in settings.items():
        option = options[name]
        if isinstance(option, click.Argument):
            assert (setting.key, setting.default) in {("vault", None), ("folder", None), ("target", None)}
            continue
        assert option.opts == [f"--{setting.key}"]
        own = option.to_info_dict()["default"]
        if setting.name not in COMPUTED:
            assert (setting.default or None) == (own or None), setting.name
        assert option.is_flag == (setting.kind is Kind.YES_NO)
        bounds = (getattr(option.type, "min", None), getattr(option.type, "max", None))
        assert bounds == ((setting.low, setting.high) if setting.high else (None, None)), setting.name
        assert option.type.name.split()[0] in {
            Kind.WHOLE: {"integer"},
            Kind.NUMBER: {"float"},
            Kind.YES_NO: {"boolean"},
        }.get(setting.kind, {"text"})


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("[serv]\n", "coffer.toml: serv: unknown key", "did you mean 'serve'? known here: "),
        ("[serve]\nwindw = 'x'\n", "coffer.toml: [serve]: windw: unknown key", "did you mean 'window'? known here: "),
        ("[watch]\nevery = 'x'\n", "coffer.toml: [watch]: every: expected a number, 0.1 to 3600", None),
        ("[watch]\nevery = 0.01\n", "coffer.toml: [watch]: every: expected a number, 0.1 to 3600", None),
        ("[watch]\nworkers = true\n", "coffer.toml: [watch]: workers: expected a whole number, 1 to 64", None),
        ("[log]\nformat = 'xml'\n", "coffer.toml: [log]: format: expected text or json", None),
        ("[custodian]\nplain = 1\n", "coffer.toml: [custodian]: plain: expected true or false", None),
        ("[serve]\nwindow = '8080'\n", "coffer.toml: [serve]: window: expected host:port", None),
        ("[serve]\nvault = ''\n", "coffer.toml: [serve]: vault: expected a path", None),
        ("serve = 1\n", "coffer.toml: serve: found a whole number, expected a table", None),
    ],
)
def test_what_is_wrong_in_the_file_is_named_with_its_place(text, message, hint):
    with pytest.raises(MalformedInput, match=re.escape(message)) as caught:
        parsed(text)
    assert (caught.value.hint or "").startswith(hint or "")
    assert bool(caught.value.hint) == bool(hint)


def test_variables_are_read_by_one_rule_and_a_misspelt_one_is_refused():
    values = parse_environment(
        {"COFFER_WATCH_EVERY": "0.5", "COFFER_CUSTODIAN_PLAIN": "true", "COFFER_PASSPHRASE": "x"}
    )
    assert values == {"watch.every": 0.5, "custodian.plain": True}
    with pytest.raises(MalformedInput, match="COFFER_SERVE_WINDOW_ORIGN: no such setting") as caught:
        parse_environment({"COFFER_SERVE_WINDOW_ORIGN": "x"})
    assert "COFFER_SERVE_WINDOW_ORIGIN" in caught.value.hint
    for text in ("1e3", "05", "nan", "-1", "", "0.5 "):
        with pytest.raises(MalformedInput, match="COFFER_WATCH_EVERY: expected a number"):
            parse_environment({"COFFER_WATCH_EVERY": text})


def test_environment_counts_before_the_file_and_the_file_before_what_is_built_in():
    file = parsed("[serve]\nvault = 'vault'\ndeadline = 10\n[custodian]\npage-origin = 'https://judge.example'\n")
    resolved = resolve(file, parse_environment({"COFFER_SERVE_DEADLINE": "20"}))
    known = {one.setting.name: (one.value, one.source) for one in resolved}
    assert known["serve.vault"] == ("/etc/vault", Source.FILE)
    assert known["serve.deadline"] == (20, Source.ENVIRONMENT)
    assert known["serve.window"] == ("127.0.0.1:8080", Source.BUILT_IN)
    assert defaults_of(resolved) == {
        "serve": {"vault": "/etc/vault", "deadline_s": 20},
        "custodian": {"serve": {"page_origin": "https://judge.example"}},
    }


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(raw):
    try:
        parse_file(raw, FILE, absolute=str)
    except MalformedInput:
        return


def test_file_is_the_named_one_or_the_usual_one(tmp_path, monkeypatch):
    monkeypatch.delenv("COFFER_CONFIG", raising=False)
    assert read_settings(None).file is None
    usual, named = tmp_path / "usual.toml", tmp_path / "named.toml"
    for path in (usual, named):
        path.write_text('format = "coffer.settings/v1"\n')
    assert read_settings(None).file == usual
    monkeypatch.setenv("COFFER_CONFIG", str(named))
    assert read_settings(None).file == named
    assert read_settings(str(usual)).file == usual
    monkeypatch.setenv("COFFER_CONFIG", "")
    assert read_settings(None).file is None


def test_a_setting_is_the_default_of_its_command_and_an_option_counts_before_it(tmp_path, monkeypatch, capfd):
    (tmp_path / "c.toml").write_text(
        'format = "coffer.settings/v1"\n[witness]\nfolder = "w"\nlisten = "nowhere:99999"\n'
    )
    assert run(["--config", str(tmp_path / "c.toml"), "witness", "serve"]) == 2
    assert "c.toml: [witness]: listen: expected host:port" in capfd.readouterr().err
    (tmp_path / "c.toml").write_text('format = "coffer.settings/v1"\n[witness]\nfolder = "w"\n')
    assert run(["--config", str(tmp_path / "c.toml"), "witness", "serve"]) == 2
    assert capfd.readouterr().err.startswith("coffer: w: not a witness's folder")
    assert run(["--config", str(tmp_path / "c.toml"), "witness", "serve", "other"]) == 2
    assert capfd.readouterr().err.startswith("coffer: other: not a witness's folder")
    monkeypatch.setenv("COFFER_WITNESS_FOLDER", "third")
    assert run(["--config", str(tmp_path / "c.toml"), "witness", "serve"]) == 2
    assert capfd.readouterr().err.startswith("coffer: third: not a witness's folder")


def test_lines_are_documents_where_the_log_is_json(monkeypatch, capfd):
    monkeypatch.setenv("COFFER_LOG_FORMAT", "json")
    assert run(["log", "nowhere"]) != 0
    (line,) = capfd.readouterr().err.splitlines()
    document = json.loads(line)
    assert (document["command"], document["level"], document["exit_code"]) == ("log", "error", 2)
    assert re.fullmatch(r"[0-9-]{10}T[0-9:]{8}\.[0-9]{3}Z", document["time"])
    monkeypatch.delenv("COFFER_LOG_FORMAT")
    assert run(["log", "nowhere"]) != 0
    assert capfd.readouterr().err.startswith("coffer: nowhere")


def test_no_character_of_a_document_ends_its_line(capfd):
    speak(is_json=True, command="serve")
    say('a"b\nc\x1b[31m\u2028')
    assert report_error(Unavailable("disk: full", hint="make room")) == 5
    lines = capfd.readouterr().err.split("\n")
    assert lines[-1] == ""
    first, second = map(json.loads, lines[:-1])
    assert first["message"].startswith('a"b')
    assert second | {"time": ""} == {
        "time": "",
        "command": "serve",
        "level": "error",
        "message": "disk: full",
        "hint": "make room",
        "exit_code": 5,
    }
    assert issubclass(Unavailable, CofferError)
