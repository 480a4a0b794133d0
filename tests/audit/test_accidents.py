"""Which entries without effect an honest party makes by accident: docs/procedures/auditing.md, "An entry without effect"."""

import importlib

import pytest

from coffer import wire
from coffer_audit.validity.state import replay
from known_answers.folder import VECTORS
from known_answers.kinds import COUNTS
from known_answers.vector import load

for kind in COUNTS:
    importlib.import_module(f"known_answers.{kind}.read")

ACCIDENTS = (
    "emergency-next-while-one-is-overdue",
    "emergency-nine-that-are-not-ratified",
    "emergency-of-a-rule-that-is-not-there",
    "emergency-ratified-twice",
    "emergency-seventeenth-in-a-day",
    "hold-33-in-24-hours",
    "hold-extended-before-enough-keep",
    "hold-extended-to-an-earlier-day",
    "hold-extended-without-a-new-note",
    "hold-held-after-72-hours",
    "hold-held-again-with-more-cells",
    "hold-of-a-note-again",
    "hold-of-another-roster",
    "hold-released",
)
ON_PURPOSE = (
    "emergency-ratified-by-a-stranger",
    "emergency-ratified-of-another-authorization",
    "emergency-that-shows-another-urgency",
    "hold-extended-by-another",
    "hold-extended-by-more-than-90-days",
    "hold-held-for-another-note",
    "hold-held-without-a-clause",
    "hold-released-nothing",
    "hold-signed-by-another",
)


def replayed(name):
    vector = load(VECTORS / "state" / f"{name}.txt")
    entries = [
        load(VECTORS / item[1:]).body if item.startswith("@") else wire.parse_base64(item, "entry")
        for item in vector.many("entry", str)
    ]
    return replay(vector.word("origin"), vector.bytes("genesis").hex(), enumerate(entries))


@pytest.mark.parametrize("name", ACCIDENTS)
def test_what_honest_parties_do_by_accident_is_no_violation(name):
    state = replayed(name)
    assert state.accidents == {index for index, _, _ in state.invalid} != set()


@pytest.mark.parametrize("name", ON_PURPOSE)
def test_what_nobody_does_by_accident_is_one(name):
    state = replayed(name)
    assert (state.accidents, bool(state.invalid)) == (set(), True)
