"""The feed file: how a source writes its records.

Strict: a key that is not known is a mistake, not a wish.

Source: ``docs/formats/feed.md``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from coffer.errors import MalformedInput
from coffer.identity.habits import MAX_OUTSIDE_DIGITS, STYLES, Habits
from coffer.identity.mobile import HANDSET_DIGITS, IMEI_DIGITS
from coffer.identity.numbering import HomePlan, home_plan
from coffer.kinds import KINDS
from coffer.records.layout import Layout
from coffer.records.mapping import NO_MAPPING, Column, FeedMapping
from coffer.records.mapping_tables import parse_mapping
from coffer.records.presets import Preset, with_preset
from coffer.records.settings import KNOWN, MAPPED, SETTINGS, Settings
from coffer.records.time_tables import parse_zone, verify_zone_marks
from coffer.toml import Table, parse_toml

FOLDS: Final = ("reject", "first", "second")
_WITH_DEVICES: Final = frozenset({"ber", "nrtrde", "tap3"})
"""Formats besides the mapped ones whose records tell the IMSI and the IMEI of their own party."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """A parsed feed file.

    ``format``: empty if it is to be found by content. ``preset``: the one whose mapping it has; empty for none.
    ``habits``: how numbers are written. ``time_zone``: of times without an offset. ``mapping``: of csv, jsonl and parquet; ``NO_MAPPING`` of all others.
    ``settings``: the table of the format's name, None if there is none. ``max_rejects_percent``: of a file's new records
    at most so many may be rejected, else an ingest stops; 100: no bound. ``index``: which of imei and imsi rows are
    found by, besides their number. ``imei_without_check``: an IMEI of 14 digits in a column is one; else it may be 15
    that lost a zero, and names nobody.
    """

    name: str
    format: str
    preset: str
    settings: Settings
    habits: Habits
    time_zone: str
    keep: frozenset[str]
    index: frozenset[str]
    imei_without_check: bool
    local_identities: bool
    fold: str
    max_rejects_percent: Decimal
    mapping: FeedMapping

    @property
    def home(self) -> HomePlan:
        """The plan of the home country."""
        return self.habits.home

    def by_preset(self, preset: Preset) -> "Feed":
        """This feed for a file that was found to be of a preset."""
        zone = preset.mapping.time_zone or self.time_zone
        return replace(self, format=preset.format, preset=preset.name, mapping=preset.mapping, time_zone=zone)

    @property
    def fewest_imei_digits(self) -> int:
        """Of an IMEI by which rows are found: 14 where no check digit is needed.

        Formats in octets lose no zero, so they may leave it out.
        """
        return HANDSET_DIGITS if self.imei_without_check or self.format not in MAPPED else IMEI_DIGITS

    @property
    def columns(self) -> Mapping[str, tuple[Column, ...]]:
        """By field, where the mapping finds it."""
        return self.mapping.columns

    def layout(self, kind: int) -> Layout:
        """The fields that a row of this kind carries.

        The feed alone decides it, so that it says nothing about the data.
        """
        bits = Layout(0)
        for name, bit in (("cell", Layout.CELL), ("imei", Layout.IMEI), ("imsi", Layout.IMSI)):
            bits |= bit if name in self.keep else Layout(0)
        if kind == KINDS["text"]:
            bits |= Layout.SHORT_STRING
        if kind == KINDS["email"] or self.local_identities:
            bits |= Layout.LONG_STRING
        if kind != KINDS["email"]:
            bits |= Layout.BY_IMEI if "imei" in self.index else Layout(0)
            bits |= Layout.BY_IMSI if "imsi" in self.index else Layout(0)
        return bits


def parse_feed(text: str, place: str) -> Feed:
    """Read a feed file; raises ``MalformedInput`` naming the table and key."""
    top = with_preset(parse_toml(text.encode("utf-8", "surrogatepass"), place), place)
    feed = top.table("feed")
    preset = feed.text("preset", "")
    name = feed.text("name")
    _verify_name(name, feed.place)
    form = _parse_format(feed, top)
    own_zone = parse_zone(feed)
    mapping = parse_mapping(feed, top, form) if form in MAPPED else NO_MAPPING
    parsed = Feed(
        name=name,
        format=form,
        preset=preset,
        settings=None if form in MAPPED else _parse_settings(top, form),
        habits=_parse_habits(feed),
        time_zone=mapping.time_zone or own_zone,
        keep=_parse_keep(feed),
        index=_parse_index(feed),
        imei_without_check=feed.boolean("imei_without_check", default=False),
        local_identities=feed.boolean("local_identities", default=False),
        fold=feed.choice("fold", FOLDS, default="reject"),
        max_rejects_percent=_parse_max_rejects(feed),
        mapping=mapping,
    )
    zone = parsed.time_zone if mapping.zone is None else "that of each row"
    _verify_index(parsed, feed.place)
    verify_zone_marks(mapping.date_formats, zone, f"{place}: {form}")
    feed.end()
    top.end(also=_tables_of(form))
    return parsed


def _parse_format(feed: Table, top: Table) -> str:
    """The format's name; without one, the mapped format whose table is there, else empty."""
    form = feed.text("format", "")
    if not form:
        return next((name for name in MAPPED if name in top.values), "")
    if form not in MAPPED and form not in KNOWN:
        raise MalformedInput(
            f"{feed.place}: format: unknown",
            hint=f"one of {', '.join((*MAPPED, *KNOWN))}; or leave it out, to be found",
        )
    return form


def _tables_of(form: str) -> set[str]:
    """The tables that a feed of this format may have; of one to be found by content, those of all."""
    if form in MAPPED:
        return {form, "columns", "rows", "join"}
    return ({KNOWN[form]} if form else {*MAPPED, *SETTINGS}) - {""}


def _parse_settings(top: Table, form: str) -> Settings:
    names = {KNOWN[form]} if form else set(SETTINGS)
    given = sorted(names & top.values.keys())
    if not given:
        return None
    if len(given) > 1:
        raise MalformedInput(f"{top.place}: [{given[0]}] and [{given[1]}]: expected settings of one format")
    table = top.table(given[0])
    settings = SETTINGS[given[0]](table)
    table.end()
    return settings


def _verify_name(name: str, place: str) -> None:
    allowed = set("abcdefghijklmnopqrstuvwxyz0123456789-")
    if not 1 <= len(name) <= 16 or set(name) - allowed or name[0] == "-":
        raise MalformedInput(f"{place}: name: expected 1 to 16 of a-z, 0-9 and -")


def _parse_habits(feed: Table) -> Habits:
    outside = feed.texts("outside_line", ())
    if len(outside) > 4 or not all(re.fullmatch(rf"[0-9]{{1,{MAX_OUTSIDE_DIGITS}}}", prefix) for prefix in outside):
        raise MalformedInput(
            f"{feed.place}: outside_line: expected up to four prefixes of 1 to {MAX_OUTSIDE_DIGITS} digits"
        )
    return Habits(
        home=home_plan(feed.text("home_country"), f"{feed.place}: home_country"),
        style=feed.choice("number_style", STYLES, default="any"),
        outside=outside,
    )


def _parse_max_rejects(feed: Table) -> Decimal:
    text = feed.text("max_rejects", "100 %")
    found = re.fullmatch(r"((?:[0-9]{1,2}(?:\.[0-9]{1,3})?)|100) ?%", text)
    if found is None:
        raise MalformedInput(f'{feed.place}: max_rejects: expected a share of 0 to 100 %, like "5 %" or "0.1 %"')
    return Decimal(found[1])


def _parse_keep(feed: Table) -> frozenset[str]:
    keep = feed.get("keep", list, [])
    if not all(item in ("cell", "imei", "imsi") for item in keep):
        raise MalformedInput(f"{feed.place}: keep: expected a list of cell, imei, imsi")
    return frozenset(keep)


def _parse_index(feed: Table) -> frozenset[str]:
    index = feed.get("index", list, ["number"])
    known = ("number", "imsi", "imei")
    if "number" not in index or len(set(index)) < len(index) or not all(item in known for item in index):
        raise MalformedInput(f"{feed.place}: index: expected a list of number, imsi, imei with number among them")
    return frozenset(index) - {"number"}


def _verify_index(feed: Feed, place: str) -> None:
    """Prove that the source tells what rows are to be found by, and that rows carry it."""
    fields = {field.partition("_")[2] for field in feed.columns}
    for name in sorted(feed.index):
        if name not in feed.keep:
            raise MalformedInput(
                f"{place}: index: {name} is not in keep", hint="rows carry what they are found by: name it in both"
            )
        if feed.format not in _WITH_DEVICES and (feed.format not in MAPPED or name not in fields):
            raise MalformedInput(
                f"{place}: index: {name}, which this source does not tell",
                hint=f"name the format, or the column of a_{name} or b_{name} under [columns]",
            )
    if feed.index and feed.local_identities:
        raise MalformedInput(f"{place}: index: rows of local identities are found by these alone")
    if feed.index and feed.mapping.kind.constant == KINDS["email"]:
        raise MalformedInput(f"{place}: index: an e-mail has no {' and no '.join(sorted(feed.index))}")
