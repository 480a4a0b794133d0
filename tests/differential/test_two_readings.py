"""Custodians and the independent auditor judge every generated entry alike; and the comparison can fail."""

import re
from pathlib import Path

import pytest

import coffer.ledger.batches
import coffer.ledger.debts
import coffer.ledger.facts
import coffer.ledger.grammar
import coffer.ledger.holds
import coffer.ledger.roster
import coffer.ledger.state
import coffer.ledger.succession
import coffer_audit.entries
import coffer_audit.entries.parse
import coffer_audit.entries.roster
import coffer_audit.notes
import coffer_audit.validity.debts
import coffer_audit.validity.holds
import coffer_audit.validity.ingests
import coffer_audit.validity.rosters
import coffer_audit.validity.state
from differential.compare import compare
from differential.grammar import TYPES

PAGE = Path(__file__).parents[2] / "docs/formats/entries.md"
ENTRIES = 60_000
REACHED = (
    "a roster with the consent it needs",
    "a roster without the consent it needs",
    "a roster with the consent of one that is gone",
    "a roster with the base rule's signature of one that is gone",
    "an absence that ends as its custodian leaves",
    "an absence that outlasts a roster",
    "an objection",
    "a batch over two rosters",
    "a withdraw of one that is complete: ok",
    "a withdraw of one that is withdrawn: W1",
    "a withdraw of one that is pending: W1",
    "a withdraw of one that is unknown: W1",
)


def test_sixty_thousand_entries_are_read_alike():
    report = compare(ENTRIES, 1)
    assert [said for said, _ in report.differences] == []
    assert report.entries >= ENTRIES
    for kind in TYPES:  # deep enough: of every type some count, and some break its own rule
        assert report.verdicts[f"{kind.name} ok"] > 50, kind.name
    for code in (
        "R1",
        "R2",
        "A1",
        "A2",
        "K1",
        "I1",
        "I3",
        "I5",
        "W1",
        "N1",
        "D1",
        "C1",
        "F1",
        "F2",
        "L1",
        "H1",
        "H2",
        "H3",
        "H4",
        "E1",
    ):
        assert sum(count for name, count in report.verdicts.items() if name.endswith(f" {code}")) > 10, code
    for what in REACHED:
        assert report.reached[what] > 10, what


def test_real_signatures_are_read_alike():
    report = compare(1_000, 2, is_cheap=False)
    assert [said for said, _ in report.differences] == []


@pytest.mark.parametrize(
    ("module", "name", "value"),
    [
        (coffer_audit.entries.parse, "MAX_PARTS", 2**63 - 1),  # what once blinded the auditor
        (coffer_audit.entries.parse, "MAX_COUNT", 2**63 - 1),
        (coffer.ledger.batches, "is_next", lambda _state, _offsets: True),
        (coffer_audit.validity.state, "AHEAD_DAYS", 3_701),
        (coffer_audit.validity.state, "BACK_DATING", coffer_audit.validity.state.timedelta(seconds=901)),
        (coffer.ledger.grammar, "MAX_ROWS", 2**28 + 1),
        (coffer.ledger.succession, "ROSTER_LIFE", coffer.ledger.succession.dt.timedelta(days=7, seconds=1)),
        (coffer_audit.entries.parse, "COARSE", 512),
        (coffer_audit.entries.roster, "COSIGNATURES", (4,)),
        (coffer.ledger.roster, "MAX_WAITING_DAYS", 3_651),
        (coffer_audit.validity.rosters, "find_guards", lambda _old, _new: set()),
        (
            coffer_audit.validity.ingests.Ingests,
            "superseded",
            lambda state: {s.line.supersedes for s in state.segments.values()} - {""},
        ),
        (
            coffer.ledger.facts.Absence,
            "is_over",
            lambda absence, time: (time - absence.since).days > absence.waiting_days,
        ),
        (coffer.ledger.debts, "why_no_emergency", lambda *_: None),
        (coffer_audit.validity.debts.Debt, "is_late", lambda _debt, _now: False),
        (coffer_audit.validity.debts.Debt, "is_enough", lambda debt, _roster: len(debt.ratified) > 1),
        (coffer.ledger.holds, "MOST_LIFE", coffer.ledger.holds.dt.timedelta(days=90, seconds=1)),
        (coffer_audit.validity.holds.Hold, "is_joined", lambda _hold, term: bool(term.held)),
        (coffer_audit.notes.VerifyKey, "identity", property(lambda key: ("", key.public))),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_twin_a_bound_that_one_side_has_otherwise_is_found(monkeypatch, module, name, value):
    monkeypatch.setattr(module, name, value)
    assert any(compare(60_000, seed, stop_after=1).differences for seed in (3, 4, 5)), "the generator misses this bound"


def test_page_and_generator_know_the_same_types():
    rows = re.findall(r"^\| `([a-z-]+)` \|", PAGE.read_text().split("## Codes")[0], re.MULTILINE)
    assert sorted(rows) == sorted({kind.name.partition("/")[0] for kind in TYPES})
