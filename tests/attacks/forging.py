"""What attackers are given in these tests: a desk that keeps to no rule, custodians that lie, and a second history of the log."""

import datetime as dt
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace

from coffer.authority.authorization import Terms, format_terms, parse_authorization
from coffer.custodian.service import CustodianService
from coffer.custody.asked import WINDOW
from coffer.custody.decide import Decision, decide
from coffer.custody.decider import Decider
from coffer.custody.exchange import (
    CONSTANT_REFUSAL,
    NO_DRAW,
    NO_SALT,
    VALUE_BYTES,
    Cell,
    Request,
    draw_commitment,
    reply_info,
    request_info,
    sign_request,
)
from coffer.ledger.codes import OrderCodes
from coffer.ledger.entries import Body, DrawEntry, IntentEntry
from coffer.ledger.grammar import format_entry
from coffer.notes.cosign import Cosigner
from coffer.notes.keys import SealKey, SigningKey, seal
from coffer.notes.note import Note, parse_note, sign_note
from coffer.segments.header import Header

SUBJECT = "tel:+33612345678"
OTHER = "tel:+33698765432"
RECORDS = (
    "+33612345678,+33698765432,2016-09-01 10:00:00,60\n"
    "+33698765432,+33612345678,2016-09-02 11:00:00,5\n"
    "anonymous,+33612345678,2016-09-02 12:00:00,0\n"
)
ROWS = [
    f"{SUBJECT},call,out,{OTHER},2016-09-01T10:00:00Z,60,true,,",
    f"{SUBJECT},call,in,{OTHER},2016-09-02T11:00:00Z,5,true,,",
    f"{SUBJECT},call,in,,2016-09-02T12:00:00Z,0,false,,",
]
SALT = bytes(range(32))
DAYS = [dt.date(2016, 9, 1), dt.date(2016, 9, 2)]


def rows_of(answer):
    """The records of an answer, without the heading."""
    return answer.records_csv.decode().splitlines()[1:]


def statuses_of(answer):
    """The set of outcomes of an answer's cells."""
    return {cell.status for cell in answer.cells}


@dataclass
class Desk:
    """A requester that logs and asks whatever it likes."""

    world: object
    note: bytes

    def __post_init__(self):
        self.authorization = parse_authorization(self.note, "note")
        self.key = self.world.vault.operator_key("desk")
        self.seal_key = self.world.vault.desk.read_seal_key(self.authorization.commitment)

    def log(self, *bodies: Body, key: SigningKey | None = None, time: dt.datetime | None = None) -> list[int]:
        return log_entries(self.world, *bodies, key=key or self.key, time=time)

    def intent(
        self,
        *,
        cells_at_most: int = 16,
        authorization: bytes | None = None,
        nonce: bytes | None = None,
        codes: OrderCodes | None = None,
    ) -> int:
        self._count = getattr(self, "_count", 0) + 1
        return self.log(
            IntentEntry(
                authorization=authorization or self.authorization.commitment,
                requester="desk",
                nonce=nonce or self._count.to_bytes(16, "big"),
                cells_at_most=cells_at_most,
                codes=codes or self.authorization.terms.codes.at(self.world.state().roster.statistics),
            )
        )[0]

    def draw(self, intent: int, cells: list[Cell], *, records: int | None = None, key: SigningKey | None = None) -> int:
        total = sum(cell.rank_count for cell in cells) if records is None else records
        table = draw_commitment(SALT, sorted(cells))
        return self.log(DrawEntry(intent=intent, table=table, records=total), key=key)[0]

    def headers(self) -> dict[dt.date, Header]:
        """The header of each day's first segment."""
        state, store = self.world.state(), self.world.vault.segments
        found = {}
        for seg_id, segment in state.segments.items():
            found.setdefault(segment.line.day, store.read_header(segment.line.day, seg_id))
        return found

    def cell(self, day: int = 1, *, line: int = 1, first: int = 0, count: int = WINDOW) -> Cell:
        seg_id = self.headers()[dt.date(2016, 9, day)].core.seg_id
        return Cell(seg_id=seg_id, line=line, rank_from=first, rank_count=count)

    def cell_of_first(self, *, line: int = 1, first: int = 0, count: int = WINDOW) -> Cell:
        """A cell of the first day that has a segment."""
        seg_id = min(self.headers().items())[1].core.seg_id
        return Cell(seg_id=seg_id, line=line, rank_from=first, rank_count=count)

    def labels(self, intent: int, *cells: Cell, **changes: object) -> Request:
        return self.request(intent, *(cells or (self.cell(),)), draw=NO_DRAW, lane=1, draw_salt=NO_SALT, **changes)

    def data(self, intent: int, draw: int, *cells: Cell, draw_salt: bytes = SALT, **changes: object) -> Request:
        return self.request(intent, *cells, draw=draw, lane=2, draw_salt=draw_salt, **changes)

    def request(
        self,
        intent: int,
        *cells: Cell,
        draw: int,
        lane: int,
        draw_salt: bytes,
        key: SigningKey | None = None,
        headers: list[Header] | None = None,
        checkpoint: bytes | None = None,
        seal_public: bytes | None = None,
        note: bytes | None = None,
    ) -> Request:
        if headers is None:
            named = {cell.seg_id for cell in cells}
            headers = [header for header in self.headers().values() if header.core.seg_id in named]
        return sign_request(
            Request(
                note=note or self.note,
                seal_public=seal_public or self.seal_key.public,
                intent=intent,
                draw=draw,
                lane=lane,
                draw_salt=draw_salt,
                cells=tuple(sorted(cells)),
                checkpoint=self.cosigned() if checkpoint is None else checkpoint,
                headers=tuple(sorted(headers, key=lambda header: header.core.seg_id)),
                signature=bytes(64),
            ),
            key or self.key,
        )

    def cosigned(self, *names: str, now: dt.datetime | None = None) -> bytes:
        """The newest checkpoint, cosigned by these custodians, all by default; by their keys alone, whatever they follow."""
        raw = self.world.vault.log.checkpoint()
        return cosigned(
            raw, [self.world.keys(name) for name in names or self.world.state().roster.names], now or self.world.now
        )

    def decide(self, request: Request, name: str = "judge", **changes: object) -> Decision:
        """The decision of a custodian that sees the whole log."""
        decider = self.world.custodian(name)._answering.decider()
        if "now" in changes and request.is_signed_by(self.key.verify_key):  # asked at that time, so cosigned then
            fresh = replace(request, checkpoint=self.cosigned(now=changes["now"]), signature=bytes(64))
            request = sign_request(fresh, self.key)
        return decide(request, self.world.state(), replace(decider, **changes) if changes else decider)

    def decider(self, name: str = "judge") -> Decider:
        return self.world.custodian(name)._answering.decider()

    def sealed(self, request: Request, name: str = "judge") -> bytes:
        roster = self.world.state().roster
        member = roster.custodian(name)
        return seal(request.raw, member.req, info=request_info(roster.hash, member.index))

    def ask(self, request: Request, name: str = "judge", service: CustodianService | None = None) -> bytes:
        """What comes back, unsealed: a payload or refusal with its signature, or the constant refusal."""
        answer = (service or self.world.custodian(name)).answer(self.sealed(request, name))
        if answer == CONSTANT_REFUSAL:
            return answer
        index = self.world.state().roster.custodian(name).index
        return self.seal_key.unseal(answer, info=reply_info(request.hash, index), place="reply")


def log_entries(world, *bodies: Body, key: SigningKey, time: dt.datetime | None = None) -> list[int]:
    """Log entries with any signature and any time."""
    origin = world.vault.pins.origin
    entries = [sign_note(format_entry(body, origin=origin, time=time or world.now), key).raw for body in bodies]
    first = world.state().size
    world.vault.log.append(
        entries, world.vault.operator_key(origin)
    )  # not by Vault.append, which logs nothing without effect
    return list(range(first, first + len(entries)))


def cosigned(checkpoint: bytes, keys, now: dt.datetime) -> bytes:
    """A checkpoint with a cosignature of each of these custodians' keys, who do not look at it."""
    note = parse_note(checkpoint, "checkpoint", may_be_cosigned=True)
    lines = [Cosigner(own.resp.verify_key.name, own.resp.seed).cosign(note.text, now) for own in keys]
    return Note(text=note.text, signatures=(*note.signatures, *lines)).raw


def ingester_key(world) -> SigningKey:
    return world.vault.operator_key("ingester")


def signed_note(world, terms: Terms, *names: str, seal_key: SealKey | None = None) -> bytes:
    """A note with any terms, signed by the desk and, without asking anybody's approval, by custodians' keys."""
    keys = [world.vault.operator_key("desk"), *(world.custodian(name).keys.auth for name in names)]
    note = sign_note(format_terms(terms), *keys)
    if seal_key is not None:
        world.vault.desk.write_seal_key(parse_authorization(note.raw, "note").commitment, seal_key, terms.expires)
    return note.raw


def terms_of(note: bytes, **changes: object) -> Terms:
    return replace(parse_authorization(note, "note").terms, **changes)


Lie = Callable[[Request, bytes], bytes]


def lying(service: CustodianService, lie: Lie) -> CustodianService:
    """The same custodian: its keys are its own, and ``lie`` is applied to every payload before it signs."""
    answering = service._answering
    honest = answering._reply
    answering._reply = lambda request, index, payload: honest(request, index, lie(request, payload))
    return service


def liar(world, name: str, lie: Lie) -> CustodianService:
    """The custodian ``name``, lying."""
    return lying(world.custodian(name), lie)


def forge(
    lane: int,
    *,
    clause: int | None = None,
    rank: int | None = None,
    from_rank: int = 0,
    day: dt.date | None = None,
    delta: bytes = b"\x55" * 16,
    held: int = 2,
) -> Lie:
    """XOR ``delta`` into the values of a lane: of one held clause (0 or 1), one rank or all from one on, one day, or of everything."""

    def lie(request: Request, payload: bytes) -> bytes:
        if request.lane != lane or not payload.startswith(b"COFRSP01"):
            return payload
        days = {header.core.seg_id: header.core.day for header in request.headers}
        out, at, size = bytearray(payload), 42, VALUE_BYTES[lane]
        for cell in request.cells:
            for position in range(held):
                for number in range(cell.rank_from, cell.rank_from + cell.rank_count):
                    is_meant = clause in (None, position) and day in (None, days[cell.seg_id])
                    if is_meant and (number == rank if rank is not None else number >= from_rank):
                        out[at : at + size] = bytes(a ^ b for a, b in zip(out[at : at + size], delta, strict=False))
                    at += size
        assert at == len(out), "the payload has another shape than this lie thinks"
        return bytes(out)

    return lie


def among(world, *liars: CustodianService) -> list[CustodianService]:
    """All custodians, the given ones in place of those of their name; who does not say how it cosigns does it as it should."""
    named = {service.name: service for service in liars}
    for service in liars:
        if not hasattr(service, "cosign"):
            service.cosign = world.custodian(service.name).cosign
    return [named.get(service.name, service) for service in world.custodians()]


class Other:
    """Anything behind the port: a name and a function from sealed request to whatever it returns."""

    def __init__(
        self, name: str, answer: Callable[[bytes], bytes], cosign: Callable[[bytes], bytes] | None = None
    ) -> None:
        self.name = name
        self.answer = answer
        if cosign is not None:
            self.cosign = cosign


class SecondHistory:
    """The operator's other log: a copy taken now, which goes on apart."""

    def __init__(self, world) -> None:
        self.world = world
        self.copy = world.path / "second"
        shutil.copytree(world.vault.path / "log", self.copy)

    def show(self) -> None:
        """Put the hidden history in the place of the shown one, which becomes the hidden one."""
        log, aside = self.world.vault.path / "log", self.world.path / "aside"
        log.rename(aside)
        self.copy.rename(log)
        aside.rename(self.copy)
