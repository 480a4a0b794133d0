"""What a case knows of its order, and a draft from one that came as an ETSI TS 102 657 message. Pure.

A PDF is stored with its hash and read by a person: no program takes an order's meaning from a picture of it.
"""

import datetime as dt
from dataclasses import dataclass, replace
from typing import Final

from coffer.authority.authorization import Authorization
from coffer.authority.ordered import OrderFile, Urgency
from coffer.authority.period import format_instant
from coffer.desk.case import Case, CaseClass, DocumentId, DocumentKind
from coffer.desk.draft import Draft, TypedSpan, TypedSubject
from coffer.disclosure.etsi_request import EtsiRequest, parse_etsi_request

_URGENCIES: Final = {CaseClass.URGENT: Urgency.URGENT, CaseClass.EMERGENCY: Urgency.EMERGENCY}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Came:
    """How an order came: when, until when it is to be answered, how urgent it is, and its files."""

    received: dt.datetime
    due: dt.datetime | None
    urgency: Urgency
    is_access: bool
    files: tuple[OrderFile, ...]


def came_of(case: Case) -> Came:
    """How the order of a case came."""
    orders = [document for document in case.documents if document.kind is DocumentKind.ORDER]
    return Came(
        received=case.received,
        due=case.due,
        urgency=_URGENCIES.get(case.order_class, Urgency.ORDINARY),
        is_access=case.order_class is CaseClass.SUBJECT_ACCESS,
        files=tuple(OrderFile(sha256=document.sha256, size=document.size) for document in orders),
    )


def order_documents(case: Case, authorization: Authorization) -> tuple[DocumentId, ...]:
    """The documents of a case that a request names as files of its order, each content once.

    A document that was added after the request was signed is none of them.
    """
    named = {file.sha256 for file in authorization.terms.ordered.files}
    by_hash = {document.sha256: document.id for document in reversed(case.documents) if document.sha256 in named}
    return tuple(by_hash[file.sha256] for file in authorization.terms.ordered.files if file.sha256 in by_hash)


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
