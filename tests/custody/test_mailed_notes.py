"""A request that came within a mail: exactly what mail changes is put back, and nothing else is taken for a note."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coffer.authority.authorization import parse_authorization
from coffer.cli.main import run
from coffer.errors import MalformedInput
from coffer.notes.keys import Secret, SigningKey
from coffer.notes.mailed import unmailed
from coffer.notes.note import parse_note, sign_note

NOTE = sign_note(
    b"coffer.test/v1\norigin: a.example/v\nword: Caf\xc3\xa9\n", SigningKey("desk", Secret(bytes(32), "key"))
).raw
MAILED = {
    "line ends": lambda raw: raw.replace(b"\n", b"\r\n"),
    "no last line end": lambda raw: raw[:-1],
    "empty lines behind": lambda raw: raw + b"\n\n  \n\t\n",
    "empty line of Windows": lambda raw: raw.replace(b"\n", b"\r\n") + b"\r\n",
    "mark before": lambda raw: b"\xef\xbb\xbf" + raw,
}


@pytest.mark.parametrize("how", MAILED)
def test_what_mail_changes_is_put_back_to_the_byte(how):
    assert MAILED[how](NOTE) != NOTE == unmailed(MAILED[how](NOTE))


@given(st.lists(st.sampled_from(sorted(MAILED)), max_size=4))
def test_in_any_order(hows):
    raw = NOTE
    for how in hows:  # several mail programs on one way
        raw = MAILED[how](unmailed(raw))
    assert unmailed(raw) == NOTE


@given(st.binary(max_size=300))
def test_other_bytes_stay_as_they_are_or_are_no_note(raw):
    for text in (raw, b"coffer.test/v1\n" + raw):
        if unmailed(text) != text:
            with pytest.raises(MalformedInput, match="note"):
                parse_note(unmailed(text), "note")


@given(st.integers(0, len(NOTE) - 1), st.integers(1, 255))
def test_one_changed_byte_gives_no_other_note_that_holds(at, change):
    raw = NOTE[:at] + bytes([NOTE[at] ^ change]) + NOTE[at + 1 :]
    mended = unmailed(raw)
    if mended != NOTE:
        try:
            note = parse_note(mended, "note", has_letters=True)
        except MalformedInput:
            return
        assert note.text != parse_note(NOTE, "note", has_letters=True).text or len(mended) == len(NOTE)
        assert not note.is_signed_by(SigningKey("desk", Secret(bytes(32), "key")).verify_key)


def test_request_that_came_by_mail_is_shown_and_countersigned(world, monkeypatch, capfd):
    monkeypatch.chdir(world.path)
    monkeypatch.setenv("COFFER_PASSPHRASE", "correct horse")
    raw = world.request()
    path = world.path / "r.note"
    path.write_bytes(raw.replace(b"\n", b"\r\n") + b"\r\n")
    assert run(["show", "r.note", "--vault", "vault"]) == 0
    assert "r.note: its line ends were changed on the way, and are put back" in capfd.readouterr().err
    assert run(["countersign", "vault", "r.note", "--as", "judge", "--yes"]) == 0
    signed = parse_authorization(path.read_bytes(), "r.note")
    assert signed.commitment == parse_authorization(raw, "r.note").commitment
    assert [line.name for line in signed.note.signatures] == ["desk", "judge/auth"]
    path.write_bytes(raw.replace(b"\n\n", b"\n"))
    assert run(["show", "r.note"]) == 2
    assert "a mail program may have changed it: ask for it once more, as an attached file" in capfd.readouterr().err
