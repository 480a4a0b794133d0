"""The PDF that a judge reads. Pure, but for reading its own template, which is package data.

The template ``record.typ`` gets everything as one JSON text in ``sys.inputs``, so nothing of an answer becomes markup.
Equal inputs give equal bytes: the fonts are those inside the typesetter, and the date is ``now``. The form is PDF/A-2a
(ISO 19005-2), so that it can be archived and read aloud.
"""

import datetime as dt
import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from coffer.disclosure.answer import SupersededBatch, count_alone, days_opened
from coffer.disclosure.letterhead import Letterhead
from coffer.disclosure.naming import show_identity
from coffer.disclosure.order_lines import order_lines
from coffer.disclosure.order_times import clock_name, days_text, local_of, moment_twice, opens_part_of_a_day
from coffer.disclosure.pdf_texts import DATE_FORMAT, LANGUAGES, TEXTS, format_count, format_duration
from coffer.disclosure.typesetting import typeset
from coffer.disclosure.verified import Disclosure, rules_of
from coffer.errors import MalformedInput, Refused
from coffer.identity.identifier import IdentityType
from coffer.segments.opened import OpenedRow
from coffer.visible import counted

MAX_RECORDS: Final = 10_000
"""Records of one document. This many fill 480 pages and took 15 s, 1.6 GiB of memory and 16 MB.

Most of the bytes are the tags for reading aloud. Nobody reads more on paper, so more is refused; the other forms have
no such limit.
"""
_COLUMNS: Final = ("no", "local", "utc", "kind", "direction", "peer", "duration", "answered_column", "cell")
_UTC: Final = "UTC"
"""The clock beside which UTC needs no column of its own."""
_CUT: Final = re.compile(r"~[0-9a-f]{64}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class PdfStyle:
    """How the PDF is set.

    ``language``: one of ``LANGUAGES``. ``zone``: that of the times that stand before UTC; None for the order's own clock,
    whose offsets its periods bear. ``letterhead``: None without one.
    """

    language: str
    zone: dt.tzinfo | None = None
    letterhead: Letterhead | None = None

    def __post_init__(self) -> None:
        if self.language not in LANGUAGES:
            raise MalformedInput(f"language: expected one of {', '.join(LANGUAGES)}")


def format_pdf(
    disclosure: Disclosure, style: PdfStyle, *, now: dt.datetime, openings: Mapping[str, object] | None = None
) -> bytes:
    """The bytes of the PDF.

    ``openings``: for a subject access, the section of openings that concerned the person.

    Raises:
        Refused: there are more than ``MAX_RECORDS`` records.
    """
    count = len(disclosure.rows) + len(disclosure.superseded)
    if count > MAX_RECORDS:
        raise Refused(
            f"pdf: {counted(count, 'record')}, expected at most {MAX_RECORDS}",
            code="form",
            hint="leave pdf out of --format",
        )
    document = pdf_document(disclosure, style, now=now) | {"openings": openings}
    return typeset("record.typ", document, now=now)


def pdf_document(disclosure: Disclosure, style: PdfStyle, *, now: dt.datetime) -> dict[str, object]:
    """The content for the template: the texts of the language, and the values as finished strings."""
    terms, words = disclosure.authorization.terms, TEXTS[style.language]
    is_any_cut = any(_CUT.search(row.peer) for row in (*disclosure.rows, *disclosure.superseded))
    devices = _devices(disclosure)
    further = ["number"] * ("number" in devices) + ["cut"] * is_any_cut
    day, clock = DATE_FORMAT[style.language], clock_name(style.zone, terms)
    about = "utc" if clock == _UTC else "order" if style.zone is None else "time"
    return {
        "language": style.language,
        "text": words,
        "letterhead": letterhead_document(style.letterhead),
        "confidential": words["confidential"].format(day=terms.secret_until.strftime(day)),
        "made": moment_twice(local_of(now, style.zone, terms), style.language, joint="  "),
        "origin": terms.origin,
        "order": order_lines(replace(terms, max_records=disclosure.authorization.limit), style.zone, style.language),
        "approval": _approval(disclosure, words),
        "custodians": [
            [name, _conduct(status, words, has_signed=name in disclosure.signers)]
            for name, status in disclosure.custodians.items()
        ],
        "summary": _summary([row for row in disclosure.rows if not row.repeat], style),
        "remarks": _remarks(disclosure, style),
        "columns": [*(name for name in _COLUMNS if name != "local" or clock != _UTC), *devices],
        "zone": clock,
        "sections": [_section(disclosure, n, style) for n in range(1, len(terms.subjects) + 1)],
        "superseded": [
            _superseded_section(disclosure, batch, line, style)
            for batch in disclosure.batches
            for line in sorted({row.line for row in disclosure.superseded if row.superseded == batch.batch})
        ],
        "reading": [
            words[f"reading_{name}"].format(zone=clock)
            for name in (about, "within", "direction", "duration", "cell", *further, "content")
        ],
        "log": _log(disclosure, style),
        "proof": _proof(disclosure, words),
    }


def letterhead_document(letterhead: Letterhead | None) -> dict[str, object] | None:
    """The provider's name, address and contact for a template."""
    if letterhead is None:
        return None
    provider = letterhead.provider
    return {"name": provider.name, "address": list(provider.address), "contact": list(provider.contact)}


def _approval(disclosure: Disclosure, words: dict[str, str]) -> list[list[str]]:
    rules = dict.fromkeys((name, expression) for _, name, expression in rules_of(disclosure))
    return [
        [words["requested"], disclosure.authorization.terms.requester.name],
        [words["countersigned"], ", ".join(disclosure.signers)],
        *(
            [words["rule"].format(rule=name), words["rule_text"].format(expression=_expression(expression, words))]
            for name, expression in rules
        ),
    ]


def _expression(expression: str, words: dict[str, str]) -> str:
    """A rule like ``2 of judge,dpo,regulator and cnctr`` in the words of the language.

    Names consist of small letters, digits and hyphens, so the words around them can be replaced.
    """
    count, _, rest = expression.partition(" of ")
    members, _, others = rest.partition(" and ")
    spaced = f"{count} {words['of']} {members.replace(',', ', ')}"
    return f"{spaced} {words['and']} {others.replace(',', ', ')}" if others else spaced


def _conduct(status: str, words: dict[str, str], *, has_signed: bool) -> str:
    """How a custodian took part, in the words of the language; an unknown status is shown as it is.

    A refusal keeps its code (``refused: scope``), except the constant code that says nothing. A custodian that had not
    approved the order is shown as unable to answer, because it did not refuse.
    """
    word, _, code = status.partition(": ")
    if word == "refused" and code == "constant" and not has_signed:
        return words["not_approved"]
    return words.get(word, word) + (f" ({code})" if code not in ("", "constant") else "")


def _summary(rows: Sequence[OpenedRow], style: PdfStyle) -> list[list[str]]:
    """Lines of kind, direction, count and duration; the last line is the total."""
    words = TEXTS[style.language]
    counts = Counter((row.kind, row.direction) for row in rows)
    seconds = Counter[tuple[str, str]]()
    for row in rows:
        seconds[row.kind, row.direction] += row.duration_s or 0
    order = [(k, d) for k in ("call", "text", "email") for d in ("out", "in", "forwarded", "other") if counts[k, d]]
    lines = [
        [
            words[kind],
            words[direction],
            format_count(counts[kind, direction], style.language),
            format_duration(seconds[kind, direction]) if kind == "call" else "",
        ]
        for kind, direction in order
    ]
    total = format_duration(sum(seconds.values())) if any(row.kind == "call" for row in rows) else ""
    return [*lines, [words["total"], "", format_count(len(rows), style.language), total]]


def _remarks(disclosure: Disclosure, style: PdfStyle) -> list[str]:
    words = TEXTS[style.language]
    alone = count_alone(disclosure.cells, disclosure.custodians)
    counts = {"unconfirmed": sum(cell.status == "unconfirmed" for cell in disclosure.cells) - alone, "alone": alone}
    total_cells = format_count(len(disclosure.cells), style.language)
    remarks = [
        words[name].format(count=format_count(count, style.language), total=total_cells)
        for name, count in counts.items()
        if count
    ] or [words["certain"]]
    terms, outside = disclosure.authorization.terms, sum(cell.outside_period for cell in disclosure.cells)
    days = [dt.date.fromisoformat(day) for day in days_opened(disclosure.cells)]
    total = len(terms.all_days)
    part = disclosure.part
    if part is None:
        remarks.append(words["searched" if len(days) < total else "searched_all"].format(total=total, count=len(days)))
    else:
        said = words["part_first" if part.since is None else "part"]
        span = days_text(days, style.language)
        remarks.append(said.format(number=part.number, since=part.since, days=span))
    if days and (outside or opens_part_of_a_day(terms)):
        count = format_count(outside, style.language)
        remarks.append(words["outside"].format(days=days_text(days, style.language), count=count))
    if any(row.direction == "forwarded" for row in disclosure.rows):
        remarks.append(words["twice"])
    if repeated := sum(bool(row.repeat) for row in disclosure.rows):
        remarks.append(words["repeats"].format(count=format_count(repeated, style.language)))
    if disclosure.batches:
        every = format_count(len(disclosure.superseded), style.language)
        untold = format_count(sum(not row.repeat for row in disclosure.superseded), style.language)
        batches = ", ".join(batch.batch for batch in disclosure.batches)
        remarks.append(words["superseded" if disclosure.superseded else "superseded_none"].format(batches=batches))
        if disclosure.superseded:
            remarks.append(words["superseded_count"].format(count=every, alone=untold))
    return remarks


def _section(disclosure: Disclosure, line: int, style: PdfStyle) -> dict[str, object]:
    rows = [(number, row) for number, row in enumerate(disclosure.rows, 1) if row.line == line]
    subject = disclosure.authorization.terms.subjects[line - 1].format()
    return {
        "subject": show_identity(subject, TEXTS[style.language]),
        "rows": [_cells(number, row, disclosure, style) for number, row in rows],
        "total": format_count(len(rows), style.language),
    }


def _superseded_section(
    disclosure: Disclosure, batch: SupersededBatch, line: int, style: PdfStyle
) -> dict[str, object]:
    """One subject's records of a superseded batch, numbered on after those of ``records.csv``."""
    words, entries = TEXTS[style.language], ", ".join(map(str, batch.entries))
    numbered = enumerate(disclosure.superseded, len(disclosure.rows) + 1)
    rows = [(n, row) for n, row in numbered if (row.superseded, row.line) == (batch.batch, line)]
    return {
        "batch": batch.batch,
        "subject": show_identity(disclosure.authorization.terms.subjects[line - 1].format(), words),
        "text": words["superseded_text"].format(feed=batch.feed, entries=entries),
        "rows": [_cells(n, row, disclosure, style) for n, row in rows],
        "total": format_count(len(rows), style.language),
    }


def _devices(disclosure: Disclosure) -> tuple[str, ...]:
    """The columns of devices.

    The own number is among them only where somebody asked for a device, since else it is the subject.
    """
    types = {subject.type for subject in disclosure.authorization.terms.subjects}
    is_asked = not types.isdisjoint((IdentityType.IMEI, IdentityType.IMSI))
    return tuple(name for name in disclosure.devices if name != "number" or is_asked)


def _cells(number: int, row: OpenedRow, disclosure: Disclosure, style: PdfStyle) -> list[str]:
    """One line of the table. ``number``: the record's number, the same in every form."""
    words, terms = TEXTS[style.language], disclosure.authorization.terms
    clock = clock_name(style.zone, terms)
    duration = "" if row.duration_s is None else format_duration(row.duration_s)
    devices = {"number": show_identity(row.number, words) if row.number else "", "imei": row.imei, "imsi": row.imsi}
    return [
        str(number),
        *(
            []
            if clock == _UTC
            else [_instant(local_of(row.start, style.zone, terms, row.line), style, with_offset=True)]
        ),
        _instant(row.start.astimezone(dt.UTC), style),
        f"{words[row.kind]} ({words[row.repeat]})" if row.repeat else words[row.kind],
        words[row.direction],
        show_identity(row.peer, words),
        f"{words['at_least']} {duration}" if row.is_saturated else duration,
        words["yes" if row.is_answered else "no_word"],
        row.cell,
        *(devices[name] for name in _devices(disclosure)),
    ]


def _instant(value: dt.datetime, style: PdfStyle, *, with_offset: bool = False) -> str:
    text = value.strftime(f"{DATE_FORMAT[style.language]} %H:%M:%S")
    offset = value.strftime("%z")
    return f"{text} {offset[:3]}:{offset[3:5]}" if with_offset else text


def _log(disclosure: Disclosure, style: PdfStyle) -> list[list[str]]:
    words, terms = TEXTS[style.language], disclosure.authorization.terms
    places = (("intent", disclosure.intent), ("draw", disclosure.draw), ("close", disclosure.close))
    return [
        [str(place.index), words[name], moment_twice(local_of(place.time, style.zone, terms), style.language)]
        if place
        else ["-", words["no_draw"], ""]
        for name, place in places
    ]


def _proof(disclosure: Disclosure, words: dict[str, str]) -> list[list[str]]:
    """Hashes in hex, and the log's key as programs take it."""
    head = disclosure.checkpoint.head
    return [
        [words["commitment"], disclosure.authorization.commitment.hex()],
        [words["checkpoint"], f"{head.size}\n{head.root.hex()}"],
        [words["log_key"], disclosure.pins.log_key.format()],
        [words["genesis"], disclosure.pins.genesis.hex()],
        [words["records_hash"], hashlib.sha256(disclosure.files["records.csv"]).hexdigest()],
    ]
