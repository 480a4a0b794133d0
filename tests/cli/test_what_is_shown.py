"""What a custodian reads is what it signs: nothing of a text may be taken for formatting, and nothing may be hidden by it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from coffer.cli.main import run
from coffer.disclosure.answer import answer_files
from coffer_audit.cli import main as audit
from world import feed

HOSTILE = ["Theft [black on black] and everything[/]", "Theft [/bold] x", "a :smile: b", "[link=x]y[/link]", "\\[red]"]


@pytest.mark.parametrize("text", HOSTILE)
def test_markup_in_a_request_hides_nothing_from_whoever_approves_it(world, text, capfd):
    note = world.path / "r.note"
    note.write_bytes(world.request(authority=text, basis=text, purpose=text, person=text))
    capfd.readouterr()
    assert run(["show", str(note), "--vault", str(world.vault.path)]) == 0
    shown = capfd.readouterr().out
    assert shown.count(text) == 4


def test_markup_in_a_sender_breaks_no_answer(world, capfd):
    texts = feed(name="texts", kind="text")
    world.ingest("BANK[/red],+33612345678,2016-09-01 10:00:00,\n[bold]X,+33612345678,2016-09-01 10:00:01,\n", by=texts)
    answer = world.open(world.authorize(kinds="text"))
    assert b"sender:BANK[/red]" in answer_files(answer)["records.csv"]
    from coffer.cli.opening import _print

    capfd.readouterr()
    _print(answer, Path("answer"), ())
    assert "sender:[bold]X" in capfd.readouterr().out


def test_no_repr_shows_a_person(world):
    world.ingest("+33612345678,+33698765432,2016-09-01 10:00:00,60\n")
    note = world.authorize()
    from coffer.authority.authorization import parse_authorization

    authorization = parse_authorization(note, "note")
    answer = world.open(note)
    shown = [
        repr(x)
        for x in (
            authorization,
            authorization.note,
            authorization.terms,
            authorization.terms.subjects,
            answer,
            answer.evidence,
        )
    ]
    assert not [text for text in shown if "612345678" in text or "698765432" in text or "Example" in text]


def test_an_unreadable_note_is_one_clear_line(tmp_path):
    note = tmp_path / "r.note"
    note.write_text("x")
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody who may not read")
    note.chmod(0)
    code = "import coffer.cli.main, coffer.cli.commands.show, os, sys; os.seteuid(65534); sys.exit(coffer.cli.main.run(['show', sys.argv[1]]))"
    tmp_path.chmod(0o755)
    done = subprocess.run([sys.executable, "-c", code, str(note)], capture_output=True, text=True, check=False)
    assert done.returncode in (2, 5), done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", [["log"], ["custodian", "status"], ["report"]])
def test_path_that_no_system_takes_is_one_line_and_no_traceback(command, capsys):
    more = ["--from", "2016-09-01", "--to", "2016-09-02"] if command == ["report"] else []
    assert run([*command, "x" * 300, *more]) == 5
    said = capsys.readouterr().err
    assert said.startswith("coffer: ")
    assert "File name too long" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("program", ["coffer", "coffer-audit"])
def test_output_that_nobody_reads_or_no_disk_takes_is_no_traceback(world, program):
    command = [
        str(Path(sys.executable).with_name(program)),
        *(["log"] if program == "coffer" else ["vault"]),
        str(world.vault.path),
    ]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (5, f"{program}: output: No space left on device\n")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([command[0], "--help"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (5, f"{program}: output: No space left on device\n")
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (5, "")


def test_ctrl_c_in_an_audit_is_a_clean_end(world, monkeypatch, capsys):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("coffer_audit.cli.audit_vault", stop)
    assert audit(["vault", str(world.vault.path)]) == 130
    assert capsys.readouterr().err == "coffer-audit: stopped\n"


def test_ctrl_c_while_the_program_is_read_is_a_clean_end():
    script = "import os, signal, sys; sys.modules['coffer.cli.main'] = None\n"
    script += "import builtins; real = builtins.__import__\n"
    script += "def stopped(name, *rest):\n    if name == 'coffer.cli.main': raise KeyboardInterrupt\n    return real(name, *rest)\n"
    script += "builtins.__import__ = stopped\nfrom coffer.cli.entry import main\nmain()\n"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "coffer: stopped\n")
