"""What a note says of the order that it was made of: its basis, and the kind of its issuer. Pure."""

import re
from collections.abc import Sequence
from typing import Final

from coffer.authority.ordered import Issuer
from coffer.disclosure.epoc.form import Form
from coffer.disclosure.epoc.names import IssuerType
from coffer.disclosure.etsi_request import find_reference
from coffer.errors import MalformedInput

_REFERENCE: Final = re.compile(r"(?:EPOC|HI1) \S+ identifier ")
_ISSUERS: Final = {
    IssuerType.PROSECUTOR: Issuer.PROSECUTOR,
    IssuerType.COURT: Issuer.COURT,
    IssuerType.JUDGE: Issuer.COURT,
    IssuerType.OTHER: Issuer.OTHER,
}


def issuer_of(kind: IssuerType) -> Issuer:
    """How a note names the kind of an issuing authority."""
    return _ISSUERS[kind]


def reference_of(form: Form, ids: Sequence[str]) -> str:
    """How a note names the identifiers of an order that it is about."""
    return f"{form.reference} identifier {','.join(ids)}"


def basis_of(form: Form, ids: Sequence[str], typed: str | None) -> str:
    """The ``basis:`` of a note: what was typed, the order's references, which identifiers.

    Later forms and deliveries find their order by the last of these, so that nothing before it may read like one.

    Raises:
        MalformedInput: a text reads like the reference of another order.
    """
    assert form.issuing is not None, "an order"
    case = form.case_id if form.is_message else ""
    texts = [text for text in (typed, form.issuing.file_reference, case) if text]
    if any(_REFERENCE.search(text) for text in texts):
        raise MalformedInput(
            "basis: reads like the reference of another order",
            hint="later forms find their order by it: ask the authority for another file reference",
        )
    whole = "; ".join([*texts, reference_of(form, ids)])
    if find_reference(whole) is not None:
        raise MalformedInput(
            "basis: reads like the reference of an ETSI request, which this order is not",
            hint="the response would go to whom it names: ask the authority for another file reference",
        )
    return whole
