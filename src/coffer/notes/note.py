"""A note: a text, an empty line, and signature lines; parsed, written, signed and verified.

Source: C2SP signed-note; ``docs/formats/notes.md``.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Self

from coffer import wire
from coffer.errors import MalformedInput, NotProven
from coffer.notes.keys import SigningKey, VerifyKey, parse_key_name

MAX_NOTE_BYTES: Final = 65_535
"""A log entry's length is a u16 (C2SP tlog-tiles), so a longer note could never be logged."""
MAX_SIGNATURES: Final = 16
"""Enough for nine custodians, a requester and some witnesses. More are refused before any is verified."""
MAX_CHECKPOINT_BYTES: Final = 131_072
"""C2SP asks readers to accept 16 signatures; with 5 kB for a post-quantum one that is 107 kB in base64.

A checkpoint is no log entry, so it may be longer than one.
"""
MAX_CHECKPOINT_SIGNATURES: Final = 64
"""Many strangers may have cosigned a checkpoint. More are refused before any is verified."""
SIGNATURE_BYTES: Final = 64
COSIGNATURE_BYTES: Final = 72
_LINE: Final = re.compile(r"— (\S+) (\S+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureLine:
    """One signature line. ``signature``: 64 B for Ed25519; other lengths belong to other kinds of key."""

    name: str
    key_id: bytes
    signature: bytes

    def format(self) -> str:
        """The line without its line end."""
        return f"— {self.name} {wire.format_base64(self.key_id + self.signature)}"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Note:
    """A parsed note: nothing in it is verified yet. ``text`` includes its last LF."""

    text: bytes
    signatures: tuple[SignatureLine, ...]

    @property
    def raw(self) -> bytes:
        """The note's bytes. They equal the parsed bytes, because a note has one spelling."""
        lines = "".join(line.format() + "\n" for line in self.signatures)
        return self.text + b"\n" + lines.encode("utf-8")

    def verify_lines_of(self, keys: Iterable[VerifyKey]) -> None:
        """Prove every line that claims to be of one of these keys.

        Raises:
            NotProven: one does not verify; then nothing in the note is to be believed.
        """
        claimed = {(line.name, line.key_id) for line in self.signatures}
        for key in keys:
            if (key.name, key.key_id) in claimed:
                self.is_signed_by(key)

    def is_signed_by(self, key: VerifyKey) -> bool:
        """Whether ``key`` signed.

        Raises:
            NotProven: a line claims to be this key's and does not verify; then nothing in the note is to be believed.
        """
        lines = [line for line in self.signatures if (line.name, line.key_id) == (key.name, key.key_id)]
        if not all(key.is_signature(line.signature, self.text) for line in lines):
            raise NotProven(f"note: the signature of {key.name} does not verify")
        return bool(lines)

    def verify_signed_by(self, key: VerifyKey) -> Self:
        """This note, proven to be signed by ``key``."""
        if not self.is_signed_by(key):
            raise NotProven(f"note: not signed by {key.name}")
        return self

    def with_signature(self, key: SigningKey) -> "Note":
        """The same note with ``key``'s signature added at the end; no line is replaced."""
        return Note(text=self.text, signatures=(*self.signatures, _signature(self.text, key)))


def join_notes(notes: Sequence[Note], place: str) -> Note:
    """One note with the signatures of several copies of a text that were signed apart.

    Each signature is kept once, in the order of the copies.

    Raises:
        MalformedInput: the texts differ.
    """
    first, *others = notes
    if any(other.text != first.text for other in others):
        raise MalformedInput(
            f"{place}: the notes are not copies of one text", hint="join only what was signed of one request"
        )
    return Note(text=first.text, signatures=tuple(dict.fromkeys(line for note in notes for line in note.signatures)))


def sign_note(text: bytes, *keys: SigningKey) -> Note:
    """A note over ``text`` with a signature by each key, in order."""
    wire.parse_lines(text, "note", has_letters=True)
    return Note(text=text, signatures=tuple(_signature(text, key) for key in keys))


def parse_note(raw: bytes, place: str, *, may_be_cosigned: bool = False, has_letters: bool = False) -> Note:
    """The note of these bytes: strict inverse of ``Note.raw``; raises ``MalformedInput`` only.

    ``has_letters``: only for a note that holds people's own text (``docs/formats/letters.md``).
    ``may_be_cosigned``: only for a checkpoint, which anyone may cosign. Signatures of other lengths, all names that
    C2SP allows, and text in UTF-8 are then kept as they stand. Lines that this program does not know therefore do not
    spoil those that it knows.
    """
    limit = MAX_CHECKPOINT_BYTES if may_be_cosigned else MAX_NOTE_BYTES
    if len(raw) > limit:
        raise MalformedInput(f"{place}: {len(raw)} bytes, expected at most {limit}")
    text, separator, tail = raw.rpartition(b"\n\n")
    if not separator:
        raise MalformedInput(
            f"{place}: no empty line between text and signatures",
            hint="a mail program may have changed it: ask for it once more, as an attached file",
        )
    text += b"\n"
    if may_be_cosigned:
        _verify_foreign_text(text, place)
    else:
        wire.parse_lines(text, place, has_letters=has_letters)
    if not tail.endswith(b"\n"):
        raise MalformedInput(f"{place}: the last signature line has no line end")
    try:
        lines = tail[:-1].decode("utf-8").split("\n")
    except UnicodeDecodeError:
        raise MalformedInput(f"{place}: signature lines are not UTF-8") from None
    most = MAX_CHECKPOINT_SIGNATURES if may_be_cosigned else MAX_SIGNATURES
    if len(lines) > most:
        raise MalformedInput(f"{place}: {len(lines)} signature lines, expected at most {most}")
    signatures = tuple(_parse_line(line, f"{place}: signature {n}") for n, line in enumerate(lines, 1))
    if not may_be_cosigned:
        _verify_own_lines(signatures, place)
    return Note(text=text, signatures=signatures)


def parse_signature_line(raw: bytes, place: str) -> SignatureLine:
    """One Ed25519 cosignature with its line end, as a custodian hands it out; raises ``MalformedInput``."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise MalformedInput(f"{place}: not UTF-8") from None
    line = _parse_line(text.removesuffix("\n"), place)
    parse_key_name(line.name, place)
    if len(line.signature) != COSIGNATURE_BYTES:
        raise MalformedInput(
            f"{place}: {4 + len(line.signature)} bytes, expected a key id of 4 and 72 of a cosignature"
        )
    return line


def _verify_foreign_text(text: bytes, place: str) -> None:
    """Refuse a text that C2SP allows in no note.

    It must be UTF-8, and the only control characters are line ends.
    """
    try:
        characters = text.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedInput(f"{place}: byte {error.start} is not UTF-8") from None
    if any(character < " " and character != "\n" for character in characters):
        raise MalformedInput(f"{place}: a control character in the text")


def _parse_line(line: str, place: str) -> SignatureLine:
    """A signature line in the form that C2SP allows.

    The name is anything without spaces and ``+``. A key id of 4 bytes and at least one byte of signature follow.
    """
    match = _LINE.fullmatch(line)
    if match is None or "+" in match[1]:
        raise MalformedInput(f"{place}: expected a dash, a name and base64")
    raw = wire.parse_base64(match[2], place)
    if len(raw) < 5:
        raise MalformedInput(f"{place}: {len(raw)} bytes, expected a key id of 4 and a signature")
    return SignatureLine(name=match[1], key_id=raw[:4], signature=raw[4:])


def _verify_own_lines(signatures: tuple[SignatureLine, ...], place: str) -> None:
    """Refuse signature lines that a note of Coffer's own cannot have.

    Such a note has one spelling: it uses only Ed25519, names of its kind, and one line for each key.
    """
    for number, line in enumerate(signatures, 1):
        parse_key_name(line.name, f"{place}: signature {number}")
        if len(line.signature) != SIGNATURE_BYTES:
            raise MalformedInput(
                f"{place}: signature {number}: {4 + len(line.signature)} bytes, expected a key id of 4 and a signature of 64"
            )
    if len({(line.name, line.key_id) for line in signatures}) != len(signatures):
        raise MalformedInput(f"{place}: two signature lines of one key")


def _signature(text: bytes, key: SigningKey) -> SignatureLine:
    return SignatureLine(name=key.verify_key.name, key_id=key.verify_key.key_id, signature=key.sign(text))
