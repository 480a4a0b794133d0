"""Whether an accusation counts (docs/formats/entries.md, rule F2). Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from coffer_audit.notes import verify_signers
from coffer_audit.validity.facts import RuleBroken, demand
from coffer_audit.wire import hash_of, u32

if TYPE_CHECKING:
    from coffer_audit.entries.parse import Act
    from coffer_audit.entries.roster import Roster
    from coffer_audit.notes import Note, VerifyKey
    from coffer_audit.validity.facts import Opening, Segment


class Known(Protocol):
    """What an accusation is judged by: of `State`, what the names say."""

    rosters: list[Roster]
    openings: dict[int, Opening]
    receipts: dict[tuple[str, str], str]
    accused: dict[str, list[tuple[str, str]]]

    @property
    def segments(self) -> dict[str, Segment]:
        """By seg_id."""
        ...

    def key_of(self, name: str, role: str, code: str) -> VerifyKey:
        """Give a custodian's key; raises RuleBroken with this code if there is none."""
        ...


def _prefixed(name: str) -> bytes:
    return u32(len(name)) + name.encode()


def verify_fault(state: Known, body: Act, signers: frozenset[tuple[str, bytes]], note: Note) -> None:
    """Rule F2: an accusation is about something in the log, by a party that can have seen it, and new."""
    accuser, accused, about = body.text["accuser"], body.text["accused"], body.text["object"]
    said = state.accused.get(about, [])
    demand((accuser, accused) not in said, "F2", "object: found this accusation before", may_happen=True)
    kind, _, name = about.partition(" ")
    key = state.rosters[-1].requesters.get(accuser)
    if kind == "intent":
        opening = state.openings.get(int(name))
        if opening is None or opening.close or opening.intent.text["requester"] != accuser:
            raise RuleBroken("F2", "object: found no open intent of the accuser", may_happen=opening is not None)
        demand(key and key.identity in signers, "F2", "signature: found none of the accuser, in force")
        demand(any(r.find(accused) for r in state.rosters), "F2", "accused: found no custodian")
        return
    segment = state.segments.get(name)
    if segment is None:
        raise RuleBroken("F2", "object: found no such segment")
    is_ingester = accused in {item.name for item in segment.roster.ingesters}
    if key is None:
        resp = state.key_of(accuser, "resp", "F2")
        demand(resp.identity in verify_signers(note, [resp], "signature"), "F2", "signature: found no accuser's")
        lock, number = segment.roster.locks[segment.line.rule], segment.roster.find(accuser)
        demand(lock.is_held_by(number), "F2", "accuser: found it holding no part of the segment")
        spoke = (accuser, name) in state.receipts or any(one == accuser for one, _ in said)
        demand(not spoke, "F2", "accuser: found that it spoke of this segment before", may_happen=True)
        demand(is_ingester, "F2", "accused: found no ingester of the segment's roster")
    else:
        demand(key.identity in signers, "F2", "signature: found none of the accuser, in force")
    if is_ingester:
        demand(body.text["evidence"] == segment.line.header_hash, "F2", "evidence: found another than the header")
        return
    names = sorted({item.name for roster in state.rosters for item in roster.custodians})
    given = {item: state.receipts[item, name] for item in names if (item, name) in state.receipts}
    demand(accused in given, "F2", "accused: found no ingester and no receipt of such a custodian")
    parts = [
        bytes.fromhex(name),
        *(part for item, raw in given.items() for part in (_prefixed(item), bytes.fromhex(raw))),
    ]
    demand(
        body.text["evidence"] == hash_of("receipts", *parts).hex(),
        "F2",
        "evidence: found another than the receipts",
    )
