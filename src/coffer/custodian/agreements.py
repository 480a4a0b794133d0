"""What persons of a custodian agreed to, as an auditor reads it. Pure.

It holds no names, only ordinals and public keys.

Implements ``docs/formats/authorization.md``, "Agreements".
"""

import datetime as dt
from collections.abc import Sequence
from typing import Final

from coffer import wire
from coffer.custodian.approvals import Agreement, Approvals
from coffer.custodian.people_file import History
from coffer.errors import MalformedInput, Refused
from coffer.ledger.entries import Commitment
from coffer.notes.note import MAX_NOTE_BYTES

VERSION: Final = "coffer.agreements/v1"
_SIGNATURE_ROOM: Final = 512
"""Bytes that the signature line takes at most."""


def choose_requests(approvals: Approvals, digits: Sequence[str]) -> list[Commitment]:
    """The requests that enough persons agreed to, the oldest first.

    They are all, or those whose commitment begins with these digits.

    Raises:
        MalformedInput: some digits begin none of them, or several.
    """
    known = sorted(approvals.completed, key=lambda one: (approvals.completed[one].time, one))
    if not digits:
        return known
    chosen = set()
    for some in digits:
        matching = [one for one in known if one.hex().startswith(some.lower())]
        if len(matching) != 1:
            raise MalformedInput(
                f"request {some[:64]}: {len(matching)} that persons agreed to begin so, expected one",
                hint="what was approved at the terminal has no assertions to show",
            )
        chosen.add(matching[0])
    return [one for one in known if one in chosen]


def format_agreements(
    approvals: Approvals,
    history: History,
    requests: Sequence[Commitment],
    *,
    origin: str,
    custodian: str,
    now: dt.datetime,
) -> bytes:
    """The text that the custodian signs.

    Raises:
        Refused: there is nothing to show.
        MalformedInput: more than a note holds.
    """
    if not requests:
        raise Refused("agreements: no request was approved by passkey", code="form")
    shown = [one for request in requests for one in approvals.agreements[request]]
    passkeys = {one.passkey.id: one for one in sorted(shown, key=lambda one: (one.agreed.person, one.passkey.added))}
    numbers = {credential: number for number, credential in enumerate(passkeys, 1)}
    lines = [VERSION, f"origin: {origin}", f"custodian: {custodian}", f"time: {wire.format_time(now)}"]
    for credential, agreement in passkeys.items():
        passkey, ended = agreement.passkey, history.ended(agreement.passkey)
        span = f"{wire.format_time(passkey.added)} {wire.format_time(ended) if ended else '-'}"
        key = wire.format_base64(passkey.key)
        lines.append(f"passkey: {numbers[credential]} {agreement.agreed.person} {span} {key}")
    for request in requests:
        completed = approvals.completed[request]
        required = history.states[completed.lines].required
        lines.append(f"request: {request.hex()} {required} {wire.format_time(completed.time)}")
        lines += [_format_agreed(one, numbers[one.passkey.id], history) for one in approvals.agreements[request]]
    text = "".join(f"{line}\n" for line in lines).encode("ascii")
    if len(text) + _SIGNATURE_ROOM > MAX_NOTE_BYTES:
        raise MalformedInput(
            f"agreements: {len(text)} bytes, expected at most {MAX_NOTE_BYTES - _SIGNATURE_ROOM}",
            hint="name fewer requests, and write several files",
        )
    return text


def _format_agreed(agreement: Agreement, number: int, history: History) -> str:
    agreed, site = agreement.agreed, history.states[agreement.lines].site
    assert site is not None, "nobody agrees before there is a page"
    parts = (agreed.assertion.authenticator_data, agreed.assertion.client_data, agreed.assertion.signature)
    words = [str(number), wire.format_time(agreement.time), site.origin, agreed.nonce.hex(), agreed.text_hash.hex()]
    return " ".join(["agreed:", *words, *(wire.format_base64(part) for part in parts)])
