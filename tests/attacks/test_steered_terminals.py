"""Whoever names a file, sends a mail or delivers records chooses text that others read: it steers no terminal, no line, no spreadsheet.

Each attack has a twin with harmless letters, which are shown as they are. The terminal is a real one.
"""

import csv
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

import coffer
from coffer.cli.main import run
from coffer.visible import UNSEEN, is_visible, visible, visible_cell
from coffer_audit.visible import _UNSEEN, write_visibly
from world import FEED, World

TITLE = "cdr\x1b]0;OWNED\x07\x1b[2K\r\x1b[1A\x1b[31mcoffer: custodian judge approved\x1b[0m.csv"
HIDING = {
    "title-and-colour": TITLE,
    "line-end": "x\ncoffer: custodian judge approved\n.csv",
    "c1": "x\x9b31mred.csv",
    "bidi": "x\u202evsc.exe\u202c.csv",
    "zero-width": "c\u200bd\ufeffr.csv",
    "separators": "x\u2028y\u2029z.csv",
    "tag": "x\U000e0041.csv",
    "no-utf-8": "x\udcff.csv",
}
RECORD = "+33612345678,+33698765432,2016-09-01 10:00:00,60\n"
FOREIGN = (
    "\x1b]0;",
    "\x1b[31mcoffer",
    "\x07",
    "\x9b",
    "\u202e",
    "\u200b",
    "\ufeff",
    "\u2028",
    "\U000e0041",
)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = World.make(tmp_path_factory.mktemp("world"), retention_days=36500, late_days=36500)
    made.epoch("2016-09-01", "2016-09-03")
    made.ingest(RECORD, name="first.csv")
    (made.path / "feed.toml").write_text(FEED)
    (made.path / "request.note").write_bytes(made.authorize())
    return made


def environment(**changes):
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("LC_", "LANG", "PYTHONIOENCODING", "PYTHONUTF8"))}
    return kept | {"COFFER_PASSPHRASE": "correct horse", "LANG": "C.UTF-8", "TERM": "xterm"} | changes


def at_a_terminal(*words, **changes):
    """What a command writes to a terminal, and its exit code."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-P", "-m", *map(os.fsencode, words)]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment(**changes))
    os.close(theirs)
    said = b""
    while True:
        try:
            part = os.read(ours, 65_536)
        except OSError:
            break
        if not part:
            break
        said += part
    os.close(ours)
    return said.decode("utf-8", "replace"), process.wait()


@pytest.mark.parametrize("name", list(HIDING))
@pytest.mark.parametrize("content", [RECORD, "x\n"], ids=["kept", "rejected"])
def test_name_of_a_file_steers_no_terminal(world, tmp_path, name, content):
    path = tmp_path / HIDING[name]
    path.write_text(content.replace("60", str(60 + list(HIDING).index(name))))
    vault, feed = str(world.vault.path), str(world.path / "feed.toml")
    said, code = at_a_terminal("coffer", "ingest", vault, "--feed", feed, str(path))
    assert code == (0 if content == RECORD else 2), said
    assert [mark for mark in FOREIGN if mark in said] == []
    assert "\\u{" in said
    if name == "line-end":
        assert [line for line in said.splitlines() if line.startswith("coffer: custodian judge approved")] == []


@pytest.mark.parametrize("name", ["r\u00e9sum\u00e9-\u00df-\u6f22.csv"])
def test_harmless_name_is_shown_as_it_is(world, tmp_path, name):
    (tmp_path / name).write_text(RECORD.replace("60", "99"))
    vault, feed = str(world.vault.path), str(world.path / "feed.toml")
    said, code = at_a_terminal("coffer", "ingest", vault, "--feed", feed, str(tmp_path / name))
    assert (code, name in said) == (0, True)


def test_file_of_rejects_steers_no_spreadsheet(world, tmp_path, capsys):
    for name in ("=cmd|' C'!A1.csv", "+1.csv", "-1.csv", "@x.csv", "\tx.csv", "plain.csv"):
        path = tmp_path / name
        path.write_text(RECORD + "x\n" + RECORD.replace("60", str(200 + len(list(tmp_path.iterdir())))))
        out = tmp_path / "out" / f"{len(list(tmp_path.iterdir()))}.csv"
        out.parent.mkdir(exist_ok=True)
        words = ["--feed", str(world.path / "feed.toml"), str(path), "--rejects", str(out)]
        assert run(["ingest", str(world.vault.path), *words]) == 0
        cell = list(csv.reader(out.read_text("utf-8").splitlines()))[1][0]
        assert cell[0] not in "=+-@\t\r", cell
        assert (cell == name) == (name == "plain.csv")


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", "\tx", "\rx", "tel:+33612345678", "x=1", ""])
def test_cell_that_would_be_a_formula_is_none(text):
    assert visible_cell(text)[:1] not in {"=", "+", "-", "@", "\t", "\r"}
    assert (visible_cell(text) == text) == (text[:1] not in {"=", "+", "-", "@", "\t", "\r"} or not text)


def test_both_programs_write_out_the_same_characters():
    mine = {code for code in range(0x110000) if UNSEEN.match(chr(code))}
    assert mine == set(_UNSEEN)
    for code in (*sorted(mine)[:40], 0x202E, 0xDCFF, 0xE0041):
        assert visible(f"a{chr(code)}b") == write_visibly(f"a{chr(code)}b") == f"a\\u{{{code:x}}}b"
    text = "A\u00e9\u00df\u6f22 \U0001f600 \u05d0\u0627"
    assert (visible(text), write_visibly(text), is_visible(text)) == (text, text, True)


COMMANDS = {
    "log": ("log",),
    "report": ("report", "--from", "2016-09-01", "--to", "2016-09-01"),
    "report-csv": ("report", "--from", "2016-09-01", "--to", "2016-09-01", "--csv"),
    "ingest": ("ingest", "--feed", "feed.toml", "r\u00e9-\u6f22.csv"),
    "bad": ("ingest", "--feed", "feed.toml", "bad-\u6f22-\u202e.csv"),
    "missing": ("ingest", "--feed", "feed.toml", "nowhere-\u6f22.csv"),
    "help": ("ingest", "--help"),
}
CODES = {"bad": 2, "missing": 2}
OUTPUTS = {
    "ascii": {"PYTHONIOENCODING": "ascii"},
    "ascii-strict": {"PYTHONIOENCODING": "ascii:strict"},
    "latin-1": {"PYTHONIOENCODING": "latin-1"},
    "c": {"LANG": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    "posix": {"LC_ALL": "POSIX"},
    "utf-16": {"PYTHONIOENCODING": "utf-16"},
}


@pytest.fixture
def here(world, monkeypatch):
    monkeypatch.chdir(world.path)
    Path("r\u00e9-\u6f22.csv").write_text(RECORD.replace("60", "7"))
    Path("bad-\u6f22-\u202e.csv").write_text("x\n")
    return world


@pytest.mark.parametrize("output", list(OUTPUTS))
@pytest.mark.parametrize("name", ["report", "ingest", "bad"])
def test_no_encoding_of_an_output_ends_in_a_traceback(here, output, name):
    words = COMMANDS[name]
    command = [sys.executable, "-P", "-m", "coffer", words[0], str(here.vault.path), *words[1:]]
    done = subprocess.run(command, env=environment(**OUTPUTS[output]), capture_output=True, check=False)
    assert done.returncode == CODES.get(name, 0), done.stderr
    assert b"Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize("closed", ["1>&-", "2>&-", "0<&- 1>&- 2>&-"])
@pytest.mark.parametrize("name", ["ingest", "bad", "report-csv"])
def test_closed_output_ends_in_no_traceback_and_is_no_file_of_the_vault(here, closed, name):
    words = COMMANDS[name]
    before = {p: p.read_bytes() for p in (here.vault.path / "segments").rglob("*.rows")}
    command = [
        "bash",
        "-c",
        f'"$@" {closed}',
        "x",
        sys.executable,
        "-P",
        "-m",
        "coffer",
        words[0],
        str(here.vault.path),
    ]
    done = subprocess.run([*command, *words[1:]], env=environment(), capture_output=True, check=False)
    assert done.returncode == CODES.get(name, 0), done.stderr
    assert b"Traceback" not in done.stdout + done.stderr
    assert {path.read_bytes() == raw for path, raw in before.items()} == {True}


@pytest.mark.parametrize("output", list(OUTPUTS))
def test_auditor_shows_the_same_and_ends_in_no_traceback(here, output, tmp_path):
    folder = tmp_path / "a\x1b]0;OWNED\x07\u6f22\u202e"
    folder.mkdir()
    for place, code in ((here.vault.path, 0), (folder, 2)):
        command = [sys.executable, "-P", "-m", "coffer_audit", "vault", str(place)]
        done = subprocess.run(command, env=environment(**OUTPUTS[output]), capture_output=True, check=False)
        assert done.returncode in {code, 5 if code else 0}, done.stderr
        assert b"Traceback" not in done.stderr
        assert b"\x1b" not in done.stdout + done.stderr
    command = ["bash", "-c", '"$@" 1>&- 2>&-', "x", sys.executable, "-P", "-m", "coffer_audit", "vault", str(folder)]
    assert subprocess.run(command, env=environment(), check=False).returncode in {2, 5}


def test_every_table_and_line_of_the_commands_is_written_visibly():
    """Nothing but the console prints: else a new command would be forgotten."""
    folder = Path(coffer.__file__).parent / "cli"
    found = {}
    for path in sorted(folder.rglob("*.py")):
        text = path.read_text()
        bad = [
            what
            for what in ("from rich.table import Table", "import Table as", "rich.print", "sys.stderr.write")
            if what in text and path.name != "tables.py"  # the one table, whose cells are made visible as they come
        ]
        if path.name not in ("console.py", "main.py") and "click.echo" in text:
            bad.append("click.echo")
        if bad:
            found[path.name] = bad
    assert len(list(folder.rglob("*.py"))) > 70
    assert found == {}
