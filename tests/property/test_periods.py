"""The periods of a note are read alike by the product and by the auditor, whatever stands there."""

import datetime as dt

from hypothesis import example, given
from hypothesis import strategies as st

import coffer_audit.answer.authorization as auditor
from coffer.authority.period import Period, days_of_periods, parse_period
from coffer.errors import MalformedInput
from coffer_audit.errors import AuditError

DIGITS = st.integers(0, 99).map("{:02d}".format)
YEARS = st.sampled_from(["0000", "0001", "2016", "2016", "9999"])
HOURS = st.sampled_from(["00", "08", "23", "23", "24"])
OFFSETS = st.builds(
    "{}{}:{}".format,
    st.sampled_from("+-"),
    st.sampled_from(["00", "01", "13", "14", "15"]),
    st.sampled_from(["00", "15", "30", "45", "10"]),
)
INSTANTS = st.builds(
    "{}-{}-{}T{}:{}:{}{}".format,
    YEARS,
    st.sampled_from(["01", "02", "12", "13", "00"]),
    st.sampled_from(["01", "28", "29", "31", "00"]),
    HOURS,
    st.sampled_from(["00", "59", "60"]),
    st.sampled_from(["00", "59", "60"]),
    st.one_of(OFFSETS, st.sampled_from(["Z", "", "+0200"])),
)
SPANS = st.builds("{} {}".format, INSTANTS, INSTANTS)
MUTATED = st.builds(
    lambda text, at, char: text[: at % len(text)] + char + text[at % len(text) + 1 :],
    st.just("2016-09-01T00:00:00+02:00 2016-09-03T00:00:00+02:00"),
    st.integers(0, 50),
    st.characters(max_codepoint=0x6FF),
)


def both(text):
    """First and last UTC day as each of the two reads them, None where one refuses."""
    try:
        found = parse_period(text, "x")
        ours = (found.first.timestamp(), found.end.timestamp())
    except MalformedInput:
        ours = None
    try:
        first, end = auditor.parse_period(text)
        theirs = (first.timestamp(), end.timestamp())
    except AuditError:
        theirs = None
    return ours, theirs


@given(text=st.one_of(SPANS, MUTATED, st.text(max_size=60)))
@example("2016-09-01T00:00:00+02:00 2016-09-03T00:00:00+02:00")
@example("0001-01-01T00:00:00+00:00 0001-01-01T00:00:01+00:00")
@example("0001-01-01T00:00:00+00:15 0001-01-01T00:15:01+00:15")
@example("9999-12-31T23:59:59-00:15 9999-12-31T23:59:59-00:30")
@example("2016-09-01T00:00:00+00:00 2016-09-01T24:00:00+00:00")
def test_a_period_is_taken_by_both_or_by_neither(text):
    ours, theirs = both(text)
    assert ours == theirs


@given(
    spans=st.lists(st.tuples(st.integers(0, 100 * 86_400), st.integers(1, 95 * 86_400)), min_size=1, max_size=4),
)
def test_days_are_counted_alike(spans):
    begin = dt.datetime(2016, 1, 1, tzinfo=dt.UTC)
    moments = [(begin + dt.timedelta(seconds=a), begin + dt.timedelta(seconds=a + n)) for a, n in spans]
    try:
        ours = set(days_of_periods([Period(first=first, end=end) for first, end in moments], "x"))
    except MalformedInput:
        ours = None
    try:
        theirs = set(auditor._days_of(moments))
    except AuditError:
        theirs = None
    assert ours == theirs
