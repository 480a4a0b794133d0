"""What ``--from-order FILE`` takes from the file of an order, which is recognised by its root.

A form of the European Union, a message of ETSI TS 103 120, or one of ETSI TS 102 657. The first two become the same
values; the last leaves more to options (``coffer.cli.from_etsi``).
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from coffer.authority.ordered import Ordered
from coffer.cli.console import read_file
from coffer.cli.from_epoc import EpocOrder, ordered_by, planned, verify_not_said
from coffer.cli.from_etsi import Given, verify_given
from coffer.cli.from_hi1 import ordered_by_tasks, refuse_changes, refuse_differing, said_by_tasks, say_actions
from coffer.errors import MalformedInput, Refused
from coffer.identity.identifier import IdentityType

_START: Final = 64
"""Bytes in which an XML file has a tag, even after a byte order mark and an empty line."""

if TYPE_CHECKING:
    from coffer.disclosure.epoc.form import Form
    from coffer.disclosure.hi1.order import TaskOrder


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class OrderFile:
    """An order as it came. ``tasks``: what a message says beside its form's values; None for a form."""

    place: str
    form: "Form"
    tasks: "TaskOrder | None"

    @property
    def title(self) -> str:
        """What kind of order it is."""
        from coffer.disclosure.epoc.names import TITLES, FormKind  # noqa: PLC0415 - only an order in XML needs the library of XML

        if self.tasks is None:
            return TITLES[self.form.kind]
        return "tasks that ask to " + ("disclose" if self.form.kind is FormKind.PRODUCTION else "preserve")

    def verify_not_said(self, *, has_due: bool = True) -> None:
        """Refuse options that contradict it. ``has_due``: whether such an order has a deadline."""
        said = ("urgency", "due", "issued_by") if self.tasks is None else said_by_tasks(self.tasks)
        verify_not_said([name for name in said if has_due or name != "due"])

    def ordered(self, typed: Ordered) -> Ordered:
        """What was typed about the order, with what its file says."""
        return ordered_by(self.form, typed) if self.tasks is None else ordered_by_tasks(self.tasks, typed)


def is_etsi_request(file: str) -> bool:
    """Whether the file is a request message of ETSI TS 102 657."""
    from coffer.disclosure.etsi_request import is_retained_data  # noqa: PLC0415 - only such a file needs the library of XML

    return is_retained_data(read_file(file))


def read_order_file(file: str) -> OrderFile:
    """The order that a form or a message makes; says which actions of a message are not done.

    Raises:
        MalformedInput: it is neither, or holds something that is not known where it could change what is asked.
        Refused: a message that makes no order, or changes an earlier one.
    """
    from coffer.disclosure.epoc.reading import parse_form  # noqa: PLC0415 - only an order in XML needs the library of XML
    from coffer.disclosure.hi1.message import is_message, parse_envelope  # noqa: PLC0415 - as above
    from coffer.disclosure.hi1.order import parse_content  # noqa: PLC0415 - as above

    raw, place = read_file(file), Path(file).name
    if raw.startswith(b"%PDF-") or b"<" not in raw[:_START]:
        hint = "a PDF or picture is not read: type what it says, and name it with --order"
        raise MalformedInput(f"{place}: not XML", hint=hint)
    if not is_message(raw):
        return OrderFile(place=place, form=parse_form(raw, place), tasks=None)
    content = parse_content(parse_envelope(raw, place))
    say_actions(content)
    refuse_changes(content)
    refuse_differing(content)
    if content.order is None:
        raise Refused(f"{place}: it asks for no records", code="form", hint=f"coffer reply {place} answers it")
    form = replace(content.order.form, shown=content.shown)
    return OrderFile(place=place, form=form, tasks=content.order)


def read_order(
    file: str, typed: Ordered, given: Given, persons: Sequence[str], *, found_by: Callable[[], Collection[IdentityType]]
) -> EpocOrder:
    """The order, judged, and one request for each note that it needs; says what cannot be answered.

    ``typed``: what was typed about the order, with the file among its files. ``found_by``: as in ``judge``.

    Raises:
        MalformedInput: it is no such file, or an option is missing or contradicts it.
        Refused: nothing of it can be asked of a vault, or the options ask for more than it does.
    """
    from coffer.disclosure.epoc.names import FormKind  # noqa: PLC0415 - only an order in XML needs the library of XML

    order = read_order_file(file)
    if order.form.kind is not FormKind.PRODUCTION:
        raise Refused(
            f"{order.place}: {order.title}: it asks for no records, and nothing is opened",
            code="form",
            hint=f"coffer hold {'make' if order.form.kind is FormKind.PRESERVATION else 'extend'} --from-order keeps, unread",
        )
    order.verify_not_said()
    verify_given({"--max-records": given.max_records})
    finds = found_by()
    return planned(order.form, order.place, order.ordered(typed), given, persons, found_by=finds)
