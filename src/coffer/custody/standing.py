"""How a request stands at a custodian: the desk's query and the custodian's report, to the byte.

Pure.

Source: ``docs/formats/exchange.md``, "Standing of a request".
"""

import datetime as dt
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from coffer import wire
from coffer.authority.hold import Requested
from coffer.custody.again import Again
from coffer.custody.check_words import NONCE_BYTES
from coffer.custody.questions import Question, parse_told
from coffer.errors import MalformedInput, NotProven
from coffer.ledger.entries import REFUSE_REASONS, Commitment
from coffer.ledger.roster import Custodian
from coffer.ledger.rules import parse_custodian_name
from coffer.notes.keys import HPKE_PUBLIC_BYTES, SigningKey, VerifyKey, parse_key_name
from coffer.notes.note import SIGNATURE_BYTES

FRESH_FOR: Final = dt.timedelta(minutes=15)
"""How far the query's time may be from the custodian's clock, as for everything else that two clocks compare."""
PLAIN_BYTES: Final = 2_048
"""Every reply has this length before it is sealed, so that its length says nothing.

A report of the longest names has under 800 bytes, and a question of 1,000 bytes comes with 120 more.
"""
MAX_PEOPLE: Final = 99
FORMAT: Final = "coffer.standing/v2"
_QUERY: Final = b"COFSTQ01"
_UNSAID: Final = "unsaid"
_NO: Final = "no"
_EXPLAINED: Final = {"open": False, "explained": True}
_TOLD: Final = {"told": True, "untold": False}


@dataclass(frozen=True, kw_only=True, repr=False)
class Query:
    """A parsed query; nothing in it is proven.

    It has no slots, because its hash is computed once and kept.

    ``requester``: the name of a requester of the roster. ``reply_public``: an HPKE key that was made for this query alone, 1,216 B.
    """

    requester: str
    commitment: Commitment
    time: dt.datetime
    reply_public: bytes
    signature: bytes = bytes(SIGNATURE_BYTES)

    @property
    def body(self) -> bytes:
        """What is signed: all but the signature."""
        seconds = int(self.time.timestamp()).to_bytes(8, "big")
        name = wire.lp(self.requester.encode("ascii"))
        return _QUERY + name + self.commitment + seconds + self.reply_public

    @cached_property
    def raw(self) -> bytes:
        """What is sealed to a custodian."""
        return self.body + self.signature

    @cached_property
    def hash(self) -> bytes:
        """H(raw): what the reply is bound to."""
        return wire.digest(self.raw)

    def is_signed_by(self, key: VerifyKey, roster_hash: bytes, index: int) -> bool:
        """Whether ``key`` made the signature for this very custodian."""
        return key.is_signature(self.signature, _query_message(self.body, roster_hash, index))

    def is_fresh(self, now: dt.datetime) -> bool:
        """Whether it was made within 15 minutes of this clock."""
        return abs(now - self.time) <= FRESH_FOR


def sign_query(unsigned: Query, key: SigningKey, roster_hash: bytes, index: int) -> Query:
    """The same query with the requester's signature."""
    return replace(unsigned, signature=key.sign(_query_message(unsigned.body, roster_hash, index)))


def parse_query(raw: bytes) -> Query:
    """Strict inverse of ``Query.raw``; raises ``MalformedInput``."""
    cursor = wire.Cursor(raw, "query")
    cursor.literal(_QUERY)
    try:
        requester = parse_key_name(cursor.lp().decode("ascii"), "query")
    except UnicodeDecodeError:
        raise MalformedInput("query: the requester's name is not ASCII") from None
    commitment, seconds = Commitment(cursor.take(32)), cursor.u64()
    reply_public, signature = cursor.take(HPKE_PUBLIC_BYTES), cursor.take(SIGNATURE_BYTES)
    cursor.end()
    try:
        time = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=seconds)
    except OverflowError:
        raise MalformedInput("query: its time is outside the calendar") from None
    return Query(requester=requester, commitment=commitment, time=time, reply_public=reply_public, signature=signature)


def query_info(roster_hash: bytes, index: int) -> bytes:
    """HPKE info of a query to custodian ``index``."""
    return wire.tag("standing") + roster_hash + bytes([index])


def standing_info(query_hash: bytes, index: int) -> bytes:
    """HPKE info of the reply of custodian ``index``."""
    return wire.tag("standing-reply") + query_hash + bytes([index])


def _query_message(body: bytes, roster_hash: bytes, index: int) -> bytes:
    return query_info(roster_hash, index) + wire.digest(body)


def _report_message(query_hash: bytes, report: bytes) -> bytes:
    return wire.tag("standing-reply") + query_hash + wire.digest(report)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Signed:
    """The custodian countersigned. ``signature``: of its ``auth`` key over the note's text, 64 B."""

    time: dt.datetime
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SaidNo:
    """The custodian refused, or took its approval back (``is_withdrawal``).

    ``reason`` and ``time`` are None where its machine only knows that it said no. ``again``: how the desk may come again, None if nothing was said.
    """

    is_withdrawal: bool
    reason: str | None
    time: dt.datetime | None
    again: Again | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The custodian's question. ``is_explained``: its machine has what the desk explained."""

    question: Question
    is_explained: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What became of a note that the custodian's machine holds.

    ``seen``: one of its people saw it in the list first. ``reading``: one of them opened it first. ``agreed`` of ``needed``: its people.
    ``asked``: what its people ask the desk.
    """

    since: dt.datetime
    nonce: bytes
    seen: dt.datetime | None
    reading: dt.datetime | None
    agreed: int
    needed: int
    decision: Signed | SaidNo | None
    asked: Asked | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Away:
    """The custodian's people are away. ``is_told``: whoever stands in for them was told of what waits."""

    until: dt.datetime
    is_told: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How one request stands at one custodian.

    ``held``: None if its machine does not hold the note, or holds it from another desk. ``away``: None if its people are there.
    """

    custodian: str
    authorization: Commitment
    held: Held | None
    away: Away | None

    def format(self) -> bytes:
        """The report's text."""
        lines = [FORMAT, f"custodian: {self.custodian}", f"authorization: {self.authorization.hex()}"]
        lines += [f"held: {_NO}"] if self.held is None else _held_lines(self.held)
        lines.append(f"away: {_NO if self.away is None else _format_away(self.away)}")
        return ("\n".join(lines) + "\n").encode("utf-8")


def _held_lines(held: Held) -> list[str]:
    lines = [f"held: {wire.format_time(held.since)}", f"nonce: {held.nonce.hex()}"]
    lines += [f"seen: {wire.format_time(held.seen)}"] if held.seen is not None else []
    lines += [f"reading: {wire.format_time(held.reading)}"] if held.reading is not None else []
    lines += [f"agreed: {held.agreed} of {held.needed}", f"decision: {_format_decision(held.decision)}"]
    if isinstance(held.decision, SaidNo) and held.decision.again is not None:
        lines.append(f"again: {held.decision.again.format()}")
    if held.asked is not None:
        question, state = held.asked.question, "explained" if held.asked.is_explained else "open"
        signature = wire.format_base64(question.signature)
        lines.append(f"question: {wire.format_time(question.asked)} {state} {signature} {question.text}")
    return lines


def _format_decision(decision: Signed | SaidNo | None) -> str:
    match decision:
        case None:
            return "open"
        case Signed():
            return f"signed {wire.format_time(decision.time)} {wire.format_base64(decision.signature)}"
        case SaidNo():
            time = _UNSAID if decision.time is None else wire.format_time(decision.time)
            return f"{'withdrawn' if decision.is_withdrawal else 'refused'} {decision.reason or _UNSAID} {time}"


def _format_away(away: Away) -> str:
    return f"{wire.format_time(away.until)} {'told' if away.is_told else 'untold'}"


def parse_standing(raw: bytes, place: str) -> Standing:
    """The strict inverse of ``Standing.format``; raises ``MalformedInput``."""
    fields = wire.Fields(wire.parse_lines(raw, place, has_letters=True), place)
    fields.literal(FORMAT)
    custodian = parse_custodian_name(fields.one("custodian"), place)
    authorization = Commitment(wire.parse_hex(fields.one("authorization"), place, size=32))
    held = _parse_held(fields, authorization, custodian, place)
    away = _parse_away(fields.one("away"), place)
    fields.end()
    standing = Standing(custodian=custodian, authorization=authorization, held=held, away=away)
    if standing.format() != raw:
        raise MalformedInput(f"{place}: not in canonical form")
    return standing


def _parse_held(fields: wire.Fields, authorization: Commitment, custodian: str, place: str) -> Held | None:
    since = fields.one("held")
    if since == _NO:
        return None
    nonce = wire.parse_hex(fields.one("nonce"), place, size=NONCE_BYTES)
    seen, reading = fields.optional("seen"), fields.optional("reading")
    agreed, _, needed = fields.one("agreed").partition(" of ")
    people = wire.parse_decimal(needed, place, low=1, high=MAX_PEOPLE)
    decision = _parse_decision(fields.one("decision"), place)
    again, asked = fields.optional("again"), fields.optional("question")
    if again is not None:
        if not isinstance(decision, SaidNo):
            raise MalformedInput(f"{place}: again: only after a refusal")
        decision = replace(decision, again=Again.parse(again, place))
    return Held(
        since=wire.parse_time(since, place),
        nonce=nonce,
        seen=None if seen is None else wire.parse_time(seen, place),
        reading=None if reading is None else wire.parse_time(reading, place),
        agreed=wire.parse_decimal(agreed, place, low=0, high=people),
        needed=people,
        decision=decision,
        asked=None if asked is None else _parse_asked(asked, authorization, custodian, place),
    )


def _parse_asked(text: str, authorization: Commitment, custodian: str, place: str) -> Asked:
    match text.split(" ", 3):
        case [time, ("open" | "explained") as state, signature, told]:
            question = Question(
                authorization=authorization,
                custodian=custodian,
                asked=wire.parse_time(time, place),
                text=parse_told(told, place),
                signature=wire.parse_base64(signature, place, size=SIGNATURE_BYTES),
            )
            return Asked(question=question, is_explained=_EXPLAINED[state])
        case _:
            raise MalformedInput(f"{place}: question: expected a time, open or explained, a signature and a text")


def _parse_decision(text: str, place: str) -> Signed | SaidNo | None:
    match text.split(" "):
        case ["open"]:
            return None
        case ["signed", time, signature]:
            made = wire.parse_base64(signature, place, size=SIGNATURE_BYTES)
            return Signed(time=wire.parse_time(time, place), signature=made)
        case [("refused" | "withdrawn") as word, reason, time] if reason in (*REFUSE_REASONS, _UNSAID):
            return SaidNo(
                is_withdrawal=word == "withdrawn",
                reason=None if reason == _UNSAID else reason,
                time=None if time == _UNSAID else wire.parse_time(time, place),
            )
        case _:
            raise MalformedInput(f"{place}: decision: expected open, signed, refused or withdrawn")


def _parse_away(text: str, place: str) -> Away | None:
    match text.split(" "):
        case ["no"]:
            return None
        case [time, ("told" | "untold") as told]:
            return Away(until=wire.parse_time(time, place), is_told=_TOLD[told])
        case _:
            raise MalformedInput(f"{place}: away: expected no, or a time and told or untold")


def sign_standing(standing: Standing, query: Query, key: SigningKey) -> bytes:
    """The reply before it is sealed: report, padding and signature, always ``PLAIN_BYTES``."""
    report = standing.format()
    padded = wire.lp(report).ljust(PLAIN_BYTES - SIGNATURE_BYTES, b"\0")
    assert len(padded) == PLAIN_BYTES - SIGNATURE_BYTES, "no report is so long"
    return padded + key.sign(_report_message(query.hash, report))


def verify_standing(raw: bytes, *, query: Query, authorization: Requested, member: Custodian) -> Standing:
    """Prove that an unsealed reply and its countersignature are this custodian's, to this query.

    Raises:
        NotProven: another length, signature, custodian or request, or a countersignature or question that is not of its ``auth`` key.
    """
    place = f"standing at {member.name}"
    padded, signature = raw[:-SIGNATURE_BYTES], raw[-SIGNATURE_BYTES:]
    try:
        if len(raw) != PLAIN_BYTES:
            raise MalformedInput(f"{place}: {len(raw)} bytes, expected {PLAIN_BYTES}")
        cursor = wire.Cursor(padded, place)
        report = cursor.lp()
        if padded.count(0, cursor.offset) != len(padded) - cursor.offset:
            raise MalformedInput(f"{place}: not padded with zeros")
        if not member.resp.is_signature(signature, _report_message(query.hash, report)):
            raise NotProven(f"{place}: its signature does not verify")
        standing = parse_standing(report, place)
    except MalformedInput as error:
        raise NotProven(error.message) from None
    if (standing.custodian, standing.authorization) != (member.name, authorization.commitment):
        raise NotProven(f"{place}: signed, but of another custodian or request")
    decision = standing.held.decision if standing.held is not None else None
    if isinstance(decision, Signed) and not member.auth.is_signature(decision.signature, authorization.note.text):
        raise NotProven(f"{place}: its countersignature does not verify")
    if standing.held is not None and standing.held.asked is not None:
        standing.held.asked.question.verify(member.auth)
    return standing
