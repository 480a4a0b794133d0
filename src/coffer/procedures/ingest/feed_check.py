"""``coffer feed check``, the shell: reads files as an ingest would, and seals nothing.

It shows how records would be read, without showing any person.
"""

import datetime as dt
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from coffer.bounds import FUTURE
from coffer.errors import MalformedInput
from coffer.identity.identifier import IdentityType, unpack_short_code
from coffer.identity.numbering import locate, plans
from coffer.identity.readings import read_digits
from coffer.identity.scanning import scan
from coffer.kinds import KIND_NAMES
from coffer.procedures.ingest.decide import HINTS, over_bound
from coffer.procedures.ingest.read import InOrder, OpenFile, in_reading_order, open_file
from coffer.procedures.ingest.sources import Source
from coffer.records.draft import Parsed, Window
from coffer.records.feed import Feed, parse_feed
from coffer.records.guessing import mask
from coffer.records.parties import PARTIES
from coffer.records.proposing import Proposal, propose_known, propose_mapped, propose_preset
from coffer.records.readers.formats import HEAD_BYTES, NAMED, detect
from coffer.records.readers.naming import hint_for
from coffer.records.readers.text.arrays import lines_of_head
from coffer.records.readers.text.head import text_of_head
from coffer.records.settings import MAPPED
from coffer.records.unmapped import layout_remarks, unmapped_columns

_SAMPLED: Final = 2_000
"""Records of a file whose shapes are examined: enough to see every way in which a source writes numbers."""
_LOOKED_INTO_BYTES: Final = 1 << 26
"""A Parquet file of more is not read once more for the columns that the feed leaves out."""
_TWO_PARTS: Final = re.compile("9{1,3}:99")
"""The shape of 2:05, which may be minutes and seconds, or hours and minutes."""
_OWN_TIMES: Final = (
    "cucm",
    "freeswitch-json",
    "freeswitch-xml",
    "kamailio",
    "kamailio-sqlite",
    "nrtrde",
    "tap3",
    "twilio-calls",
    "twilio-messages",
)


@dataclass(slots=True, kw_only=True)
class FileReport:
    """How one file would be read.

    ``shapes``: by party, shapes such as ``+99999999999`` and how often each occurs; a digit is shown as 9, a letter as
    a. ``durations``: likewise. ``dialled``: records with a party that is kept as the digits dialled. ``sampled``:
    records that were examined closely. ``unmapped``: of a table the columns that the feed does not name, with the shapes
    of their values. ``several``: those among them with a party that could be more than one number.
    ``remarks``: what
    the feed may have wrong of the layout. ``changed_year``: when the file was last changed; 0: not known.
    """

    name: str
    format: str
    title: str
    reason: str
    read: int = 0
    kept: int = 0
    ambiguous: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    merged: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    emptied: Counter[str] = field(default_factory=Counter)
    assumed: Counter[str] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    first: dt.datetime | None = None
    last: dt.datetime | None = None
    shapes: dict[str, Counter[str]] = field(default_factory=dict)
    durations: Counter[str] = field(default_factory=Counter)
    dialled: int = 0
    several: int = 0
    sampled: int = 0
    unmapped: dict[str, tuple[str, ...]] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    changed_year: int = 0

    @property
    def forgotten_duration(self) -> str | None:
        """A column that looks like minutes and seconds and is not read, where calls have no duration at all."""
        if not self.kinds["call"] or self.durations:
            return None
        two_parts = (
            name
            for name, shapes in self.unmapped.items()
            if shapes and all(_TWO_PARTS.fullmatch(one) for one in shapes)
        )
        return next(two_parts, None)

    def verify_plausible(self, most_percent: Decimal = Decimal(100)) -> None:
        """Refuse a file if most of it was not understood: then its feed is not the right one.

        ``most_percent``: likewise if more of its records are rejected than this, the feed's ``max_rejects``.

        Raises:
            MalformedInput: the hint says what to set.
        """
        rejected = self.rejected.total()
        if rejected * 100 > most_percent * self.read:
            raise over_bound(self.name, self.rejected, self.read, most_percent)
        if rejected > self.kept:  # merged records count for neither: another record stands for their event
            reason, count = self.rejected.most_common(1)[0]
            raise MalformedInput(
                f"{self.name}: {rejected:,} of {self.read:,} records rejected, {count:,} of them as {reason}",
                hint=HINTS.get(reason, "is this feed meant for this file?"),
            )
        if self.dialled * 2 > self.kept:
            hint = "do columns a and b point to the numbers, and is home_country that of their source?"
            if self.several * 2 > min(self.dialled, self.sampled):
                hint = 'say how the source writes numbers: number_style = "e164-no-plus" or "national" in the feed'
            raise MalformedInput(
                f"{self.name}: {self.dialled:,} of {self.kept:,} records with a party that is no number that can exist, or several",
                hint=hint,
            )

    def add(self, parsed: Parsed, feed: Feed) -> None:
        """Count the records that a run of the file gave."""
        self.read += parsed.read
        self.kept += parsed.batch.num_rows
        self.ambiguous += parsed.ambiguous
        self.rejected.update(parsed.rejects.counts())
        self.merged.update(parsed.merged)
        self.skipped.update(parsed.skipped)
        self.emptied.update(parsed.flaws.field_counts())
        self.assumed.update(parsed.assumed)
        self.broken.update(parsed.broken)
        if not parsed.batch.num_rows:
            return
        kinds, counts = np.unique(parsed.batch.column("kind").to_numpy(), return_counts=True)
        self.kinds.update({KIND_NAMES[int(k)]: int(n) for k, n in zip(kinds, counts, strict=True)})
        low, high = (pc.min_max(parsed.batch.column("start"))[end].as_py() for end in ("min", "max"))
        self.first = low if self.first is None else min(self.first, low)
        self.last = high if self.last is None else max(self.last, high)
        types = [parsed.batch.column(f"{party}_type").to_numpy() for party in PARTIES]
        self.dialled += int(np.count_nonzero(np.any([of_party == IdentityType.DIALLED for of_party in types], axis=0)))
        sample = parsed.batch.slice(0, max(0, _SAMPLED - self.sampled))
        self.sampled += sample.num_rows
        self.several += _several(sample, feed)
        self.durations.update(
            mask(str(value)) for value in sample.column("duration_s").to_pylist() if value is not None
        )
        for party in PARTIES:
            self.shapes.setdefault(party, Counter()).update(_shapes(sample, party))


def _several(sample: pa.RecordBatch, feed: Feed) -> int:
    """How many records have a party that could be more than one number."""
    is_several = np.zeros(sample.num_rows, np.bool_)
    for party in PARTIES:
        at = np.flatnonzero(sample.column(f"{party}_type").to_numpy() == IdentityType.DIALLED)
        if len(at):
            digits = sample.column(f"{party}_text").take(pa.array(at)).cast(pa.binary())
            is_several[at] |= read_digits(digits, scan(digits), feed.habits).is_several
    return int(np.count_nonzero(is_several))


def check_files(
    names: Sequence[str], feed: Feed, now: dt.datetime, *, reason: str = NAMED, first: Source | None = None
) -> list[FileReport]:
    """How files would be read by an ingest, whatever the age of their records. Nothing is written.

    ``reason``: why the feed names this format. ``first``: the first file, if it was opened already, because standard
    input can be read only once.

    Raises:
        MalformedInput: as ``run_ingest`` does.
    """
    window = Window(earliest=dt.datetime(1970, 1, 1, tzinfo=dt.UTC), latest=now + FUTURE)
    opened = [open_file(name, feed, first if number == 0 else None) for number, name in enumerate(names)]
    opened = in_reading_order(opened, feed, window.latest)
    reports = [_report(one, reason) for one in opened]
    readers = InOrder(window)
    for number, (one, report) in enumerate(zip(opened, reports, strict=True)):
        one.source.scan(is_text=one.is_text)
        if one.bound is not None:
            for chunk in one.source.chunks(skip_lines=one.skip_lines):
                report.add(one.bound.read(chunk.read(), first_line=chunk.first_line, window=window), feed)
            continue
        for step in readers.read(number, one):
            for result in step.results:
                reports[result.file].add(result.parsed, feed)
    for step in readers.finish():
        for result in step.results:
            reports[result.file].add(result.parsed, feed)
    return reports


def propose_feed(source: Source, *, country: str | None, zone: str | None, kind: str = "") -> Proposal:
    """A feed for files like this one.

    Raises:
        MalformedInput: no feed can be proposed, or the country is not given and no number shows it.
    """
    head = source.head(HEAD_BYTES)
    home = country or _home(text_of_head(head), source.name)
    try:
        detected = detect(head, source.name, None)
    except MalformedInput as unknown:
        text = text_of_head(head)
        if hint_for(head) is not None and text == head:
            raise
        try:
            proposal = propose_mapped(lines_of_head(text), source.name, country=home, zone=zone or "UTC", kind=kind)
        except MalformedInput as error:
            raise (error if text == head else unknown) from None  # a log in UTF-16 is to be converted
    else:
        form = detected.format.name
        if detected.preset is not None:
            proposal = propose_preset(detected.preset, detected.reason, country=home, zone=zone or "UTC")
        elif form in MAPPED:
            raise MalformedInput(
                f"{source.name}: {form}: its columns need a feed",
                hint="give one with --feed FEED.toml that has a table [columns]",
            )
        else:
            proposal = propose_known(form, detected.reason, country=home, zone=zone or "UTC")
        if form in _OWN_TIMES:
            zone = zone or "UTC"  # these formats state their own times, so this is no guess to report
    notes = list(proposal.notes)
    if zone is None:
        notes.append("time_zone: UTC is a guess; set it with --zone if the times are local")
    if country is None:
        notes.append(f"home_country: {home} is where most numbers with a plus are; set it with --country")
    parse_feed(proposal.text, "proposed feed")
    return replace(proposal, notes=tuple(notes))


def _home(head: bytes, name: str) -> str:
    """The country of most international numbers at the beginning of a file."""
    numbers = [int(digits) for digits in _international(head)]
    if numbers:
        lengths = np.array([len(str(number)) for number in numbers])
        located = locate(np.array(numbers, np.uint64), lengths)
        countries = located.country[located.is_known & located.is_possible]
        country = (
            plans().country_names[int(np.bincount(countries.astype(np.int64)).argmax())] if len(countries) else None
        )
        if country is not None:
            return country
    raise MalformedInput(
        f"{name}: home country not known",
        hint="give it, for example --country FR: every feed names its operator's country, to which numbers without a plus belong",
    )


def _international(head: bytes) -> list[str]:
    text = pa.array(head.decode("latin-1").split("+")[1:10_000], pa.string())
    digits = pc.struct_field(pc.extract_regex(text, r"^(?P<digits>[1-9][0-9]{6,14})(?:[^0-9]|$)"), "digits")
    return [one for one in digits.to_pylist() if one]


def _report(one: OpenFile, reason: str) -> FileReport:
    form = one.detected.format
    why = reason if one.detected.reason == NAMED else one.detected.reason
    return FileReport(
        name=one.source.name,
        format=form.name,
        title=form.title,
        reason=why,
        unmapped=_unmapped(one),
        remarks=layout_remarks(one.source.head(HEAD_BYTES), one.feed),
        changed_year=one.source.changed_year(),
    )


def _unmapped(one: OpenFile) -> dict[str, tuple[str, ...]]:
    if one.feed.format not in MAPPED:
        return {}
    if one.is_text:
        return unmapped_columns(one.source.head(HEAD_BYTES), one.feed)
    is_small = one.source.size_bytes() <= _LOOKED_INTO_BYTES
    return unmapped_columns(b"".join(one.source.runs()), one.feed) if is_small else {}


def _shapes(batch: pa.RecordBatch, party: str) -> Counter[str]:
    """The shapes of a party's identities and how often each occurs; never the identities."""
    types = batch.column(f"{party}_type").to_pylist()
    numbers = batch.column(f"{party}_number").to_pylist()
    texts = batch.column(f"{party}_text").to_pylist()
    return Counter(
        _shape(IdentityType(kind), number, text)
        for kind, number, text in zip(types, numbers, texts, strict=True)
        if kind
    )


def _shape(kind: IdentityType, number: int, text: str | None) -> str:
    if kind is IdentityType.E164:
        return "+" + "9" * len(str(number))
    if kind is IdentityType.DIALLED:
        return "dialled " + "9" * len(text or "")
    if kind is IdentityType.SHORT:
        return "9" * len(unpack_short_code(number)[1])
    return mask(text or "")
