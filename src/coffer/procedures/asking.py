"""Asking the custodians: one request to all of them at once, and the replies that prove themselves. Steps R2 and R4 of ``docs/procedures/opening.md``."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
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
from coffer.custody.oracle import held_by
from coffer.custody.port import Custodian
from coffer.errors import NotProven, Refused, Unavailable
from coffer.ledger.roster import Roster
from coffer.notes.keys import SealKey, SigningKey, seal
from coffer.procedures.opening import Target

ANSWERED: Final = "answered"
NO_ANSWER: Final = "no answer"
FAULT: Final = "fault"
CONSTANT: Final = "refused: constant"


@dataclass(slots=True, kw_only=True)
class Asking:
    """The requests of one opening and what came back. ``requests``: digest forms. ``replies``: (request number, custodian's index) to raw."""

    roster: Roster
    custodians: Sequence[Custodian]
    note: bytes
    seal_key: SealKey
    key: SigningKey
    requests: list[bytes] = field(default_factory=list)
    replies: dict[tuple[int, int], bytes] = field(default_factory=dict)
    _outcomes: dict[str, list[str]] = field(default_factory=dict)
    _hashes: list[bytes] = field(default_factory=list)

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
        """Ask every custodian for these cells; the proven answers by name.

        Raises:
            Refused: more than one request can carry.
        """
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
        number = len(self.requests)
        self.requests.append(request.digest_form)
        self._hashes.append(request.hash)
        known = [custodian for custodian in self.custodians if self.roster.custodian(custodian.name)]
        with ThreadPoolExecutor(max_workers=9) as pool:
            found = list(pool.map(lambda custodian: self._ask_one(custodian, request, cells, number), known))
        for custodian, (outcome, _) in zip(known, found, strict=True):
            self._outcomes.setdefault(custodian.name, []).append(outcome)
        replies = {custodian.name: reply for custodian, (_, reply) in zip(known, found, strict=True) if reply}
        return {name: replies[name] for name in self.roster.names if name in replies}

    def statuses(self, faulty: frozenset[str] = frozenset()) -> dict[str, str]:
        """What to say of each custodian: the worst of its outcomes; only who answered every request has answered."""
        said = {}
        for name in self.roster.names:
            outcomes = self._outcomes.get(name, [NO_ANSWER])
            worst = min(outcomes, key=lambda found: (found != FAULT, found == ANSWERED, found == NO_ANSWER))
            said[name] = FAULT if name in faulty else worst
        return said

    def evidence_against(self, name: str) -> tuple[bytes, bytes]:
        """The last request that a custodian answered, and the hash of its raw replies: what a ``fault`` entry names."""
        member = self.roster.custodian(name)
        assert member is not None, "only custodians of the roster are asked"
        numbers = [number for number, index in self.replies if index == member.index]
        raw = [self.replies[number, member.index] for number in numbers]
        return self._hashes[numbers[-1] if numbers else -1], wire.digest(*raw)

    def _ask_one(
        self, custodian: Custodian, request: Request, cells: Mapping[Cell, Target], number: int
    ) -> tuple[str, Reply | None]:
        member = self.roster.custodian(custodian.name)
        assert member is not None, "only custodians of the roster are asked"
        sealed = seal(request.raw, member.req, info=request_info(self.roster.hash, member.index))
        try:
            answer = custodian.answer(sealed)
            if answer == CONSTANT_REFUSAL:
                return CONSTANT, None
            info, place = reply_info(request.hash, member.index), f"reply of {custodian.name}"
            raw = self.seal_key.unseal(answer, info=info, place=place)
            held = [(cell, held_by(custodian.name, cells[cell].rule, cells[cell].roster)) for cell in request.cells]
            reply = verify_reply(
                raw, custodian=custodian.name, index=member.index, key=member.resp, request=request, held=held
            )
        except Unavailable:
            return NO_ANSWER, None
        except NotProven:
            return FAULT, None
        self.replies[number, member.index] = raw
        if reply.code is not None:
            return f"refused: {reply.code.name.lower()}", None
        return ANSWERED, reply
