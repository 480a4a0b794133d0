"""What revealed lines tell for a table: coffer and coffer-audit read made-up ones alike."""

import random

import pytest

from coffer.procedures.reports.orders import codes_of_lines, received_of
from coffer_audit.entries import codes as auditor

CAME = "received: 2016-09-05T12:00:00+00:00"
DUE = "due: 2016-09-05T13:00:00+00:00"
PERIOD = "period: 2016-09-01T00:00:00+00:00 2016-09-02T00:00:00+00:00"
VALUES = {
    "class": ["produce", "access", "preserve", "-", "Produce"],
    "urgency": ["emergency", "-", "ordinary "],
    "kinds": ["call,text", "text,call", "call,call", "-", ""],
    "issued-by": ["court", "person", "Court"],
    "issued-in": ["home", "abroad"],
    "age": ["w4", "more"],
    "took": ["h8"],
    "outcome": ["full"],
    "received": [
        "2016-09-05T12:00:00+00:00",
        "2016-09-05T24:00:00+00:00",
        "2016-09-05T12:00:60+00:00",
        "2016-09-05T12:00:00-00:00",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "9999-12-31T23:59:59+14:00",
    ],
    "due": ["2016-09-05T13:00:00+00:00", "2016-09-05T12:00:00+00:00", "2017-09-06T12:00:01+00:00", "h8", "none", "-"],
    "period": [
        "2016-09-01T00:00:00+00:00 2016-09-02T00:00:00+00:00",
        "2015-01-01T00:00:00+02:00 2016-09-02T00:00:00+00:00",
        "2016-09-02T00:00:00+00:00 2016-09-01T00:00:00+00:00",
        "2016-09-02T00:00:00+00:00",
        "2016-09-02T00:00:00+00:00 x",
        "0001-01-01T00:00:00+14:00 2016-09-01T00:00:00+00:00",
        "0001-01-01T00:00:00-14:00 9999-12-31T23:59:59+14:00",
        "9999-12-31T23:00:00-14:00 9999-12-31T23:59:00-14:00",
    ],
    "x": ["y", "received: 2016-09-05T12:00:00+00:00"],
}


def read(lines):
    """What both tell of lines by their index, which must be the same."""
    told = codes_of_lines(lines)
    assert told == auditor.codes_of_lines(lines), lines
    assert received_of(lines) == auditor.received_of(lines), lines
    return told


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([CAME, DUE, PERIOD], {"due": "h8", "age": "w4"}),
        ([CAME, "order: x", PERIOD], {"due": "none", "age": "w4"}),
        (["age: w4"], {}),
        (["due: h8"], {}),
        ([CAME, "due: h8", PERIOD], {}),
        ([CAME, DUE, "period: 2016-09-01T00:00:00+00:00 x"], {}),
        ([CAME, DUE, "period: 2016-09-02T00:00:00+00:00 2016-09-01T00:00:00+00:00"], {}),
        ([CAME, "due: 2016-09-05T12:00:00+00:00", PERIOD], {}),
        ([CAME, DUE, DUE], {}),
        ([CAME, CAME, DUE], {}),
        (["class: produce", "class: extend", "kinds: call"], {"kinds": "call"}),
        (["class: preserve", "outcome: full", "took: h8"], {}),
    ],
)
def test_what_made_up_lines_tell(lines, told):
    assert read(dict(enumerate(lines))) == told


def test_lines_drawn_at_random_are_read_alike():
    rng, some = random.Random(16), 0
    for _ in range(5_000):
        keys = [*rng.sample(list(VALUES), rng.randint(1, 6)), *rng.choices(["received", "due", "period"], k=2)]
        lines = [f"{key}: {VALUES[key][0] if rng.random() < 0.5 else rng.choice(VALUES[key])}" for key in keys]
        rng.shuffle(lines)
        numbered = list(enumerate(lines, rng.randint(0, 3)))
        rng.shuffle(numbered)
        some += "age" in read(dict(numbered[: rng.randint(1, len(numbered))]))
    assert some > 100
