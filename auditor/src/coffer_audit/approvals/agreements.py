"""The file of a custodian's agreements: its grammar, and what each agreement proves. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from coffer_audit.approvals.passkeys import Assertion, parse_key, verify_assertion
from coffer_audit.errors import MalformedInput, verify_that
from coffer_audit.notes import Note, parse_exact, parse_note, verify_signers
from coffer_audit.wire import (
    CUSTODIAN,
    KEY_NAME,
    Lines,
    hash_of,
    parse_decimal,
    parse_hex,
    parse_match,
    parse_time,
    parse_words,
    u32,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from coffer_audit.notes import VerifyKey

MAX_ORDINAL = 999_999_999


@dataclass(frozen=True, slots=True, kw_only=True)
class Passkey:
    """A passkey of one person; `since` and `ended` (None: it counts still) say when it counted."""

    person: int
    since: datetime
    ended: datetime | None
    raw: bytes
    key: Callable[[bytes, bytes], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """One person's agreement; `passkey` is a number in the file."""

    passkey: int
    time: datetime
    nonce: bytes
    text_hash: bytes
    assertion: Assertion


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request, by its commitment in hex, and how many persons had to agree by the custodian's own rule."""

    commitment: str
    required: int
    completed: datetime
    agreements: tuple[Agreement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreements:
    """A parsed file; nothing of it is proven."""

    note: Note
    origin: str
    custodian: str
    passkeys: dict[int, Passkey]
    requests: tuple[Request, ...]

    def persons_of(self, request: Request) -> list[int]:
        """Give the persons who agreed, ascending, each once."""
        return sorted({self.passkeys[item.passkey].person for item in request.agreements})


def parse_agreements(raw: bytes) -> Agreements:
    """Decode a file. Raises: MalformedInput."""
    note = parse_note(raw, "agreements")
    if note.lines[0] != "coffer.agreements/v1":
        raise MalformedInput("agreements line 1: found another, expected coffer.agreements/v1")
    lines = Lines(note.lines[1:], "agreements")
    origin = parse_match(KEY_NAME, lines.take("origin"), "agreements origin", "an origin")
    custodian = parse_match(CUSTODIAN, lines.take("custodian"), "agreements custodian", "a custodian's name")
    parse_time(lines.take("time"), "agreements time")
    passkeys: dict[int, Passkey] = {}
    for _, value in lines.take_all("passkey", at_least=1):
        number, person, since, ended, key = parse_words(value, 5, "passkey")
        place = f"passkey {len(passkeys) + 1}"
        if number != str(len(passkeys) + 1):
            raise MalformedInput(f"{place}: found another number, expected them from 1 on")
        public = parse_exact(key, place)
        passkeys[int(number)] = Passkey(
            person=parse_decimal(person, place, low=1, high=MAX_ORDINAL),
            since=parse_time(since, place),
            ended=None if ended == "-" else parse_time(ended, place),
            raw=public,
            key=parse_key(public, place),
        )
    requests: list[Request] = []
    while not requests or lines.is_next("request"):
        requests.append(_parse_request(lines, passkeys))
    lines.end()
    if len({item.raw for item in passkeys.values()}) != len(passkeys):
        raise MalformedInput("passkey: found one key twice, expected each once")
    if len({item.commitment for item in requests}) != len(requests):
        raise MalformedInput("request: found one twice, expected each once")
    return Agreements(note=note, origin=origin, custodian=custodian, passkeys=passkeys, requests=tuple(requests))


def _parse_request(lines: Lines, passkeys: dict[int, Passkey]) -> Request:
    commitment, required, completed = parse_words(lines.take("request"), 3, "request")
    agreements: list[Agreement] = []
    for _, value in lines.take_all("agreed", at_least=1):
        place = f"agreed {len(agreements) + 1} of {commitment[:32]}"
        number, time, site, nonce, text_hash, *parts = parse_words(value, 8, place)
        data, client_data, signature = (parse_exact(part, place) for part in parts)
        agreements.append(
            Agreement(
                passkey=parse_decimal(number, place, low=1, high=len(passkeys)),
                time=parse_time(time, place),
                nonce=bytes.fromhex(parse_hex(nonce, 32, place)),
                text_hash=bytes.fromhex(parse_hex(text_hash, 32, place)),
                assertion=Assertion(site=site, data=data, client_data=client_data, signature=signature),
            )
        )
    return Request(
        commitment=parse_hex(commitment, 32, "request"),
        required=parse_decimal(required, "request", low=1, high=2),
        completed=parse_time(completed, "request"),
        agreements=tuple(agreements),
    )


def verify_signature(agreements: Agreements, key: VerifyKey) -> None:
    """Prove that the custodian signed the file. Raises: NotProven."""
    signers = verify_signers(agreements.note, [key], "agreements")
    verify_that(key.identity in signers, f"agreements: found no signature of custodian {agreements.custodian}")


def verify_requests(agreements: Agreements) -> None:
    """Prove every agreement of the file, and that each request had enough persons, each counted once.

    Raises: MalformedInput, NotProven.
    """
    counts: dict[int, int] = {}
    nonces: set[bytes] = set()
    ordered = sorted(
        ((item.time, request, item) for request in agreements.requests for item in request.agreements),
        key=lambda triple: (triple[0], triple[2].assertion.count),
    )
    for time, request, item in ordered:
        place = f"request {request.commitment[:32]}"
        passkey = agreements.passkeys[item.passkey]
        is_in_force = passkey.since <= time and (passkey.ended is None or time <= passkey.ended)
        verify_that(is_in_force, f"{place}: found an agreement by a passkey that did not count then")
        verify_that(item.nonce not in nonces, f"{place}: found a nonce twice, expected each once")
        nonces.add(item.nonce)
        name = agreements.custodian.encode()
        parts = (u32(len(name)), name, bytes.fromhex(request.commitment), item.text_hash, item.nonce)
        verify_assertion(item.assertion, passkey.key, hash_of("approve", *parts), counts.get(item.passkey, 0), place)
        counts[item.passkey] = item.assertion.count
    for request in agreements.requests:
        place, persons = f"request {request.commitment[:32]}", agreements.persons_of(request)
        twice = len(persons) != len(request.agreements)
        verify_that(not twice, f"{place}: found one person twice, expected each once")
        in_time = sum(item.time <= request.completed for item in request.agreements)
        verify_that(
            in_time >= request.required,
            f"{place}: found {in_time} persons who agreed in time, expected {request.required}",
        )


def verify_note(agreements: Agreements, commitment: str, text: bytes) -> Request:
    """Give the request of a note, whose agreements are over exactly its text. Raises: NotProven."""
    matching = [item for item in agreements.requests if item.commitment == commitment]
    verify_that(matching, f"agreements: found none to request {commitment[:32]}, which the custodian countersigned")
    is_same = all(item.text_hash == hashlib.sha256(text).digest() for item in matching[0].agreements)
    verify_that(is_same, f"request {commitment[:32]}: found agreements to another text than the note's")
    return matching[0]
