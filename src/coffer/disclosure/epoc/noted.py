"""What a note says of the order that it was made of: its basis, and the kind of its issuer. Pure."""

import re
from collections.abc import Sequence
from typing import Final

from coffer.authority.authorization import MAX_TEXT
from coffer.authority.ordered import Issuer
from coffer.disclosure.epoc.form import Form
from coffer.disclosure.epoc.names import IssuerType
from coffer.disclosure.etsi_request import find_reference
from coffer.errors import MalformedInput

_REFERENCE: Final = re.compile(r"(?:EPOC|HI1) \S+ identifier ")
_CUT: Final = "..."
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
    return _verified(texts, "; ".join([*texts, reference_of(form, ids)]))


def extended_basis(form: Form, first: str, typed: str | None) -> str:
    """The ``basis:`` of a note that extends a hold by a form: a text, the order's reference, the form's.

    ``first``: that of the first note, whose text is taken where none was typed. A text that leaves no room for the
    references is cut; they are not.

    Raises:
        MalformedInput: the text reads like the reference of another order.
    """
    at = first.rindex(f"{form.parent_reference} identifier ")
    text, references = typed or first[:at].removesuffix("; "), f"{first[at:]}; {form.reference}"
    room = MAX_TEXT - len(references) - len("; ")
    if typed is None and len(text) > room:
        text = text[: max(room - len(_CUT), 0)].rstrip(" ") + _CUT if room > len(_CUT) else ""
    return _verified([text], f"{text}; {references}" if text else references)


def _verified(texts: Sequence[str], whole: str) -> str:
    if any(_REFERENCE.search(text) for text in texts):
        raise MalformedInput(
            "basis: reads like the reference of another order",
            hint="later forms find their order by it: ask the authority for another file reference",
        )
    if find_reference(whole) is not None:
        raise MalformedInput(
            "basis: reads like the reference of an ETSI request, which this order is not",
            hint="the response would go to whom it names: ask the authority for another file reference",
        )
    return whole
