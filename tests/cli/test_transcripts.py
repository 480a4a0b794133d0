"""Commands as a person types them, with what they say. One story a file in ``transcripts/``.

``$ command`` runs it, ``= 4`` expects that exit code (0 if absent), the lines below are its output, stdout and stderr as they come; ``*`` stands for any text.
``env NAME=value`` sets a variable; ``{batch}`` is the batch said last;
``-- name --`` at the end begins a file. Whatever ends with another code than 0 must leave the vault as it was.
"""

import fnmatch
import hashlib
import re
import shlex
from pathlib import Path

import click
import pytest

from coffer.cli.main import coffer, run
from coffer_audit.cli import main as audit
from world import cheap_passphrases

TRANSCRIPTS = sorted((Path(__file__).parent / "transcripts").glob("*.txt"))
OWN_RECORDS = ("lock", "audit.log", "remembered")
PREAMBLE = "vault was made by the preamble"


def test_every_transcript_is_found():
    assert len(TRANSCRIPTS) == 34


def test_every_command_has_a_transcript():
    told = "".join(path.read_text() for path in TRANSCRIPTS)
    assert [name for name in coffer.list_commands(click.Context(coffer)) if f"$ coffer {name} " not in told] == []


def fingerprint(folder):
    """Every file but locks, the custodians' own record of requests, and what ingests tell the operator's page."""
    files = {
        p: hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and p.name not in OWN_RECORDS and p.parent.name != "runs"
    }
    return {str(p.relative_to(folder)): digest for p, digest in files.items()}


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_transcript(path, tmp_path, monkeypatch, capfd):
    cheap_passphrases()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COFFER_PASSPHRASE", "correct horse")
    steps, files = parse(path.read_text())
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(
            content.encode().decode("unicode_escape").encode("latin-1") if name.endswith(".bin") else content.encode()
        )
    batch = ""
    for written, code, expected in steps:
        command = written.replace("{batch}", batch)
        if command.startswith("env "):
            monkeypatch.setenv(*command.removeprefix("env ").split("=", 1))
            continue
        if command.startswith("python "):
            exec(command.removeprefix("python "), {"Path": Path})
            continue
        before = fingerprint(tmp_path)
        words = shlex.split(command)
        found = run(words[1:]) if words[0] == "coffer" else audit(words[1:])
        out, err = capfd.readouterr()
        batch = next(iter(re.findall("^batch ([0-9a-f]{32})$", out, re.MULTILINE)), batch)
        said = [line.rstrip() for line in (out + err).splitlines()]
        assert found == code, f"{command}\n" + "\n".join(said)
        assert matches(said, expected), f"{command}\nsaid:\n" + "\n".join(said) + "\nexpected:\n" + "\n".join(expected)
        assert code == 0 or fingerprint(tmp_path) == before, f"{command}: changed something"


def parse(text):
    head, *sections = re.split(r"^-- (.+) --\n", text, flags=re.MULTILINE)
    files = dict(zip(sections[::2], sections[1::2], strict=True))
    steps = []
    for line in head.splitlines():
        if line.startswith(("$ ", "env ", "python ")):
            steps.append([line.removeprefix("$ "), 0, []])
        elif line.startswith("= "):
            steps[-1][1] = int(line[2:])
        elif line and not line.startswith("#"):
            steps[-1][2].append(line)
    return steps, files


def matches(said, expected):
    if expected == ["*"]:
        return True
    pattern = "\n".join(expected)
    return fnmatch.fnmatchcase("\n".join(said), re.sub(r"[\[\]?]", lambda m: f"[{m[0]}]", pattern))
