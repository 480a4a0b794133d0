"""Steps 6 to 8 of the audit of an answer: who asked, agreed and replied (docs/formats/answer.md).

Each function takes the values that earlier steps proved, and returns its own.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from coffer_audit.answer.claims import CONDUCT
from coffer_audit.answer.countries import find_countries, rule_under
from coffer_audit.answer.evidence import segment_of
from coffer_audit.answer.exchange import parse_digest, parse_payload, parse_refusal
from coffer_audit.errors import verify_that
from coffer_audit.log.checkpoint import parse_checkpoint, verify_checkpoint
from coffer_audit.log.cosigners import find_cosigners, find_lack
from coffer_audit.validity.facts import BACK_DATING
from coffer_audit.wire import parse_decimal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from coffer_audit.answer.claims import Claims
    from coffer_audit.answer.evidence import Given, Order
    from coffer_audit.answer.exchange import Digest
    from coffer_audit.entries.roster import Roster
    from coffer_audit.errors import Findings
    from coffer_audit.validity.facts import Opening
    from coffer_audit.validity.state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Replies:
    """The signed replies: by request and custodian, for each cell the values by clause.

    `conduct`: answer.json's word for each custodian, which its replies confirm.
    """

    values: Mapping[tuple[int, str], list[dict[int, bytes]]]
    conduct: Mapping[str, str]


def verify_requests(given: Given, state: State, opening: Opening, order: Order) -> tuple[Digest, ...]:
    """Step 6: prove that each request is the requester's, for this opening, under a cosigned checkpoint."""
    claims, paper = given.claims, order.paper
    names = given.files.names("evidence/requests")
    verify_that(
        names == sorted(f"{i:02d}.digest" for i in range(len(names))),
        "requests: found other names than <nn>.digest",
    )
    digests = tuple(parse_digest(given.read(f"requests/{i:02d}.digest"), f"request {i:02d}") for i in range(len(names)))
    asked: set[tuple[str, int]] = set()
    for number, digest in enumerate(digests):
        place = f"request {number:02d}"
        message = b"coffer/v1/request\n" + hashlib.sha256(digest.body).digest()
        verify_that(
            paper.key.is_valid(digest.signature, message),
            f"{place}: found no valid signature of the requester",
        )
        verify_that(digest.note == paper.raw, f"{place}: found another authorization")
        verify_that(hashlib.sha256(digest.seal).hexdigest() == paper.seal, f"{place}: found another seal key")
        verify_that(digest.intent == claims.intent, f"{place}: found another intent")
        verify_that(digest.lane == 1 or digest.draw == claims.draw, f"{place}: found another draw")
        seen = parse_checkpoint(digest.checkpoint, f"{place} checkpoint")
        verify_checkpoint(seen, given.trust.key, f"{place} checkpoint")
        needed = digest.intent if digest.lane == 1 else digest.draw
        fork = seen.size == given.checkpoint.size and seen.root != given.checkpoint.root
        verify_that(
            needed < seen.size <= given.checkpoint.size and not fork,
            f"{place} checkpoint: found another size or root",
        )
        wanted = [
            segment_of(state, seg_id).line.header_hash for seg_id in sorted({cell.segment for cell in digest.cells})
        ]
        verify_that(list(digest.header_hashes) == wanted, f"{place}: found other header hashes than the log's")
        _verify_bounds(digest, opening, order, place)
        asked |= {(cell.segment, cell.subject) for cell in digest.cells}
    limit = opening.intent.number["cells-at-most"]
    verify_that(len(asked) <= limit, f"requests: found {len(asked)} cells, expected at most {limit}")
    verify_that(
        asked == claims.asked,
        "answer.json: found other cells than were asked",
    )
    _verify_cosigned(digests, opening, order)
    return digests


def _verify_cosigned(digests: Sequence[Digest], opening: Opening, order: Order) -> None:
    """Prove that enough custodians cosigned the checkpoint of each request.

    Enough are, for every rule of the note, more than half of its set and all of its indispensable members.
    """
    for number, digest in enumerate(digests):
        seen, place = parse_checkpoint(digest.checkpoint, "checkpoint"), f"request {number:02d} checkpoint"
        since = opening.time.timestamp() - BACK_DATING.total_seconds()
        times = find_cosigners(seen, order.roster)
        names = {name for name, time in times.items() if time >= since}
        lack = find_lack(order.paper.rules, order.roster, names)
        who = ", ".join(sorted(names)) or "no custodian"
        verify_that(not lack, f"{place}: found it cosigned by {who}, expected more for rule {lack}")


def _verify_bounds(digest: Digest, opening: Opening, order: Order, place: str) -> None:
    cap = 2**32 if order.paper.hub else opening.roster.cell_cap
    for cell in digest.cells:
        within = (
            1 <= cell.count <= 64 and cell.first % 64 == 0 and cell.first <= cap
            if digest.lane == 1
            else cell.first == 0 and 1 <= cell.count <= cap
        )
        verify_that(
            within and 1 <= cell.subject <= len(order.paper.subjects),
            f"{place}: found ranks or a subject out of bounds",
        )


def _countries_of(claims: Claims, state: State, order: Order, line: int, numbering: str) -> set[str]:
    """Give the countries that a subject line may have by these tables.

    Raises: NotProven if its cells fit no single country.
    """
    subject, some = order.paper.subjects[line - 1], []
    for cell in claims.cells:
        roster = segment_of(state, cell.segment).roster
        if cell.subject == line and roster.numbering == numbering:
            some.append((roster, cell.rule))
    countries = find_countries(subject, some, state.rosters)
    verify_that(countries, f"subject line {line}: found a segment of another rule than the subject's")
    return countries


def verify_countersignatures(claims: Claims, state: State, opening: Opening, order: Order, findings: Findings) -> None:
    """Step 7: prove that the signers satisfy every rule that applies.

    These are the rule of every cell, and the rule of every subject under the note's roster. In an emergency that the
    intent calls one, an emergency rule is enough.
    """
    is_emergency = _is_emergency(opening, order)
    verify_that(order.paper.rules <= set(order.roster.rules), "rules: found one that the note's roster has not")
    for line in range(1, len(order.paper.subjects) + 1):
        segments = {segment_of(state, cell.segment).line.seg_id for cell in claims.cells if cell.subject == line}
        places = [state.segments[seg_id] for seg_id in segments]
        for numbering in {segment.roster.numbering for segment in places}:
            _countries_of(claims, state, order, line, numbering)
        # if the cells leave the rule open, the note decides: it names the rules of its subjects, and all must hold
        may_have = {
            rule_under(one, order.roster) for one in _countries_of(claims, state, order, line, order.roster.numbering)
        }
        under = may_have & order.paper.rules
        verify_that(under, f"rules: found none for subject line {line}, expected its own")
        pairs = {(segment.roster.hash, segment.line.rule) for segment in places}
        pairs |= {(order.roster.hash, rule) for rule in under}
        for roster_hash, rule in pairs:
            roster = order.rosters[roster_hash]
            _verify_rule(rule, roster, order.signers, order, line, is_emergency=is_emergency)
            if order.amenders is not None:  # whoever ratifies agrees to the first limit, so only the rule raises it
                _verify_rule(rule, roster, order.amenders, order, line, is_emergency=False)
    findings.not_shown.append(
        "which rule a number falls under: the auditor has no numbering table, and takes the rules that the note names"
    )


def _verify_rule(
    rule: str, roster: Roster, signers: frozenset[tuple[str, bytes]], order: Order, line: int, *, is_emergency: bool
) -> None:
    """Prove that the signers of a note satisfy a rule, or in an emergency its emergency rule."""
    mask, everyone = roster.mask_of(signers), roster.rules[rule].everyone
    is_enough = roster.rules[rule].is_satisfied(mask)
    if is_emergency and not order.paper.hub and rule in roster.emergencies:
        is_enough |= roster.emergencies[rule].is_satisfied(mask)
    verify_that(is_enough, f"subject line {line}: found too few countersignatures for {rule}")
    verify_that(
        not order.paper.hub or mask & everyone == everyone, f"subject line {line}: found hub: yes unsigned by some"
    )


def _is_emergency(opening: Opening, order: Order) -> bool:
    """Whether the intent says that it rests on the emergency rule.

    Raises: NotProven if the authorization is no emergency, or the intent names other rules or another roster.
    """
    rules = opening.intent.text.get("rules", "")
    if not rules:
        return False
    verify_that(order.paper.is_urgent, "intent: found an emergency, and the authorization says none")
    verify_that(frozenset(rules.split(",")) == order.paper.rules, "intent: found other rules than the authorization's")
    verify_that(opening.roster.hash == order.paper.roster, "intent: found another roster than the authorization's")
    return True


def verify_replies(given: Given, state: State, order: Order, digests: Sequence[Digest]) -> Replies:
    """Step 8: prove that custodians signed their replies and refusals, and acted as answer.json says."""
    roster = order.roster
    shown: dict[str, set[str]] = {custodian.name: set() for custodian in roster.custodians}
    values: dict[tuple[int, str], list[dict[int, bytes]]] = {}
    for name in given.files.names("evidence/replies"):
        parts = name.removesuffix(".reply").split("-")
        verify_that(len(parts) == 2 and name.endswith(".reply"), f"replies: found {name!a}, expected <nn>-<i>.reply")
        number = parse_decimal(parts[0].lstrip("0") or "0", "replies: name", high=len(digests) - 1)
        i = parse_decimal(parts[1], "replies: name", low=1, high=len(roster.custodians))
        verify_that(name == f"{number:02d}-{i}.reply", f"replies: found {name!a}, expected <nn>-<i>.reply")
        custodian, digest, raw = roster.custodians[i - 1], digests[number], given.read(f"replies/{name}")
        payload, signature = raw[:-64], raw[-64:]
        message = b"coffer/v1/response\n" + digest.hash + hashlib.sha256(digest.seal).digest()
        verify_that(
            custodian.resp.is_valid(signature, message + hashlib.sha256(payload).digest()),
            f"reply {name}: found no valid signature of {custodian.name}",
        )
        if payload[:8] == b"COFERR01":
            shown[custodian.name].add("refused: " + parse_refusal(payload, digest, i))
            continue
        held = [_held(state, cell.segment, custodian.name) for cell in digest.cells]
        values[number, custodian.name] = parse_payload(payload, digest, i, held)
        shown[custodian.name].add("answered")
    asked = {name: _find_asked(state, digests, name) for name in shown}
    missing = {name: [number for number in asked[name] if (number, name) not in values] for name in shown}
    accused = state.accused.get(f"intent {given.claims.intent}", [])
    named = given.claims.custodians
    verify_that(set(named) == set(shown), "answer.json custodians: found other names than the roster's")
    conduct = {name: str(named[name]) for name in shown}
    for name, word in conduct.items():
        is_accused = (order.paper.requester, name) in accused
        why = _why_not(word, shown[name], asked=asked[name], missing=missing[name], is_accused=is_accused)
        verify_that(not why, f"answer.json custodians {name}: found {word!a:.40}, but {why}")
    answered = sum(word == "answered" for word in conduct.values())
    verify_that(
        given.claims.answers == answered, "answer.json answers: found another number than custodians that answered"
    )
    return Replies(values=values, conduct=conduct)


def _held(state: State, seg_id: str, name: str) -> list[int]:
    """Give the clauses of a segment whose keys a custodian holds."""
    segment = segment_of(state, seg_id)
    number = segment.roster.find(name)
    return [mask for mask in segment.roster.locks[segment.line.rule].clauses if number and mask >> number - 1 & 1]


def _find_asked(state: State, digests: Sequence[Digest], name: str) -> list[int]:
    """Give the requests that were sent to a custodian: those with a cell of which it holds a part."""
    return [
        number
        for number, digest in enumerate(digests)
        if any(_held(state, cell.segment, name) for cell in digest.cells)
    ]


def _why_not(word: str, shown: set[str], *, asked: list[int], missing: list[int], is_accused: bool) -> str:
    """Say what contradicts the word for a custodian's conduct; nothing if its replies confirm it.

    `shown`: the words that its replies show. `asked`: the requests with a part of its own. `missing`: those of them
    without a reply.
    """
    if word not in CONDUCT:
        return "a word that no answer may have"
    if word == "not asked":
        return "holds a part of a cell that was asked" if asked else ""
    if not asked:
        return "holds no part of any cell, expected not asked"
    if word == "answered":
        return f"no answer to request {missing[0]:02d}" if missing else ""
    if word == "fault":
        return "" if is_accused else "no fault entry about this intent"
    if word in ("no answer", "refused: constant"):
        return "" if missing else "a reply to every request"
    return "" if word in shown else "no such refusal"
