"""Documents of a message: taken out of it, and a form among them compared with the tasks. Pure.

The form is what people signed. A system that makes tasks of it may lose a range of time or a category on the way, and
then the tasks ask for something else than the order.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from coffer.disclosure.epoc.form import AskedIdentifier, Form
from coffer.disclosure.epoc.reading import parse_form
from coffer.disclosure.hi1.fields import decoded
from coffer.disclosure.hi1.message import Action
from coffer.disclosure.hi1.names import ErrorCode, Fault, Kind, Verb
from coffer.disclosure.strict_xml import begins_as_xml
from coffer.errors import MalformedInput

_WRAPPER = b"globalCaseId"
"""The element that each form begins with."""
_Asked = tuple[str | None, str, str, dt.datetime | None, dt.datetime | None]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Attached:
    """A document. ``number``: of its action. ``ending``: pdf, xml or bin, by its first bytes.

    ``is_form``: it begins as XML, is said to be XML, or has the first element of a form.
    """

    number: str
    raw: bytes
    ending: str
    is_form: bool


def attached(actions: Sequence[Action], place: str) -> tuple[Attached, ...]:
    """The documents that are created.

    Raises:
        Fault: Contents that are no base64, which nobody could read.
    """
    documents = []
    for action in actions:
        if action.verb is not Verb.CREATE or action.kind is not Kind.DOCUMENT or action.item is None:
            continue
        is_said = any("xml" in (said.text or "").lower() for said in action.item.element.iter("{*}ContentType"))
        for contents in action.item.element.iter("{*}Contents"):
            raw = None if len(contents) else decoded(contents.text or "")
            if raw is None:
                raise Fault(ErrorCode.INVALID, f"{place}: action {action.number}: Contents, expected base64")
            if raw:
                ending = _ending(raw)
                is_form = is_said or ending == "xml" or (ending == "bin" and _WRAPPER in raw.replace(b"\0", b""))
                documents.append(Attached(number=action.number, raw=raw, ending=ending, is_form=is_form))
    return tuple(documents)


def _ending(raw: bytes) -> str:
    if raw.lstrip().startswith(b"%PDF-"):
        return "pdf"
    return "xml" if begins_as_xml(raw) else "bin"


def differing(order: Form, documents: Sequence[Attached], place: str) -> tuple[str, ...]:
    """The numbers of documents that are a form, and ask for something else than this order.

    A form of another kind does: one asks to keep, the other to open. People read a PDF or a picture.

    Raises:
        Fault: a form that is not read here, so that nobody knows whether it asks for the same.
    """
    numbers = []
    for document in documents:
        if not document.is_form:
            continue
        try:
            form = parse_form(document.raw, f"{place}: action {document.number}: not compared with the tasks")
        except MalformedInput as error:
            raise Fault(
                ErrorCode.INVALID,
                error.message,
                hint="people signed the form: ask the authority for one that is read here",
            ) from None
        if form.kind is not order.kind or _asked(form) != _asked(order):
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
