"""What ``--from-order FILE`` takes from a European order.

The form says whom, when, on whose authority and how soon. The desk adds what no form holds, and may narrow the kinds.
"""

import datetime as dt
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import click
from click.core import ParameterSource

from coffer.authority.authorization import parse_kinds
from coffer.authority.ordered import IssuedIn, Ordered, Urgency
from coffer.cli.console import console, say
from coffer.cli.from_etsi import Asked, Given
from coffer.cli.periods import show_moment
from coffer.cli.tables import Table
from coffer.errors import MalformedInput, Refused
from coffer.identity.identifier import IdentityType

if TYPE_CHECKING:
    from coffer.disclosure.epoc.form import Form
    from coffer.disclosure.epoc.judged import Judgement, Lacking, PlannedNote

TEN_DAYS: Final = dt.timedelta(days=10)
EIGHT_HOURS: Final = dt.timedelta(hours=8)
_ENTRY: Final = ("Owner", "Name", "Value")
"""What an entry of a dictionary holds, in this order (ETSI TS 103 120, DictionaryEntry)."""
_IN_A_NAME: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
"""Between two words of a name such as ``LDDeliveryProfile``."""
_SAID_BY_ALL: Final = ("subjects", "ranges", "begins", "ends")
"""Options that would contradict any order, by the names of their parameters."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class EpocOrder:
    """A form, and the requests that say exactly what can be asked of it.

    ``parts``: of each request what it asks, and the persons of its subjects; ``ids``: the identifiers that it is about.
    """

    form: "Form"
    judgement: "Judgement"
    authority: str
    ordered: Ordered
    parts: Sequence[tuple[Asked, tuple[str, ...]]]
    ids: tuple[tuple[str, ...], ...]


def planned(
    form: "Form",
    place: str,
    ordered: Ordered,
    given: Given,
    persons: Sequence[str],
    *,
    found_by: Collection[IdentityType],
) -> EpocOrder:
    """The requests that an order needs; says what cannot be answered.

    ``ordered``: what its notes say about it. ``found_by``: as in ``judge``.

    Raises:
        MalformedInput: an option is missing or contradicts it.
        Refused: nothing of it can be asked of a vault, or the options ask for more than it does.
    """
    from coffer.disclosure.epoc.judged import judge, plan_notes  # noqa: PLC0415 - only such an order needs the library of XML

    judgement = judge(form, found_by=found_by)
    say_lacking(judgement.lacking)
    if not judgement.asked:
        raise nothing_asked(place)
    authority = authority_of(form, given, place)
    notes = plan_notes(judgement.asked)
    by_id = persons_by_id([one.id for one in judgement.asked], persons)
    return EpocOrder(
        form=form,
        judgement=judgement,
        authority=authority,
        ordered=ordered,
        parts=tuple((_asked(form, note, given), tuple(by_id[id_] for id_ in note.ids)) for note in notes),
        ids=tuple(note.ids for note in notes),
    )


def nothing_asked(place: str) -> Refused:
    """Why no note is made of a form."""
    hint = f"coffer reply {place} makes the form that says so"
    return Refused(f"{place}: nothing of it can be asked of this vault", code="scope", hint=hint)


def authority_of(form: "Form", given: Given, place: str) -> str:
    """Who issued it: the form says it, or else the option.

    Raises:
        MalformedInput: both say it, or none does.
    """
    assert form.issuing is not None, "an order"
    if bool(form.issuing.name) == (given.authority is not None):
        missing = "names no issuing authority" if given.authority is None else "names the issuing authority itself"
        raise MalformedInput(f"--authority: {place} {missing}", hint="name it here only where the form does not")
    return given.authority or form.issuing.name


def say_lacking(lacking: "Sequence[Lacking]") -> None:
    """List what cannot be answered, by identifier. A line names no person."""
    for one in lacking:
        reason = "not here" if one.is_elsewhere else one.reason
        say(f"identifier {one.id}, {one.what}: {reason}: {one.sentence}")


def lacking_document(lacking: "Sequence[Lacking]") -> list[dict[str, str]]:
    """The same as JSON."""
    return [
        {
            "identifier": one.id,
            "what": one.what,
            "reason": "" if one.is_elsewhere else one.reason,
            "explanation": one.sentence,
        }
        for one in lacking
    ]


def shown_rows(form: "Form") -> list[tuple[str, str]]:
    """Every text of the form that has no effect on the requests, for people to read."""
    return [(one.path, one.text) for one in form.texts]


def print_shown(form: "Form") -> None:
    """The texts as a table on stdout: they are the order's, and may name people."""
    if form.is_message:
        print_message(shown_rows(form))
    else:
        print_texts("in the form", shown_rows(form))


def print_message(rows: Sequence[tuple[str, str]]) -> None:
    """The texts of a message as a table on stdout, its paths in words; JSON has the paths."""
    print_texts("in the message", message_rows(rows))


def message_rows(rows: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Paths as words, which no screen breaks; an entry of a dictionary is one row, not three."""
    shown, place = list[tuple[str, str]](), 0
    while place < len(rows):
        path, text = rows[place]
        entry = path.removesuffix("/Owner")
        paths = [path for path, _ in rows[place : place + len(_ENTRY)]]
        if paths == [f"{entry}/{name}" for name in _ENTRY]:
            owner, name, value = (text for _, text in rows[place : place + len(_ENTRY)])
            path, text = entry, f"{owner} {name}: {value}"
            place += len(_ENTRY) - 1
        shown.append((", ".join(_IN_A_NAME.sub(" ", step) for step in path.split("/") if step != "HI1Object"), text))
        place += 1
    return shown


def print_texts(heading: str, rows: Sequence[tuple[str, str]]) -> None:
    """A table of places and what stands there."""
    table = Table(heading, "says")
    for row in rows:
        table.add_row(*row)
    console().print(table)


def say_order(order: EpocOrder) -> None:
    """Say what a person must heed before anything is handed over."""
    from coffer.disclosure.epoc.names import Recipient  # noqa: PLC0415 - only after the form was read

    form, due = order.form, order.ordered.due
    if due is not None:
        say(f"due {show_moment(due)}")
    say_notified(form, due)
    if form.recipient not in {None, Recipient.ISSUING}:
        say(f"the data go to: {form.recipient}")
    if form.has_delay:
        say("the person must not be told yet: the order says so, and --secret-until says until when")
    say(
        "the codes of traffic data are not interpreted: compare what the answer holds with them before it is handed over"
    )


def say_notified(form: "Form", due: dt.datetime | None) -> None:
    """Say that an enforcing authority was notified, where one was.

    ``due``: until when it may refuse, if told.
    """
    from coffer.disclosure.epoc.names import Deadline  # noqa: PLC0415 - only after the form was read

    if form.deadline is Deadline.AT_THE_END or form.is_notified:
        until = "" if due is None else f" before {show_moment(due)}"
        say(f"an enforcing authority was notified: hand nothing over{until}, unless it says that it will not refuse")


def verify_not_said(names: Sequence[str]) -> None:
    """Refuse options that would contradict the order. ``names``: parameters that this order says too."""
    context = click.get_current_context()
    for name in (*_SAID_BY_ALL, *names):
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            option = next(one.opts[0] for one in context.command.params if one.name == name)
            raise MalformedInput(f"{option}: not beside --from-order, where the order says it")


def persons_by_id(ids: Sequence[str], persons: Sequence[str]) -> dict[str, str]:
    """Who used each identifier, from one for all or one for each."""
    if len(persons) not in {1, len(ids)}:
        raise MalformedInput(
            f"--person: {len(persons)} persons for {len(ids)} identifiers that can be asked, expected one for all or one for each",
            hint=f"in the form's order: {', '.join(ids)}",
        )
    return dict(zip(ids, persons if len(persons) > 1 else [*persons] * len(ids), strict=True))


def ordered_by(form: "Form", typed: Ordered) -> Ordered:
    """What was typed about the order, with what the form says."""
    from coffer.disclosure.epoc.noted import issuer_of  # noqa: PLC0415 - only after the form was read

    assert form.issuing is not None, "an order"
    is_emergency = form.deadline is not None and form.deadline.is_emergency
    due = typed.due if form.deadline is None else typed.received + (EIGHT_HOURS if is_emergency else TEN_DAYS)
    is_typed = click.get_current_context().get_parameter_source("issued_in") is ParameterSource.COMMANDLINE
    return replace(
        typed,
        urgency=Urgency.EMERGENCY if is_emergency else Urgency.ORDINARY,
        issuer=issuer_of(form.issuing.type),
        issued_in=typed.issued_in if is_typed else IssuedIn.UNION,
        due=due,
    )


def _asked(form: "Form", note: "PlannedNote", given: Given) -> Asked:
    from coffer.disclosure.epoc.noted import basis_of  # noqa: PLC0415 - only after the form was read

    assert given.max_records is not None, "looked at before"
    return Asked(
        subjects=note.subjects,
        periods=note.periods,
        kinds=kinds_of(note, given.kinds),
        max_records=given.max_records,
        basis=basis_of(form, note.ids, given.basis),
    )


def kinds_of(note: "PlannedNote", typed: str | None) -> str:
    """The note's own kinds, or those of them that were typed."""
    if typed is None:
        return ",".join(note.kinds)
    wanted = parse_kinds(typed, "--kinds")
    kinds = [kind for kind in note.kinds if kind in wanted]
    if not kinds:
        raise Refused(
            f"--kinds: none of {','.join(note.kinds)}, which identifier {','.join(note.ids)} asks for",
            code="scope",
            hint="--kinds can only narrow what the form asks",
        )
    return ",".join(kinds)
