"""A program of the operator's that tells somebody: fixed words, three variables, nothing else, and an end."""

import datetime as dt
import os
import sys
import time

import pytest

from coffer.errors import MalformedInput, Unavailable
from coffer.notify import program as running
from coffer.notify.address import MAX_WORDS, Program
from coffer.notify.deliver import deliver
from coffer.notify.message import Language, Message, News, Party, format_sentence
from coffer.notify.settings import PACES, Pace, Settings, parse_settings

NOW = dt.datetime(2016, 9, 5, 12, tzinfo=dt.UTC)
MESSAGE = Message(news=News.NOBODY_LOOKED, hours=1, minutes=95, urgency="emergency")


def python(code, *words):
    return Program(words=(sys.executable, "-c", code, *words))


def tell(program, message=MESSAGE):
    how = {"party": Party.CUSTODIAN, "language": Language.ENGLISH, "now": NOW, "entropy": os.urandom}
    deliver(message, program, Settings(), **how)


def test_program_gets_its_words_and_three_variables_and_no_shell(tmp_path, monkeypatch):
    monkeypatch.setenv("COFFER_PASSPHRASE", "correct horse")
    out = tmp_path / "out"
    code = "import os, sys; open(sys.argv[1], 'w').write(repr((sys.argv[2:], sorted(os.environ.items()), os.getcwd())))"
    tell(python(code, str(out), "; touch x", "$HOME", "*"))
    words, variables, folder = eval(out.read_text())
    assert words == ["; touch x", "$HOME", "*"]
    told = {name: value for name, value in variables if name != "LC_CTYPE"}  # the interpreter's own
    assert told == {
        "COFFER_CLASS": "emergency",
        "COFFER_MINUTES_LEFT": "95",
        "COFFER_NEWS": "nobody-looked",
    }
    assert folder == "/"


def test_program_that_fails_is_not_there_or_does_not_end_is_told_without_its_words(monkeypatch, tmp_path):
    for program, said in (
        (python("raise SystemExit(3)"), "command: ended with 3, expected 0"),
        (Program(words=("/no/such/secret",)), "command: No such file or directory"),
    ):
        with pytest.raises(Unavailable, match=f"^{said}$"):
            tell(program)
    monkeypatch.setattr(running, "WAIT_S", 0.3)
    mark = tmp_path / "alive"
    code = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', sys.argv[1]]); time.sleep(60)"
    inner = f"import time; time.sleep(1); open({str(mark)!r}, 'w')"
    with pytest.raises(Unavailable, match="did not end in time"):
        tell(python(code, inner))
    time.sleep(1)
    assert not mark.exists(), "what it started ended with it"


@pytest.mark.parametrize("words", [(), ("call",), ("./call",), ("/x", ""), ("/x", "a\0b"), ("/x",) * (MAX_WORDS + 1)])
def test_command_is_a_whole_path_and_a_few_words(words):
    with pytest.raises(MalformedInput, match="command: expected 1 to 16 words"):
        Program(words=words)
    assert repr(Program(words=("/usr/bin/call", "judge"))) == "<program>"


def parse(text):
    return parse_settings(f'format = "coffer.notify/v1"\n{text}'.encode(), "notify.toml", read=lambda _: bytes(32))


def test_settings_name_programs_deputies_and_the_pace_of_each_class():
    settings = parse(
        '[people.1]\ncommand = ["/usr/bin/call", "judge"]\n[people.2]\nmail = "d@court.example"\ndeputy = true\n'
        "[duty.emergency]\nremind-minutes = 3\n"
    )
    assert settings.people[1].address == Program(words=("/usr/bin/call", "judge"))
    assert [settings.people[number].is_deputy for number in (1, 2)] == [False, True]
    own = Pace(remind=dt.timedelta(minutes=3), escalate=PACES["emergency"].escalate)
    assert settings.paces == PACES | {"emergency": own}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            '[people.1]\ncommand = ["/x"]\nmail = "a@b.example"\n',
            "expected mail, webhook with its secret-file, or command",
        ),
        ('[people.1]\ncommand = ["call"]\n', "command: expected 1 to 16 words"),
        ("[duty.leisurely]\nremind-minutes = 3\n", "duty: expected emergency, urgent, ordinary"),
        ("[duty.urgent]\nremind-minutes = 0\n", "remind-minutes"),
        ("[duty.urgent]\nescalate-minutes = 43201\n", "escalate-minutes"),
        ("[duty.urgent]\nsnooze = 1\n", "unknown key"),
        ('[people.1]\nmail = "a@b.example"\ndeputy = 1\n', "deputy"),
    ],
)
def test_settings_that_are_wrong_are_refused(text, said):
    with pytest.raises(MalformedInput, match=said):
        parse(text)


@pytest.mark.parametrize(
    ("language", "said"),
    [
        (Language.ENGLISH, "EMERGENCY. Nobody has opened a request that is waiting; it is due in 95 min."),
        (Language.FRENCH, "URGENCE. Personne n'a ouvert une demande qui attend ; échéance dans 95 min."),
        (Language.GERMAN, "NOTFALL. Niemand hat eine Anfrage geöffnet, die wartet, fällig in 95 min."),
    ],
)
def test_class_and_minutes_are_said_in_each_language(language, said):
    assert format_sentence(MESSAGE, language) == said


@pytest.mark.parametrize("fields", [{"hours": 1, "minutes": 120}, {"minutes": 3}, {"urgency": "Zeno"}])
def test_message_holds_no_other_word_and_no_other_time(fields):
    with pytest.raises(MalformedInput, match="message: "):
        Message(news=News.REQUEST_WAITS, **fields)
