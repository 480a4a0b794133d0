"""Asking the custodians: one request to all of them at once, and the replies that prove themselves.

Steps R2 and R4 of ``docs/procedures/opening.md``. Before a request the custodians cosign its checkpoint: each answers
only if enough others vouch for the same history.
"""

import datetime as dt
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Final

from coffer import wire
from coffer.custody.exchange import (
    CONSTANT_REFUSAL,
    MAX_REQUEST_BYTES,
    Cell,
    Reply,
    Request,
    reply_info,
    request_info,
    sign_request,
    verify_reply,
)
from coffer.custody.port import Custodian
from coffer.errors import MalformedInput, NotProven, Refused, Unavailable
from coffer.ledger.cosigning import cosigners_of, describe_lack, is_cosigned, with_cosignatures
from coffer.ledger.roster import MAX_CUSTODIANS, Roster
from coffer.notes.cosign import verified_time
from coffer.notes.keys import SealKey, SigningKey, seal
from coffer.notes.note import Note, parse_note, parse_signature_line
from coffer.procedures.opening.decide import Target

ANSWERED: Final = "answered"
NO_ANSWER: Final = "no answer"
NOT_ASKED: Final = "not asked"
FAULT: Final = "fault"
CONSTANT: Final = "refused: constant"
_SHARE: Final = 0.5
"""The share of the remaining time that one request may take."""
_COSIGNED_FOR: Final = dt.timedelta(minutes=5)
"""How long the same cosignatures are sent. Custodians accept them for 15 minutes, and one opening may take long."""


@dataclass(frozen=True, slots=True)
class _Outcome:
    said: str
    raw: bytes | None = None
    reply: Reply | None = None


@dataclass(slots=True, kw_only=True)
class Asking:
    """The requests of one opening and their replies.

    ``requests``: digest forms. ``replies``: (request number, custodian's index) to the raw reply. ``patience_s``:
    seconds left to wait in all; None waits for ever. A request waits for at most half of them, so that a custodian that
    never answers leaves time for the second lane. A custodian that did not answer once is not asked again. A custodian
    that holds no part of any cell is not asked at all.
    """

    roster: Roster
    custodians: Sequence[Custodian]
    note: bytes
    seal_key: SealKey
    key: SigningKey
    requests: list[bytes] = field(default_factory=list)
    replies: dict[tuple[int, int], bytes] = field(default_factory=dict)
    patience_s: float | None = None
    timer: Callable[[], float] = time.monotonic
    _late: set[str] = field(default_factory=set)
    _without_part: set[str] = field(default_factory=set)
    _outcomes: dict[str, list[str]] = field(default_factory=dict)
    _hashes: list[bytes] = field(default_factory=list)
    _cosigned: tuple[Note, dt.datetime] | None = None

    def cosigned(self, checkpoint: bytes, rules: Sequence[str], clock: Callable[[], dt.datetime]) -> bytes:
        """The checkpoint with enough custodians' cosignatures for each of these rules.

        All are asked at once.

        Raises:
            Unavailable: too few cosigned it; the message says who is missing, and why.
        """
        note, now = parse_note(checkpoint, "checkpoint", may_be_cosigned=True), clock()
        if (
            self._cosigned is not None
            and self._cosigned[0].text == note.text
            and now - self._cosigned[1] < _COSIGNED_FOR
        ):
            return self._cosigned[0].raw
        known = [
            c for c in self.custodians if self.roster.custodian(c.name)
        ]  # late custodians too: they are waited for only if they are needed
        pool = ThreadPoolExecutor(max_workers=MAX_CUSTODIANS)
        pending = {pool.submit(_cosign_one, c, checkpoint): c.name for c in known}
        failed: dict[str, str] = {}
        started, patience = self.timer(), None if self.patience_s is None else self.patience_s * _SHARE
        while pending and not is_cosigned(rules, self.roster, cosigners_of(note, self.roster, clock())):
            left = None if patience is None else max(0.0, patience - (self.timer() - started))
            done, _ = wait(pending, timeout=left, return_when=FIRST_COMPLETED)
            for future in done:
                note, said = self._with_line(note, pending[future], future)
                if said:
                    failed[pending[future]] = said
                del pending[future]
            if not done:
                failed |= dict.fromkeys(pending.values(), NO_ANSWER)
                break
        pool.shutdown(wait=False)
        if self.patience_s is not None:
            self.patience_s = max(0.0, self.patience_s - (self.timer() - started))
        names = cosigners_of(note, self.roster, clock())
        if not is_cosigned(rules, self.roster, names):
            raise self._not_cosigned(describe_lack(rules, self.roster, names), failed)
        self._cosigned = (note, now)
        return note.raw

    def _with_line(self, note: Note, name: str, future: Future[bytes]) -> tuple[Note, str]:
        """The checkpoint with one custodian's cosignature, if it is its own; else why it was not added."""
        try:
            raw = future.result()
            if not raw:
                return note, "does not follow this log"
            line = parse_signature_line(raw, name)
        except Unavailable:
            return note, NO_ANSWER
        except MalformedInput:
            return note, FAULT
        member = self.roster.custodian(name)
        assert member is not None, "only custodians of the roster are asked"
        one = Note(text=note.text, signatures=(line,))
        if verified_time(member.cosigning, one) is None:
            return note, FAULT
        return with_cosignatures(note, one, self.roster), ""

    def _not_cosigned(self, lack: str, failed: Mapping[str, str]) -> Unavailable:
        said = {
            name: failed.get(name, "not asked")
            for name in self.roster.names
            if name in failed or not self._is_at_hand(name)
        }
        told = "".join(f"; {name}: {what}" for name, what in said.items())
        return Unavailable(
            f"custodians: too few vouch for the log: {lack}{told}",
            hint="the opening is kept: run the same command again when more custodians can be asked; each one's own record says why it would not",
        )

    def _is_at_hand(self, name: str) -> bool:
        return any(custodian.name == name for custodian in self.custodians)

    def ask(
        self,
        lane: int,
        cells: Mapping[Cell, Target],
        *,
        intent: int,
        draw: int,
        salt: bytes,
        checkpoint: bytes,
    ) -> dict[str, Reply]:
        """Ask every custodian for these cells; returns the proven replies by name.

        Raises:
            Refused: the cells are more than one request can carry.
        """
        request = self._signed(lane, cells, intent=intent, draw=draw, salt=salt, checkpoint=checkpoint)
        number = len(self.requests)
        self.requests.append(request.digest_form)
        self._hashes.append(request.hash)
        pool = ThreadPoolExecutor(max_workers=MAX_CUSTODIANS)
        asked = {c.name: pool.submit(self._ask_one, c, request, cells) for c in self._with_part(cells)}
        started = self.timer()
        wait(asked.values(), timeout=None if self.patience_s is None else self.patience_s * _SHARE)
        if self.patience_s is not None:
            self.patience_s = max(0.0, self.patience_s - (self.timer() - started))
        replies: dict[str, Reply] = {}
        for name, future in asked.items():
            outcome = future.result() if future.done() else _Outcome(NO_ANSWER)
            self._note(name, outcome, number)
            if outcome.reply is not None:
                replies[name] = outcome.reply
        pool.shutdown(wait=False)  # nobody waits for a late custodian, and its reply is ignored
        return {name: replies[name] for name in self.roster.names if name in replies}

    def _signed(
        self, lane: int, cells: Mapping[Cell, Target], *, intent: int, draw: int, salt: bytes, checkpoint: bytes
    ) -> Request:
        headers = {target.header.core.seg_id: target.header for target in cells.values()}
        unsigned = Request(
            note=self.note,
            seal_public=self.seal_key.public,
            intent=intent,
            draw=draw,
            lane=lane,
            draw_salt=salt,
            cells=tuple(sorted(cells)),
            checkpoint=checkpoint,
            headers=tuple(headers[seg_id] for seg_id in sorted(headers)),
            signature=bytes(64),
        )
        request = sign_request(unsigned, self.key)
        if len(request.raw) > MAX_REQUEST_BYTES:
            raise Refused("request: too many segments at once", code="budget", hint="ask for fewer days")
        return request

    def _with_part(self, cells: Mapping[Cell, Target]) -> list[Custodian]:
        """The custodians to ask for these cells: they hold a part of one, and answered in time so far."""
        rules = {(target.rule.name, target.roster.hash): target for target in cells.values()}.values()
        with_part = {
            c.name for c in self.custodians if any(t.roster.clauses_held(c.name, t.segment.lock) for t in rules)
        }
        self._without_part |= {c.name for c in self.custodians} - with_part
        return [
            c
            for c in self.custodians
            if self.roster.custodian(c.name) and c.name in with_part and c.name not in self._late
        ]

    def _note(self, name: str, outcome: _Outcome, number: int) -> None:
        """Keep what a custodian said to a request, and its reply as evidence."""
        if outcome.said == NO_ANSWER:
            self._late.add(name)
        self._outcomes.setdefault(name, []).append(outcome.said)
        member = self.roster.custodian(name)
        if outcome.raw is not None and member is not None:
            self.replies[number, member.index] = outcome.raw

    def statuses(self, faulty: frozenset[str] = frozenset()) -> dict[str, str]:
        """The status of each custodian: the worst of its outcomes.

        Only a custodian that answered every request counts as answered.
        """
        said = {}
        for name in self.roster.names:
            is_asked = bool(self.requests) and name not in self._without_part
            outcomes = self._outcomes.get(name) or [NO_ANSWER if is_asked else NOT_ASKED]
            worst = min(outcomes, key=lambda outcome: (outcome != FAULT, outcome == ANSWERED, outcome == NO_ANSWER))
            said[name] = FAULT if name in faulty else worst
        return said

    def evidence_against(self, name: str) -> bytes:
        """The evidence that a ``fault`` entry names: H(T("fault") || request hash || raw replies).

        The request is the last one that the custodian answered, or the last one at all. The replies are this
        custodian's.
        """
        member = self.roster.custodian(name)
        assert member is not None, "only custodians of the roster are asked"
        numbers = [number for number, index in self.replies if index == member.index]
        raw = [self.replies[number, member.index] for number in numbers]
        return wire.digest(wire.tag("fault"), self._hashes[numbers[-1] if numbers else -1], *raw)

    def _ask_one(self, custodian: Custodian, request: Request, cells: Mapping[Cell, Target]) -> _Outcome:
        """The outcome of one custodian. Runs beside others, so it changes nothing here."""
        member = self.roster.custodian(custodian.name)
        assert member is not None, "only custodians of the roster are asked"
        sealed = seal(request.raw, member.req, info=request_info(self.roster.hash, member.index))
        try:
            answer = custodian.answer(sealed)
            if answer == CONSTANT_REFUSAL:
                return _Outcome(CONSTANT)
            info, place = reply_info(request.hash, member.index), f"reply of {custodian.name}"
            raw = self.seal_key.unseal(answer, info=info, place=place)
            held = [
                (cell, cells[cell].roster.clauses_held(custodian.name, cells[cell].segment.lock))
                for cell in request.cells
            ]
            reply = verify_reply(
                raw, custodian=custodian.name, index=member.index, key=member.resp, request=request, held=held
            )
        except Unavailable:
            return _Outcome(NO_ANSWER)
        except NotProven:
            return _Outcome(FAULT)
        if reply.code is not None:
            return _Outcome(f"refused: {reply.code.name.lower()}", raw)
        return _Outcome(ANSWERED, raw, reply)


def _cosign_one(custodian: Custodian, checkpoint: bytes) -> bytes:
    return custodian.cosign(checkpoint)
