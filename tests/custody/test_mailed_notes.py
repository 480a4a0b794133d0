"""A request that came within a mail: exactly what mail changes is put back, and nothing else is taken for a note."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coffer.authority.authorization import parse_authorization
from coffer.cli.main import run
from coffer.errors import MalformedInput, NotProven
from coffer.notes.keys import Secret, SigningKey
from coffer.notes.mailed import unmailed
from coffer.notes.note import parse_note, sign_note

KEY = SigningKey("desk", Secret(bytes(32), "key"))
NOTE = sign_note("coffer.test/v1\norigin: a.example/v\nword: Café\n".encode(), KEY).raw
MAILED = {
    "line ends": lambda raw: raw.replace(b"\n", b"\r\n"),
    "no last line end": lambda raw: raw[:-1],
    "empty lines behind": lambda raw: raw + b"\n\n  \n\t\n",
    "empty line of Windows": lambda raw: raw.replace(b"\n", b"\r\n") + b"\r\n",
    "mark before": lambda raw: b"\xef\xbb\xbf" + raw,
}


@pytest.mark.parametrize("how", MAILED)
def test_what_mail_changes_is_put_back_to_the_byte(how):
    assert MAILED[how](NOTE) != NOTE == unmailed(MAILED[how](NOTE)) == unmailed(NOTE)


@given(st.binary(max_size=300))
def test_other_bytes_stay_as_they_are_or_are_no_note(raw):
    for text in (raw, b"coffer.test/v1\n" + raw):
        if unmailed(text) != text:
            with pytest.raises(MalformedInput, match="note"):
                parse_note(unmailed(text), "note")


@given(st.integers(0, len(NOTE) - 1), st.integers(1, 255))
def test_one_changed_byte_gives_no_other_note_that_holds(at, change):
    mended = unmailed(NOTE[:at] + bytes([NOTE[at] ^ change]) + NOTE[at + 1 :])
    if mended != NOTE:
        with contextlib.suppress(MalformedInput, NotProven):
            assert not parse_note(mended, "note", has_letters=True).is_signed_by(KEY.verify_key)


def test_request_that_came_by_mail_is_shown_and_signed(world, monkeypatch, capfd):
    monkeypatch.chdir(world.path)
    raw = world.request()
    path = world.path / "r.note"
    path.write_bytes(raw.replace(b"\n", b"\r\n") + b"\r\n")
    assert run(["show", "r.note", "--vault", "vault"]) == 0
    assert "r.note: its line ends were changed on the way, and are put back" in capfd.readouterr().err
    signed = parse_authorization(world.countersign(unmailed(path.read_bytes()), "judge"), "r.note")
    assert [line.name for line in signed.note.signatures] == ["desk", "judge/auth"]
    path.write_bytes(raw.replace(b"\n\n", b"\n"))
    assert run(["show", "r.note"]) == 2
    assert "a mail program may have changed it: ask for it once more, as an attached file" in capfd.readouterr().err
