"""What no record may break: each rule on an event that breaks it and on one that just does not, and on everything that readers give."""

import datetime as dt
import re
from pathlib import Path

import polars as pl
import pytest
from whole_reading import party, read_whole

from coffer.kinds import KINDS
from coffer.records.invariants import EVIDENCE, broken

SAMPLES = Path(__file__).parents[2] / "samples"
T0 = dt.datetime(2026, 11, 20, 10, tzinfo=dt.UTC)


def event(**changes):
    values = {
        "file": 0,
        "start": T0,
        "duration_s": 60,
        "answered": True,
        "last_stamp": T0 + dt.timedelta(seconds=60),
        "has_answer": True,
        "event_id": 1,
    } | changes
    kinds = {
        "file": pl.Int64,
        "start": EVIDENCE["last_stamp"],
        "duration_s": pl.Int64,
        "answered": pl.Boolean,
        **EVIDENCE,
    }
    return pl.DataFrame({name: pl.Series([value], dtype=kinds[name]) for name, value in values.items()})


def seconds(n):
    return T0 + dt.timedelta(seconds=n)


@pytest.mark.parametrize(
    ("bad", "good", "what"),
    [
        ({"last_stamp": seconds(58)}, {"last_stamp": seconds(59)}, "longer-than-its-lines"),
        (
            {"last_stamp": seconds(-2), "duration_s": None},
            {"last_stamp": seconds(0), "duration_s": None},
            "ended-before-it-began",
        ),
        ({"has_answer": False, "duration_s": 0}, {"has_answer": True, "duration_s": 0}, "answered-without-talk"),
        (
            {"has_answer": False, "duration_s": None},
            {"has_answer": False, "duration_s": None, "answered": False},
            "answered-without-talk",
        ),
    ],
)
def test_each_rule_and_its_twin(bad, good, what):
    assert broken(event(**bad)).rows() == [(0, what)]
    assert broken(event(**good)).rows() == []


def test_two_records_of_one_event_are_one_too_many():
    assert broken(pl.concat([event(), event(file=3)])).rows() == [(3, "twice")]
    assert broken(pl.concat([event(), event(event_id=2)])).rows() == []
    assert broken(pl.concat([event(event_id=None), event(event_id=None)])).rows() == []


def test_without_evidence_nothing_is_said():
    assert broken(event().drop(list(EVIDENCE))).rows() == []


def test_a_switch_that_claims_more_time_than_its_stamps_is_shown():
    rows = [
        f'"","+4930111111","+4930222222","x","","PJSIP/t-{n}","","Dial","x","2026-11-20 10:00:00","2026-11-20 10:00:00","2026-11-20 10:01:00",60,{seconds},'
        f'"ANSWERED","DOCUMENTATION","1795168800.{n}","","","1795168800.{n}",1\n'
        for n, seconds in ((1, 60), (2, 90))
    ]
    assert read_whole(["".join(rows).encode()], may_break=True).broken == {"longer-than-its-lines": 1}
    assert read_whole([rows[0].encode()]).calls[0][4] == 60


def lines_of(path):
    return path.read_bytes().decode("utf-8", "replace").splitlines()


SAMPLED = {
    "postfix/maillog.short-ids.log": {"queue": r"\]: ([0-9A-Z]{5,12}): to=<([^>]*)>"},
    "exim/mainlog": {"queue": r" ([0-9A-Za-z]{6}-[0-9A-Za-z]{6}-[0-9A-Za-z]{2}) (?:=>|->|\*\*|==|>>) (\S+)"},
    "kamailio/acc.syslog.log": {"queue": r"call_id=([^;]*)|callid=([^;]*)"},
    "kannel/bearerbox-access.default.log": {},
}


@pytest.mark.parametrize("name", sorted(SAMPLED))
def test_the_genuine_samples_hold_every_invariant_by_their_own_lines(name):
    """``read_whole`` also proves that lines read = kept + merged + skipped + rejected, and that no reader's own guard spoke."""
    raw = (SAMPLES / name).read_bytes()
    found = read_whole([raw], zone="Europe/Berlin" if "kannel" in name else "UTC")
    assert found.rows
    lines = lines_of(SAMPLES / name)
    if pattern := SAMPLED[name].get("queue"):
        # One event, one record: by the id and recipient of the line on which each record stands.
        events = [
            (
                row["kind"],
                *re.search(pattern, lines[row["line"] - 1]).groups(),
                row["start"] if row["kind"] == KINDS["text"] else None,
            )
            for _, row in found.rows
        ]
        assert len(set(events)) == len(events)
    stamps = [stamp for line in lines if (stamp := _stamp(line)) is not None]
    for _, row in found.rows:
        # No event begins before the first line of its file or after the last.
        assert not stamps or min(stamps) <= row["start"].replace(tzinfo=None, microsecond=0) <= max(stamps)
        line = lines[row["line"] - 1]
        # b is the one whom a line of the event names; whoever it was forwarded to as well.
        named = [party(row, side) for side in ("b", "f") if party(row, side)]
        assert [who for who in named if not _is_named(who, line, lines)] == []
        assert not (row["answered"] and row["kind"] == KINDS["call"]) or row["duration_s"] is not None


def _stamp(line):
    """The stamp that a line of a log in UTC begins with."""
    for pattern, form in (
        (r"^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}(?= \+0000)", "%Y-%m-%d %H:%M:%S"),
        (r"^[A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8}", "%Y %b %d %H:%M:%S"),
    ):
        if match := re.match(pattern, line):
            return dt.datetime.strptime(match[0] if "-" in match[0] else f"2026 {match[0]}", form)  # noqa: DTZ007 - both are UTC
    return None


def _is_named(identity, line, lines):
    if identity == "short" or not identity:
        return True
    tail = identity.removeprefix("+49").removeprefix("+")
    return tail.lower() in line.lower() or any(tail.lower() in other.lower() for other in lines)
