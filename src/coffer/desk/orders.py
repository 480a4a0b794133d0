"""A draft from an order that came as an ETSI TS 102 657 message. Pure.

A PDF is stored with its hash and read by a person: no program takes an order's meaning from a picture of it.
"""

from dataclasses import replace

from coffer.authority.period import format_instant
from coffer.desk.draft import Draft, TypedSpan, TypedSubject
from coffer.disclosure.etsi_request import EtsiRequest, parse_etsi_request


def draft_of_xml(raw: bytes, before: Draft, place: str) -> Draft:
    """The draft with everything that the message says. What it does not say stays as it was typed.

    The message's reference stands at the end of ``basis``, where custodians see it and the response takes it from.

    Raises:
        MalformedInput: it is not a request message of that standard.
        Refused: it asks for what is never opened.
    """
    message = parse_etsi_request(raw, place)
    period = message.period
    return replace(
        before,
        subjects=tuple(TypedSubject(text=text) for text in message.subjects),
        spans=(TypedSpan(first=format_instant(period.first), last=format_instant(period.end)),),
        kinds=message.kinds,
        max_records=before.max_records if message.max_hits is None else str(message.max_hits),
        basis=_basis(before.basis, message),
    )


def _basis(typed: str, message: EtsiRequest) -> str:
    reference = message.reference.format()
    if typed.endswith(reference):
        return typed
    return f"{typed}; {reference}" if typed else reference
