"""Documents of a message: taken out of it, and a form among them compared with the tasks. Pure.

The form is what people signed. A system that makes tasks of it may lose a range of time or a category on the way, and
then the tasks ask for something else than the order.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from coffer.disclosure.epoc.form import AskedIdentifier, Form
from coffer.disclosure.epoc.hi1 import DOCUMENT
from coffer.disclosure.epoc.reading import parse_form
from coffer.disclosure.hi1.fields import decoded
from coffer.disclosure.hi1.message import Action
from coffer.disclosure.hi1.names import Kind, Verb
from coffer.errors import MalformedInput

_ENDINGS = ((b"%PDF-", "pdf"), (b"<", "xml"))
_Asked = tuple[str | None, str, str, dt.datetime | None, dt.datetime | None]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Attached:
    """A document. ``number``: of its action. ``ending``: pdf, xml or bin, by its first bytes."""

    number: str
    raw: bytes
    ending: str


def attached(actions: Sequence[Action]) -> tuple[Attached, ...]:
    """The documents that are created. Contents that are no base64 are shown as they are."""
    documents = []
    for action in actions:
        if action.verb is Verb.CREATE and action.kind is Kind.DOCUMENT and action.item is not None:
            for contents in action.item.element.iter(f"{{{DOCUMENT}}}Contents"):
                raw = decoded(contents.text or "")
                if raw:
                    documents.append(Attached(number=action.number, raw=raw, ending=_ending(raw)))
    return tuple(documents)


def _ending(raw: bytes) -> str:
    return next((ending for start, ending in _ENDINGS if raw.lstrip()[: len(start)] == start), "bin")


def differing(order: Form, documents: Sequence[Attached]) -> tuple[str, ...]:
    """The numbers of documents that are a form of this order, and ask for something else."""
    numbers = []
    for document in documents:
        try:
            form = parse_form(document.raw, "document")
        except MalformedInput:
            continue  # a PDF, or another text: people read it
        if form.kind is order.kind and _asked(form) != _asked(order):
            numbers.append(document.number)
    return tuple(numbers)


def _times(one: AskedIdentifier) -> Sequence[tuple[dt.datetime | None, dt.datetime | None]]:
    return [(span.start, span.end) for span in one.ranges] or [(None, None)]


def _asked(form: Form) -> frozenset[_Asked]:
    """Whom, which category and when, one by one: a task may have one of several ranges."""
    return frozenset(
        (one.type, one.value, category.category, start, end)
        for one in form.identifiers
        for category in one.categories
        for start, end in _times(one)
    )
