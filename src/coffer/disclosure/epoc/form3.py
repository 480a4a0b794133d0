"""Form 3: what of an order is not executed, and why. Pure.

A draft for a person to read and sign. Source: Regulation (EU) 2023/1543, annex III; the structure is as certain as
``docs/formats/epoc.md`` says.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Final

from lxml import etree

from coffer import wire
from coffer.disclosure.epoc import names
from coffer.disclosure.epoc.form import Endpoint, Form
from coffer.disclosure.epoc.names import FormKind, Reason
from coffer.disclosure.epoc.replies import NonExecution

_NAMESPACE: Final = names.NAMESPACES[FormKind.IMPOSSIBLE]
_PREFIXES: Final = {"eio": names.EIO, "f": _NAMESPACE}
_PRESERVED: Final = "traffic data are preserved, unread, until {}"
NOTHING_PRESERVED: Final = "nothing was preserved: records are kept for their own time only"
NOTHING_HELD: Final = "nothing was preserved: such data are not held here"


def format_form3(
    order: Form, reasons: Sequence[NonExecution], provider: Endpoint, form_id: str, kept: Mapping[str, dt.datetime]
) -> bytes:
    """The form. ``form_id``: a new UUID for it.

    ``kept``: by identifier, until when its traffic data are preserved.
    """
    root = etree.Element("message", nsmap=_PREFIXES)
    for name, text in (("globalCaseId", order.case_id), ("formId", form_id), ("parentFormId", order.form_id)):
        etree.SubElement(root, name).text = text
    form = _add(etree.SubElement(root, "form"), FormKind.IMPOSSIBLE)
    section = _add(form, "SectionD")
    for one in reasons:
        item = _add(section, "NonExecutionReason")
        _add(item, "IdentifierId", one.id)
        codes = _add(item, "Reasons")
        for reason in one.reasons:
            _add(codes, "Reason", reason)
        _add(item, "ExplanationOrOtherReason", one.sentence)
    _add(form, "SectionE")
    section = _add(form, "SectionG")
    for one in reasons:
        item = _add(section, "PreservationOfData")
        _add(item, "IdentifierId", one.id)
        until = kept.get(one.id)
        _add(item, "Preserved", "false" if until is None else "true")
        _add(item, "Reason", _why(one) if until is None else _PRESERVED.format(wire.format_time(until)))
    technical = etree.SubElement(_add(form, "SectionH"), f"{{{names.EIO}}}AuthorityTechnicalIdentifier")
    etree.SubElement(technical, f"{{{names.EIO}}}Country").text = provider.country
    etree.SubElement(technical, f"{{{names.EIO}}}NationalId").text = provider.national_id
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _why(one: NonExecution) -> str:
    """Why nothing was preserved: there is nothing, or it is kept for its own time."""
    return NOTHING_HELD if {*one.reasons} == {Reason.DATA_NOT_HELD} else NOTHING_PRESERVED


def _add(parent: etree._Element, name: str, text: str | None = None) -> etree._Element:
    child = etree.SubElement(parent, f"{{{_NAMESPACE}}}{name}")
    child.text = text
    return child
