"""A custodian's question about one request, and what the desk explains, to the byte. Pure.

Neither changes anything that is enforced: that is the text of the request alone.

Source: ``docs/formats/exchange.md``, "Question and explanation".
"""

import datetime as dt
from dataclasses import dataclass, replace
from typing import Final

from coffer import letters, wire
from coffer.authority.authorization import parse_free_text
from coffer.errors import MalformedInput, NotProven
from coffer.ledger.entries import Commitment
from coffer.ledger.roster import Roster
from coffer.ledger.rules import parse_custodian_name
from coffer.notes.keys import SigningKey, VerifyKey
from coffer.notes.note import SIGNATURE_BYTES, Note, SignatureLine, parse_note, sign_note

MAX_TEXT_BYTES: Final = 1_000
"""UTF-8, of a question or an explanation: 500 characters of two bytes. A report with the longest question has room in its one size."""
MAX_EXPLANATION_BYTES: Final = 4_096
"""Of a whole explanation: two texts, two signatures and the names."""
QUESTION: Final = "coffer.question/v1"
EXPLANATION: Final = "coffer.explanation/v1"


def parse_told(text: str, place: str) -> str:
    """A question or an explanation: people's own text, at most 500 characters and 1,000 bytes.

    Raises:
        MalformedInput: it is none.
    """
    told = parse_free_text(text, place)
    size = len(told.encode("utf-8"))
    if size > MAX_TEXT_BYTES:
        raise MalformedInput(f"{place}: found {size:,} bytes, expected at most {MAX_TEXT_BYTES:,}")
    return told


def composed_told(text: str, place: str) -> str:
    """The same, of what somebody typed: line ends become spaces, and letters get their one spelling."""
    return parse_told(letters.composed(" ".join(text.split())), place)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a custodian's people ask the desk about one request; at most one each.

    ``signature``: of the custodian's ``auth`` key over ``text_of``, 64 B. It is proven by ``verify``.
    """

    authorization: Commitment
    custodian: str
    asked: dt.datetime
    text: str
    signature: bytes = bytes(SIGNATURE_BYTES)

    def __repr__(self) -> str:
        return f"<question of {self.custodian}>"

    @property
    def signed_text(self) -> bytes:
        """What the custodian signs."""
        lines = (QUESTION, *_question_lines(self))
        return ("\n".join(lines) + "\n").encode("utf-8")

    def verify(self, key: VerifyKey) -> None:
        """Prove that this custodian asked it; raises ``NotProven``."""
        if not key.is_signature(self.signature, self.signed_text):
            raise NotProven(f"question of {self.custodian}: its signature does not verify")


def _question_lines(question: Question) -> tuple[str, ...]:
    return (
        f"authorization: {question.authorization.hex()}",
        f"custodian: {question.custodian}",
        f"asked: {wire.format_time(question.asked)}",
        f"question: {question.text}",
    )


def ask_question(commitment: Commitment, text: str, *, custodian: str, key: SigningKey, now: dt.datetime) -> Question:
    """A signed question. ``text``: as it was typed; ``key``: the custodian's ``auth`` key.

    Raises:
        MalformedInput: it is too long, or holds a character that does not show as itself.
    """
    told = composed_told(text, "question")
    unsigned = Question(authorization=commitment, custodian=custodian, asked=now.replace(microsecond=0), text=told)
    return replace(unsigned, signature=key.sign(unsigned.signed_text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What the desk explained, once, to every custodian of the request. ``raw``: the signed note."""

    question: Question
    time: dt.datetime
    text: str
    raw: bytes

    def __repr__(self) -> str:
        return f"<explanation to {self.question.custodian}>"


def explain(question: Question, text: str, *, key: SigningKey, now: dt.datetime) -> Explanation:
    """The signed explanation. ``text``: as it was typed; ``key``: the requester's.

    Raises:
        MalformedInput: it is too long, or holds a character that does not show as itself.
    """
    told, time = composed_told(text, "explanation"), now.replace(microsecond=0)
    lines = (
        EXPLANATION,
        *_question_lines(question),
        f"signature: {wire.format_base64(question.signature)}",
        f"explained: {wire.format_time(time)}",
        f"explanation: {told}",
    )
    note = sign_note(("\n".join(lines) + "\n").encode("utf-8"), key)
    return Explanation(question=question, time=time, text=told, raw=note.raw)


def verify_explanation(raw: bytes, roster: Roster, requester: VerifyKey, place: str) -> Explanation:
    """Prove that the desk explained it, and that the custodian it names asked.

    Raises:
        MalformedInput: not in its form.
        NotProven: the requester did not sign it, or no custodian of the roster asked this.
    """
    if len(raw) > MAX_EXPLANATION_BYTES:
        raise MalformedInput(f"{place}: {len(raw):,} bytes, expected at most {MAX_EXPLANATION_BYTES:,}")
    explanation = _parse_explanation(_parse_alone(raw, place).verify_signed_by(requester), place)
    asker = roster.custodian(explanation.question.custodian)
    if asker is None:
        raise NotProven(f"{place}: {explanation.question.custodian} is no custodian of its roster")
    explanation.question.verify(asker.auth)
    return explanation


def _parse_explanation(note: Note, place: str) -> Explanation:
    fields = wire.Fields(wire.parse_lines(note.text, place, has_letters=True), place)
    fields.literal(EXPLANATION)
    unsigned = _read_question(fields, place)
    signature = wire.parse_base64(fields.one("signature"), place, size=SIGNATURE_BYTES)
    time = wire.parse_time(fields.one("explained"), place)
    text = parse_told(fields.one("explanation"), place)
    fields.end()
    return Explanation(question=replace(unsigned, signature=signature), time=time, text=text, raw=note.raw)


def _read_question(fields: wire.Fields, place: str) -> Question:
    """The lines of a question; its signature stands elsewhere."""
    return Question(
        authorization=Commitment(wire.parse_hex(fields.one("authorization"), place, size=32)),
        custodian=parse_custodian_name(fields.one("custodian"), place),
        asked=wire.parse_time(fields.one("asked"), place),
        text=parse_told(fields.one("question"), place),
    )


def _parse_alone(raw: bytes, place: str) -> Note:
    """A note with one signature; raises ``MalformedInput`` for any other."""
    note = parse_note(raw, place, has_letters=True)
    if len(note.signatures) != 1:
        raise MalformedInput(f"{place}: {len(note.signatures)} signatures, expected 1")
    return note


def format_question(question: Question, key: VerifyKey) -> bytes:
    """A question as its custodian keeps it: the signed note."""
    line = SignatureLine(name=key.name, key_id=key.key_id, signature=question.signature)
    return Note(text=question.signed_text, signatures=(line,)).raw


def parse_question(raw: bytes, place: str) -> Question:
    """The inverse of ``format_question``; raises ``MalformedInput``."""
    note = _parse_alone(raw, place)
    fields = wire.Fields(wire.parse_lines(note.text, place, has_letters=True), place)
    fields.literal(QUESTION)
    question = replace(_read_question(fields, place), signature=note.signatures[0].signature)
    fields.end()
    return question


def explanation_info(roster_hash: bytes, index: int) -> bytes:
    """HPKE info of an explanation to custodian ``index``."""
    return wire.tag("explanation") + roster_hash + bytes([index])
