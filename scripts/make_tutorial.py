"""Run the commands of ``docs/tutorial.md`` and ``docs/feeds.md`` and write their output below them.

With ``--check`` it compares instead. A ``console`` block holds commands after ``$ ``; ``= 4`` below one expects that
exit code, 0 if absent. A block whose language is followed by a name, like ``csv calls.csv``, is a file. Keys, hashes
and the auditor's progress differ from run to run and are not compared.

    .venv/bin/python scripts/make_tutorial.py [--check]
"""

import argparse
import contextlib
import datetime as dt
import difflib
import io
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from coffer.cli import console
from coffer.cli.main import run
from coffer_audit.cli import main as audit

DOCS = Path(__file__).parent.parent / "docs"
PAGE = DOCS / "tutorial.md"
PAGES = (PAGE, DOCS / "feeds.md")
NOW = dt.datetime(2026, 11, 5, 9, 0, tzinfo=dt.UTC)
_BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
_CHANGING = re.compile(r"\+[0-9a-f]{8}\+[A-Za-z0-9+/=]+|\b[0-9a-f]{16,}\b|^words    .*$", re.MULTILINE)


def told(page: str) -> str:
    """The page with the present output of every block of commands, run in a folder of its own.

    Raises ``SystemExit`` if an exit code is another than expected.
    """
    before, console.system_clock = console.system_clock, lambda: NOW
    environment, here = dict(os.environ), Path.cwd()
    try:
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            return _BLOCK.sub(_run_block, page)
    finally:
        console.system_clock = before
        os.chdir(here)
        os.environ.clear()
        os.environ.update(environment)


def _run_block(block: re.Match[str]) -> str:
    language, name, body = block.groups()
    if name:
        Path(name).write_text(body, encoding="utf-8")
    if language != "console":
        return block[0]
    lines = []
    for match in re.finditer(r"^\$ (.+)\n((?:(?!\$ ).*\n)*)", body, re.MULTILINE):
        expected = re.findall(r"^= (\d)$", match[2], re.MULTILINE)
        code, said = _run(match[1])
        if code != int(expected[0] if expected else 0):
            sys.exit(f"{match[1]}\nended with {code}\n{said}")
        lines += [
            f"$ {match[1]}",
            *(line.rstrip() for line in said.splitlines()),
            *(f"= {digit}" for digit in expected),
        ]
    return "```console\n" + "\n".join(lines) + "\n```\n"


def _run(command: str) -> tuple[int, str]:
    words = shlex.split(command)
    if words[0] == "export":
        name, _, value = words[1].partition("=")
        os.environ[name] = value
        return 0, ""
    if words[0] not in ("coffer", "coffer-audit"):
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        code = (run if words[0] == "coffer" else audit)(words[1:])
    out.seek(0)
    return code, out.read()


def same(page: str) -> str:
    """The parts of a page that do not change from run to run."""
    return _CHANGING.sub("...", page)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    is_check = parser.parse_args().check
    for page in PAGES:
        old = page.read_text("utf-8")
        new = told(old)
        if not is_check:
            page.write_text(new, encoding="utf-8")
        elif same(old) != same(new):
            was, now = (same(text).splitlines(keepends=True) for text in (old, new))
            sys.exit("".join(difflib.unified_diff(was, now, page.name, "now")))


if __name__ == "__main__":
    main()
