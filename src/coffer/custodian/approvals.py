"""A custodian's approvals file: what its people approved, and what they withdrew. Pure.

Each line carries a MAC over itself and the MAC of the line before it, under a key that only the custodian has. So nobody else can add a line, change
one, or take one from the middle. Where persons must agree by passkey, each line of theirs holds what their authenticator signed, and it is verified
again whenever the file is read. This file alone says when a request is approved. Implements ``docs/formats/authorization.md``, "Approvals file".
"""

import datetime as dt
import hmac
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import Final

from coffer import wire
from coffer.custodian.people_file import History
from coffer.errors import MalformedInput, NotProven, Refused
from coffer.ledger.entries import Commitment
from coffer.notes.keys import Secret
from coffer.passkeys.ceremonies import Assertion, verify_assertion
from coffer.passkeys.passkey import Passkey

HEADER: Final = b"coffer.approvals/v2\n"


def approval_challenge(custodian: str, commitment: Commitment, text_hash: bytes, nonce: bytes) -> bytes:
    """What a person's authenticator signs to agree to a request.

    ``text_hash``: SHA-256 of the note's text, of which every byte was on the page. ``nonce``: 32 fresh bytes of this custodian, so that an assertion
    serves once.
    """
    return wire.digest(wire.tag("approve"), wire.lp(custodian.encode("ascii")), commitment, text_hash, nonce)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratification:
    """What was opened in an emergency, as something to agree to afterwards.

    ``commitment``: of its request. ``intent``: the index of its intent in the log, at most 2^63 - 1.
    """

    commitment: Commitment
    intent: int


Agreeable = Commitment | Ratification
"""What persons agree to: a request or a hold, before anything of it is opened or kept; or what an emergency opened."""


def challenge_of(custodian: str, about: Agreeable, text_hash: bytes, nonce: bytes) -> bytes:
    """What a person's authenticator signs to agree; no agreement to one thing counts for another.

    ``text_hash`` and ``nonce`` as of ``approval_challenge``: also who ratifies has read the whole request.
    """
    if not isinstance(about, Ratification):
        return approval_challenge(custodian, about, text_hash, nonce)
    named, intent = wire.lp(custodian.encode("ascii")), about.intent.to_bytes(8, "big")
    return wire.digest(wire.tag("ratify"), named, about.commitment, intent, text_hash, nonce)


# What a line says.


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved:
    """Approved at the terminal, by whoever has the passphrase."""

    commitment: Commitment


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """One person agrees, with what their authenticator signed."""

    about: Agreeable
    person: int
    nonce: bytes = field(repr=False)
    text_hash: bytes
    assertion: Assertion


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenBack:
    """One person agrees no more; possible until the last of those that are needed has agreed."""

    about: Agreeable
    person: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn:
    """Refused, before or after it was approved; that is final. ``person``: 0 at the terminal."""

    commitment: Commitment
    person: int = 0


Decision = Approved | Agreed | TakenBack | Withdrawn


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """An agreement that stands, proven.

    ``lines``: how many lines the file of the people had then, which says who they were and how many had to agree.
    """

    agreed: Agreed
    passkey: Passkey
    time: dt.datetime
    lines: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Approvals:
    """A proven file.

    ``ratified``: what enough persons agreed to of emergencies. ``agreements``: those that stand, the oldest first.
    ``completed``: the agreement that made enough of them, by request; one that was approved at the terminal is not
    there. ``nonces``: those of all agreements. ``counts``: the counter of each passkey at its last agreement.
    ``lines``: of the people's file, as far as the last line knows it. ``size``: bytes of its whole lines. ``chain``:
    the MAC of the last one, which the next line continues.
    """

    approved: frozenset[Commitment] = frozenset()
    withdrawn: frozenset[Commitment] = frozenset()
    ratified: frozenset[Ratification] = frozenset()
    agreements: Mapping[Agreeable, tuple[Agreement, ...]] = field(default_factory=dict)
    completed: Mapping[Commitment, Agreement] = field(default_factory=dict)
    nonces: frozenset[bytes] = frozenset()
    counts: Mapping[bytes, int] = field(default_factory=dict)
    lines: int = 0
    size: int = 0
    chain: bytes = b""

    @property
    def in_force(self) -> frozenset[Commitment]:
        """Approved and not withdrawn. A withdrawal is final, whatever is approved later."""
        return self.approved - self.withdrawn

    def agreed_by(self, about: Agreeable) -> tuple[int, ...]:
        """The persons whose agreement stands, the first at the head."""
        return tuple(one.agreed.person for one in self.agreements.get(about, ()))

    def is_settled(self, about: Agreeable) -> bool:
        """Whether enough agreed, so that nobody takes an agreement back alone."""
        return _is_settled(about, self.approved, self.ratified)


def _is_settled(about: Agreeable, approved: AbstractSet[Commitment], ratified: AbstractSet[Ratification]) -> bool:
    return about in ratified if isinstance(about, Ratification) else about in approved


class _Reader:
    """Judges the lines of a file one by one by the rule; afterwards ``result`` says what stands."""

    def __init__(self, begun: Approvals, history: History, custodian: str, proven: set[bytes]) -> None:
        self._history, self._custodian, self._proven = history, custodian, proven
        self._approved, self._withdrawn = set(begun.approved), set(begun.withdrawn)
        self._ratified = set(begun.ratified)
        self._agreements, self._completed = dict(begun.agreements), dict(begun.completed)
        self._nonces, self._counts, self._lines = set(begun.nonces), dict(begun.counts), begun.lines

    def take(self, decision: Decision, time: dt.datetime, lines: int, mac: bytes) -> None:
        """One line.

        Raises:
            Refused: the rule does not allow it; what stands is as it was.
            MalformedInput: an assertion is not in its form.
        """
        if lines < self._lines or lines > self._history.lines:
            raise Refused("people: lines of their file are missing", code="form")
        people = self._history.states[lines]
        match decision:
            case Approved():
                if people.required:
                    raise must_agree(people.required)
                self._approved.add(decision.commitment)
            case Agreed():
                self._agree(decision, time, lines, mac)
            case TakenBack():
                people.person(decision.person)
                self._take_back(decision)
            case Withdrawn():
                if decision.person:
                    people.person(decision.person)
                self._withdrawn.add(decision.commitment)
                self._look_again(decision.commitment)
        self._lines = lines

    def _is_settled(self, about: Agreeable) -> bool:
        return _is_settled(about, self._approved, self._ratified)

    def _look_again(self, refused: Commitment) -> None:
        """Agreements to ratify under it end: whoever looks again agrees after the refusal."""
        for about in list(self._agreements):
            if isinstance(about, Ratification) and about.commitment == refused and about not in self._ratified:
                del self._agreements[about]

    def _take_back(self, decision: TakenBack) -> None:
        standing = self._agreements.get(decision.about, ())
        if decision.person not in {one.agreed.person for one in standing}:
            raise Refused(f"person {decision.person}: did not agree to it", code="form")
        if self._is_settled(decision.about):
            if isinstance(decision.about, Ratification):
                raise Refused("emergency: ratified already", code="form", hint="what the log shows stays there")
            raise Refused(
                "request: approved already, so that nobody takes an agreement back alone",
                code="form",
                hint="refuse it: from then on this custodian answers nothing to it",
            )
        self._agreements[decision.about] = tuple(one for one in standing if one.agreed.person != decision.person)

    def _agree(self, agreed: Agreed, time: dt.datetime, lines: int, mac: bytes) -> None:
        about, people = agreed.about, self._history.states[lines]
        if not people.required or people.site is None:
            raise Refused("people: nobody is asked to agree by passkey", code="form")
        if about in self._withdrawn:  # of a request alone: who refused it may look again, and ratify what was opened
            raise Refused("request: refused by this custodian before", code="scope")
        person = people.person(agreed.person)
        passkey = person.passkey(agreed.assertion.credential)
        if passkey is None:
            raise Refused(f"person {agreed.person}: has no such passkey", code="form")
        standing = self._agreements.get(about, ())
        if not self._is_settled(about):  # who lost a passkey since then agrees again with another
            standing = tuple(one for one in standing if _still_has(self._history, lines, one))
        if agreed.person in {one.agreed.person for one in standing}:
            raise Refused(f"person {agreed.person}: agreed before, and counts once", code="form")
        if any(one.agreed.text_hash != agreed.text_hash for one in standing):
            raise Refused("request: another text than the one before", code="form")
        if agreed.nonce in self._nonces:
            raise Refused("passkey: this assertion served before", code="form")
        if mac not in self._proven:
            challenge = challenge_of(self._custodian, about, agreed.text_hash, agreed.nonce)
            counted = max(passkey.count, self._counts.get(passkey.id, 0))
            verify_assertion(agreed.assertion, replace(passkey, count=counted), people.site, challenge=challenge)
            self._proven.add(mac)
        agreement = Agreement(agreed=agreed, passkey=passkey, time=time, lines=lines)
        standing = (*standing, agreement)
        self._agreements[about] = standing
        self._nonces.add(agreed.nonce)
        self._counts[passkey.id] = agreed.assertion.count
        if self._is_settled(about) or len(standing) < people.required:
            return
        if isinstance(about, Ratification):
            self._ratified.add(about)
        else:
            self._approved.add(about)
            self._completed[about] = agreement

    def result(self, size: int, chain: bytes) -> Approvals:
        """What stands after the lines that were taken."""
        return Approvals(
            approved=frozenset(self._approved),
            withdrawn=frozenset(self._withdrawn),
            ratified=frozenset(self._ratified),
            agreements=self._agreements,
            completed=self._completed,
            nonces=frozenset(self._nonces),
            counts=self._counts,
            lines=self._lines,
            size=size,
            chain=chain,
        )


def _still_has(history: History, lines: int, agreement: Agreement) -> bool:
    """Whether a person still has the passkey of an agreement after so many lines of the people's file."""
    person = history.states[lines].persons.get(agreement.agreed.person)
    return person is not None and person.passkey(agreement.passkey.id) is not None


def must_agree(required: int) -> Refused:
    """The refusal of an approval at the terminal where persons must agree."""
    who = "one person" if required == 1 else f"{required} persons"
    return Refused(
        f"approval: {who} of this custodian must agree by passkey",
        code="form",
        hint="approve it on the custodian's own page; refusing works here too",
    )


def parse_approvals(
    raw: bytes, key: Secret, history: History, *, custodian: str, place: str, proven: set[bytes] | None = None
) -> Approvals:
    """Read and prove a file.

    A last line without its end is left out: a crash cut it before anybody acted on it. ``proven``: MACs of lines of which the assertion was verified
    before; it grows.

    Raises:
        NotProven: a line was changed, added or taken from the middle, lines of the people's file are missing, or an assertion does not hold.
    """
    header, *lines = raw.split(b"\n")[:-1] or [b""]
    chain = _first(key)
    if not header:
        return Approvals(chain=chain)
    if header + b"\n" != HEADER:
        raise NotProven(f"{place}: approvals: not in the form {HEADER.decode('ascii').strip()}")
    reader, size = _Reader(Approvals(), history, custodian, set() if proven is None else proven), len(HEADER)
    for number, line in enumerate(lines, 1):
        text, _, mac = line.rpartition(b" ")
        chain = _mac(key, chain, text)
        if not hmac.compare_digest(mac, chain.hex().encode("ascii")):
            raise NotProven(
                f"{place}: approvals line {number} is not its own",
                hint="somebody changed the approvals file: nothing is answered",
            )
        try:
            decision, time, known = _parse_line(text)
            reader.take(decision, time, known, chain)
        except (MalformedInput, Refused) as error:
            raise NotProven(
                f"{place}: approvals line {number}: {error.message}",
                hint="a file of this custodian was cut or put back: nothing is answered",
            ) from None
        size += len(line) + 1
    return reader.result(size, chain)


def format_decision(
    approvals: Approvals, decision: Decision, now: dt.datetime, key: Secret, history: History, *, custodian: str
) -> tuple[bytes, Approvals]:
    """The bytes that follow a file's whole lines, and what stands then. The rule is that of reading.

    Raises:
        Refused, MalformedInput: the rule does not allow it.
    """
    text = _format_text(decision, now, history.lines)
    chain = _mac(key, approvals.chain, text)
    reader = _Reader(approvals, history, custodian, set())
    again, time, lines = _parse_line(text)
    reader.take(again, time, lines, chain)
    raw = (b"" if approvals.size else HEADER) + text + b" " + chain.hex().encode("ascii") + b"\n"
    return raw, reader.result(approvals.size + len(raw), chain)


def _format_text(decision: Decision, now: dt.datetime, lines: int) -> bytes:
    about = decision.about if isinstance(decision, Agreed | TakenBack) else decision.commitment
    words = [wire.format_time(now), (about.commitment if isinstance(about, Ratification) else about).hex(), str(lines)]
    match decision:
        case Approved():
            words.insert(0, "approved")
        case Agreed():
            assertion = decision.assertion
            parts = (assertion.credential, assertion.authenticator_data, assertion.client_data, assertion.signature)
            words = ["agreed", *words, str(decision.person), decision.nonce.hex(), decision.text_hash.hex()]
            words += [wire.format_base64(part) for part in parts]
        case TakenBack():
            words = ["taken-back", *words, str(decision.person)]
        case Withdrawn():
            words = ["withdrawn", *words, str(decision.person)]
    words += [str(about.intent)] if isinstance(about, Ratification) else []
    return " ".join(words).encode("ascii")


def _parse_line(raw: bytes) -> tuple[Decision, dt.datetime, int]:
    """The inverse of ``_format_text``."""
    kind, *words = raw.decode("ascii").split(" ")
    if len(words) < 3:
        raise MalformedInput("a line of an unknown kind")
    time, name, lines, *rest = words
    now, commitment = wire.parse_time(time, "time"), Commitment(wire.parse_hex(name, "commitment", size=32))
    known = wire.parse_decimal(lines, "lines", high=2**32 - 1)
    match kind, rest:
        case "approved", []:
            return Approved(commitment=commitment), now, known
        case "agreed", [person, nonce, text_hash, *parts] if len(parts) in (4, 5):
            values = [wire.parse_base64(part, "assertion") for part in parts[:4]]
            agreed = Agreed(
                about=_about(commitment, parts[4:]),
                person=_person(person),
                nonce=wire.parse_hex(nonce, "nonce", size=32),
                text_hash=wire.parse_hex(text_hash, "text", size=32),
                assertion=Assertion(
                    credential=values[0], authenticator_data=values[1], client_data=values[2], signature=values[3]
                ),
            )
            return agreed, now, known
        case "taken-back", [person, *intent] if len(intent) <= 1:
            return TakenBack(about=_about(commitment, intent), person=_person(person)), now, known
        case "withdrawn", [person]:
            return Withdrawn(commitment=commitment, person=_person(person)), now, known
    raise MalformedInput("a line of an unknown kind")


def _about(commitment: Commitment, intent: list[str]) -> Agreeable:
    """What a line is about: with an index of an intent behind it, what was opened there."""
    if not intent:
        return commitment
    return Ratification(commitment=commitment, intent=wire.parse_decimal(intent[0], "intent", high=2**63 - 1))


def _person(text: str) -> int:
    return wire.parse_decimal(text, "person", high=999_999_999)


def _first(key: Secret) -> bytes:
    """Stands for the MAC of the line before the first."""
    return _mac(key, b"", HEADER)


def _mac(key: Secret, chain: bytes, text: bytes) -> bytes:
    return hmac.digest(key.unsafe_bytes(), chain + text, "sha256")
