"""The month of the story as a vault: the numbers that were published, put back into released tables, and a short log.

No record is sealed. The tables have as many cells as those of the 70 million records had, so that their noise is said
to be as large; a day's number is spread over its cells. Openings and refusals are signed entries without answers
behind them. So this shows what the window says of such a month, and nothing about sealing it.
"""

import datetime as dt
import json
import re
from decimal import Decimal
from html import unescape
from pathlib import Path

import polars as pl

from coffer.authority.authorization import parse_authorization
from coffer.ledger.entries import (
    BatchId,
    CloseEntry,
    CoarseCounts,
    DrawEntry,
    IngestEntry,
    IntentEntry,
    SegmentId,
    SegmentLine,
)
from coffer.pictures.countries import _table
from coffer.procedures.opening.reveal import HIDDEN_BY_DEFAULT, reveal_entry
from coffer.simulation.scenario import apportion
from coffer.tally.exact import BUCKETS, CLASSES
from coffer.tally.release import format_table, tally_hash
from coffer.vault.stored import tally_keys
from public_codes import SOMETHING
from world import World, destroy_entry

PUBLISHED = Path(__file__).resolve().parents[1] / "docs" / "month" / "month.html"
FIRST, LAST = dt.date(2012, 12, 10), dt.date(2013, 1, 8)
NOW = dt.datetime(2013, 1, 9, 9, 42, tzinfo=dt.UTC)
EPSILON = Decimal("0.1")
FEED = "msc-north"
HOME = "FR"
TOTAL = 70_268_644
"""As printed."""


def published() -> tuple[dict[dt.date, int], dict[str, tuple[int, int]], int, int]:
    """Days, countries (out, in), records within France, and those whose other end is unknown: as they are printed."""
    text = PUBLISHED.read_text("utf-8").replace("\N{NO-BREAK SPACE}", " ")
    rows = re.findall(r'<tr><th scope="row">([^<]+)</th><td class="number">([0-9,]+)</td></tr>', text)
    days = {_day(name): _number(count) for name, count in rows if re.fullmatch(r"[0-9]+ [A-Z][a-z]+ [0-9]{4}", name)}
    codes = {row["en"]: code for code, row in _table().items()}
    countries = {
        codes[unescape(name)]: (_number(out), _number(into))
        for name, out, into in re.findall(
            r'<tr><th scope="row">([^<]+)</th><td class="number">[0-9,]+</td>'
            r'<td class="number">([0-9,]+)</td><td class="number">([0-9,]+)</td></tr>',
            text,
        )
    }
    line = re.search(r"<p>([0-9,]+) within France; [0-9,]+ with the countries shown; ([0-9,]+) whose", text)
    assert line is not None
    return days, countries, _number(line[1]), _number(line[2])


def _day(text: str) -> dt.date:
    return dt.datetime.strptime(f"{text} +0000", "%d %B %Y %z").date()


def _number(text: str) -> int:
    return int(text.replace(",", ""))


def tables() -> tuple[pl.DataFrame, pl.DataFrame]:
    """Released tables with the published numbers: 24 hours, two kinds and four classes a day."""
    days, countries, domestic, unknown = published()
    weights = [
        (1 + (7 <= hour <= 21) * 4) * (7 if kind == "call" else 3) * (91, 3, 3, 3)[CLASSES.index(name)]
        for hour in range(24)
        for kind in ("call", "text")
        for name in CLASSES
    ]
    hours = []
    # One day's noise made its number negative. It is printed as 0, and the total says how far below 0 it was.
    below = TOTAL - sum(days.values())
    for day, printed in days.items():
        total = printed or below
        cells = apportion(total, weights) if total > 0 else (total, *(0,) * (len(weights) - 1))
        keys = ((hour, kind, name) for hour in range(24) for kind in ("call", "text") for name in CLASSES)
        for (hour, kind, name), count in zip(keys, cells, strict=True):
            at = dt.datetime.combine(day, dt.time(hour), dt.UTC)
            hours.append((at, kind, FEED, name, count, *_buckets(count, kind)))
    places = [("call", day) for day in days if days[day] > 10**6] + [("text", day) for day in days if days[day] > 10**6]
    flows = [(HOME, code, out) for code, (out, _) in countries.items()]
    flows += [(code, HOME, into) for code, (_, into) in countries.items()]
    flows += [(HOME, HOME, domestic), (HOME, "--", unknown)]
    by_day = []
    for origin, destination, total in flows:
        share = apportion(total, [7 * days[day] if kind == "call" else 3 * days[day] for kind, day in places])
        for (kind, day), count in zip(places, share, strict=True):
            by_day.append((day, kind, FEED, origin, destination, count, *_buckets(count, kind)))
    measures = dict.fromkeys(("records", *BUCKETS), pl.Int64)
    hour_keys = {"hour": pl.Datetime("ms", "UTC"), "kind": pl.String, "feed": pl.String, "direction_class": pl.String}
    day_keys = {"day": pl.Date, "kind": pl.String, "feed": pl.String, "origin": pl.String, "destination": pl.String}
    return (
        pl.DataFrame(hours, schema=hour_keys | measures, orient="row").sort(list(hour_keys)),
        pl.DataFrame(by_day, schema=day_keys | measures, orient="row").sort(list(day_keys)),
    )


def _buckets(count: int, kind: str) -> tuple[int, ...]:
    return apportion(count, (5, 25, 45, 20, 5)) if kind == "call" and count > 0 else (0,) * len(BUCKETS)


def make_month(folder: Path, *, custodians: int = 4) -> World:
    """A vault whose tally says the published numbers, with keys, three openings, two refusals and a reveal."""
    names = ("judge", "dpo", "regulator", "cnctr")[:custodians]
    world = World.make(
        folder,
        custodians=names,
        rules=(("base", "2 of judge,dpo,regulator"), ("FR", "2 of judge,dpo,regulator and cnctr")),
        tally=f"epsilon {EPSILON}",
        now=dt.datetime(2012, 12, 9, 12, tzinfo=dt.UTC),
    )
    world.epoch("2012-01-09", "2012-01-11")
    world.epoch(str(FIRST), str(LAST))
    orders = (
        (dt.datetime(2012, 12, 12, 7, 44, tzinfo=dt.UTC), 139, 6, "Court of Appeal", "call,text"),
        (dt.datetime(2012, 12, 21, 10, 2, tzinfo=dt.UTC), 74, 3, "Court of First Instance", "call"),
        (dt.datetime(2013, 1, 8, 14, 20, tzinfo=dt.UTC), 118, 4, "Court of Appeal", "call,text"),
    )
    first_note = b""
    for at, records, seconds, authority, kinds in orders:
        world.now = at
        note = world.request(
            authority=authority,
            kinds=kinds,
            days=[(str(FIRST), str(FIRST))],
            secret_until=dt.date(2013, 1, 20),
            max_records=500,
        )
        first_note = first_note or note
        _open(world, note, records, seconds)
    world.now = NOW - dt.timedelta(minutes=50)
    _ingest(world)
    for custodian, reason in (("regulator", "scope"), ("judge", "time")):
        world.now += dt.timedelta(minutes=3)
        note = world.request(days=[(str(FIRST), str(FIRST))])
        with world.vault.writing() as state:
            world.vault.append([world.custodian(custodian).refusal_entry(note, reason, "note")], state)
    world.now += dt.timedelta(minutes=3)
    with world.vault.writing() as state:
        dead = [destroy_entry(world.custodian(name), dt.date(2012, 1, 9)) for name in names]
        dead += [destroy_entry(world.custodian(name), dt.date(2012, 1, 10)) for name in names if name != "regulator"]
        body = reveal_entry(parse_authorization(first_note, "note"), HIDDEN_BY_DEFAULT)
        world.vault.append([*dead, world.vault.entry(body, world.vault.operator_key("desk"), state)], state)
    world.now = NOW
    return world


def _open(world: World, note: bytes, records: int, seconds: int) -> None:
    desk, vault = world.vault.operator_key("desk"), world.vault
    authorization = parse_authorization(note, "note")
    commitment, codes = authorization.commitment, authorization.terms.codes.at("coarse")
    with vault.writing() as state:
        intent = IntentEntry(
            authorization=commitment, requester="desk", nonce=commitment[:16], cells_at_most=64, codes=codes
        )
        (index,) = vault.append([vault.entry(intent, desk, state)], state)
        draw = DrawEntry(intent=index, table=commitment, records=records)
        vault.append([vault.entry(draw, desk, state)], state)
        world.now += dt.timedelta(seconds=seconds)
        close = CloseEntry(
            intent=index, result=commitment, records=records, answers=3, unconfirmed_cells=0, **SOMETHING
        )
        vault.append([vault.entry(close, desk, state)], state)


def _ingest(world: World) -> None:
    """One batch with the published tables, and the lines of segments that nobody sealed."""
    vault, batch = world.vault, BatchId(bytes(range(16)))
    raw = [format_table(table, EPSILON) for table in tables()]
    total = sum(published()[0].values())
    counts = CoarseCounts(files=0, read=_coarse(total), kept=_coarse(total), rejected=0, duplicate=0)
    segments = tuple(
        SegmentLine(
            seg_id=SegmentId(json.dumps([str(FIRST + dt.timedelta(days=n)), kind]).encode().ljust(32)[:32]),
            header_hash=bytes(32),
            day=FIRST + dt.timedelta(days=n),
            kind=kind,
            rule="FR",
            part=0,
            rows=2**21,
            supersedes=None,
        )
        for n in range((LAST - FIRST).days + 1)
        for kind in ("call", "text")
    )
    entry = IngestEntry(
        batch=batch, number=1, total=1, feed=FEED, counts=counts, segments=segments, tally=tally_hash(*raw)
    )
    with vault.writing() as state:
        for key, table in zip(tally_keys(batch), raw, strict=True):
            vault.objects.put(key, table)
        vault.append([vault.entry(entry, vault.operator_key("ingester"), state)], state)


def _coarse(count: int) -> int:
    return count - count % 1_024
