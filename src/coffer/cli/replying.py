"""The files of a reply: to a form, or to a message of ETSI TS 103 120."""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from coffer.disclosure.epoc.deliveries import format_deliveries
from coffer.disclosure.epoc.form import Endpoint, Form
from coffer.disclosure.epoc.form3 import format_form3
from coffer.disclosure.epoc.hi1 import OUTCOME, Correspondence, form_task, format_status
from coffer.disclosure.epoc.judged import Judgement, Lacking
from coffer.disclosure.epoc.replies import (
    Held,
    NonExecution,
    answered,
    authorisation_status,
    non_executions,
    outcomes,
    preservation_statuses,
    status_of,
    statuses,
    tasks_of,
)
from coffer.disclosure.etsi import MAX_FIELD, EtsiHeader
from coffer.disclosure.hi1.order import Content, TaskOrder
from coffer.disclosure.hi1.response import format_response
from coffer.disclosure.verified import Disclosure
from coffer.errors import MalformedInput
from coffer.ledger.holds import HoldStatus

RESPONSE: Final = "response.xml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An order that is replied to.

    ``content``: the message that it came in, or None. ``has_form3``: whether it is an order of the Union, whose
    reasons go into Form 3; other orders have them in their status alone.
    """

    about: Correspondence
    content: Content | None
    has_form3: bool

    @property
    def order(self) -> Form:
        """The order."""
        return self.about.order


def reply_to_form(order: Form, provider: Endpoint, now: dt.datetime) -> Reply:
    """Of a form, which goes back to the side that issued it."""
    about = Correspondence(
        order=order,
        provider=provider,
        sender=provider,
        receiver=order.authority,
        task=partial(form_task, order),
        now=now,
        new_id=_new_id,
    )
    return Reply(about=about, content=None, has_form3=True)


def reply_to_message(content: Content, order: TaskOrder, provider: Endpoint, now: dt.datetime) -> Reply:
    """Of a message, which goes back to the system that sent it, from the one that it was sent to."""
    envelope = content.envelope
    about = Correspondence(
        order=order.form,
        provider=provider,
        sender=envelope.receiver,
        receiver=envelope.sender,
        task=order.tasks.__getitem__,
        version=envelope.version,
        workflow=OUTCOME if order.is_european else None,
        now=now,
        new_id=_new_id,
    )
    return Reply(about=about, content=content, has_form3=order.is_european)


def received(
    reply: Reply,
    judgement: Judgement,
    given: Sequence[Lacking],
    lacking: Sequence[Lacking],
    kept: Mapping[str, Held],
) -> dict[str, bytes]:
    """The answer to a message, the status of everything, and Form 3 for what is not executed.

    ``kept``: how the hold of each identifier stands.
    """
    about, not_executed = reply.about, non_executions(lacking)
    until = {id_: held.until for id_, held in kept.items() if held.status is HoldStatus.IN_FORCE}
    by_id = statuses(about.order, judgement, given) | preservation_statuses(kept)
    authorisation = authorisation_status(by_id)
    kept_until = {id_: held.until for id_, held in kept.items() if held.is_kept}
    files = {}
    if reply.content is not None:
        files[RESPONSE] = format_response(reply.content, authorisation, by_id, about.now)
        files |= documents_of(reply.content)
    form3 = _form3(reply, not_executed, kept_until)
    files["status.xml"] = format_status(about, authorisation, by_id, _details(not_executed), form3, until)
    return files | ({} if form3 is None else {"form3.xml": form3})


def documents_of(content: Content) -> dict[str, bytes]:
    """The documents that a message carries, so that people can open them; named by their actions."""
    counts: dict[str, int] = {}
    files = {}
    for one in content.documents:
        counts[one.number] = counts.get(one.number, 0) + 1
        more = f"-{counts[one.number]}" if counts[one.number] > 1 else ""
        files[f"document-{one.number}{more}.{one.ending}"] = one.raw
    return files


def _form3(reply: Reply, not_executed: Sequence[NonExecution], kept: Mapping[str, dt.datetime]) -> bytes | None:
    """None where everything is executed, or the order has no such form."""
    about = reply.about
    if not not_executed or not reply.has_form3:
        return None
    return format_form3(about.order, not_executed, about.provider, about.new_id(), kept)


def _details(not_executed: Sequence[NonExecution]) -> dict[str, str]:
    return {one.id: one.sentence for one in not_executed}


def delivered(
    reply: Reply, judgement: Judgement, given: Sequence[Lacking], disclosures: Sequence[Disclosure]
) -> dict[str, bytes]:
    """A message for each file of the answers, and the reasons that people decided."""
    about = reply.about
    told = [answered(one.authorization.terms, is_kept=bool(one.cells)) for one in disclosures]
    for number, one in enumerate(told, 1):
        if not tasks_of(one, judgement.asked):
            raise MalformedInput(f"--answer {number}: about no identifier of the order")
    ends = outcomes(judgement.asked, told, given)
    answers = [(tasks_of(one, judgement.asked), shown) for one, shown in zip(told, disclosures, strict=True)]
    messages = format_deliveries(about, _header(about), answers, ends)
    files = {f"deliver-{number:04d}.xml": message for number, message in enumerate(messages, 1)}
    reasons = non_executions(given)
    form3 = _form3(reply, reasons, {})
    if form3 is not None:
        files["form3.xml"] = form3
    elif reasons:
        by_id = ends | {one.id: status_of(reply.order.kind, one.reasons[0]) for one in reasons if one.id not in ends}
        files["status.xml"] = format_status(about, authorisation_status(by_id), by_id, _details(reasons), None, {})
    return files


def _header(about: Correspondence) -> EtsiHeader:
    order = about.order
    return EtsiHeader(
        country=order.issuing_country,
        organisation=order.authority.national_id[:MAX_FIELD].strip(" "),
        request_number=_request_number(order),
        csp=about.provider.national_id[:MAX_FIELD].strip(" "),
    )


def _request_number(order: Form) -> str:
    """The order's own reference; its object's identifier where a header cannot hold the reference."""
    reference = order.case_id
    return reference if len(reference) <= MAX_FIELD and reference.isascii() else order.form_id


def _new_id() -> str:
    return str(uuid.uuid4())
