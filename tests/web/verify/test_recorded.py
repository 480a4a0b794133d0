"""Every answer and log that the auditor's own tests build, whole and tampered: the browser gives the same verdicts.

The tests run once more, with a plugin that keeps what they give to coffer-audit.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from web.verify.browser import needs_node, run_cases
from web.verify.compared import CONDITIONS, audited_log, differences

TESTS = Path(__file__).parents[2]
OF_STATISTICS = (
    "outcome_that_calls_half_an_answer_full_is_refused_by_whoever_has_it",
    "twin_outcome_that_says_part_is_clean",
    "answer_under_an_intent_with_nicer_codes_is_refused",
    "answer_of_a_quicker_close_than_the_clocks_is_refused",
)
BUILDERS = (
    "audit/test_answer_readings.py",
    "audit/test_audit_report.py",
    "attacks/test_blinded_audits.py",
    "attacks/test_changed_files.py",
    "attacks/test_dialled_numbers.py",
    *(f"attacks/test_false_statistics.py::test_{name}" for name in OF_STATISTICS),
    "attacks/test_forked_budget.py::test_answer_of_another_history_is_found_and_who_cosigned_it_is_named",
    "attacks/test_forked_budget.py::test_answer_whose_requests_nobody_vouched_for_is_a_violation",
    "attacks/test_forked_budget.py::test_request_keeps_the_cosignatures_as_evidence_and_the_auditor_wants_them",
    "attacks/test_numbering_versions.py",
    "attacks/test_ordered_times.py",
    "attacks/test_sovereign_consent.py",
    "disclosure/test_package.py",
    "procedures/test_withdrawing.py",
)
LEAST = {("answer", True): 70, ("answer", False): 40, ("log", True): 60, ("log", False): 14}
LEAST |= {("complete answer", True): 30, ("complete answer", False): 15}
"""How many of each there are at least, by kind and whether coffer-audit found it clean."""
WARNED = {"ABSENCE", "N1", "OPEN", "V1"}
"""Warnings that some clean case has."""


def record(folder, builders=BUILDERS):
    """Run the tests of the builders with the plugin."""
    options = ["-q", "-p", "web.verify.recording", "-p", "no:cacheprovider", "--assert=plain"]  # it compiles less
    command = [sys.executable, "-m", "pytest", *options, *builders]
    environment = os.environ | {"COFFER_RECORD": str(folder), "PYTHONPATH": str(TESTS)}
    done = subprocess.run(
        command, cwd=TESTS, env=environment, capture_output=True, text=True, timeout=1800, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:]


def recorded(folder):
    """The cases of a folder, and what coffer-audit found for each."""
    cases = [json.loads(path.read_text()) for path in sorted(folder.glob("*/case.json"))]
    expected = [case.pop("expected") or audited_log(case["path"], case["pins"]) for case in cases]
    return cases, expected


@needs_node
@pytest.mark.slow
def test_browser_and_auditor_agree_on_all_that_the_auditors_tests_build(tmp_path):
    record(tmp_path / "recorded")
    cases, expected = recorded(tmp_path / "recorded")
    assert differences(cases, expected, run_cases(cases, tmp_path)) == []
    counts = Counter(
        ("complete answer" if "vault" in case else case["kind"], one["clean"])
        for case, one in zip(cases, expected, strict=True)
    )
    assert [(key, counts[key]) for key, least in LEAST.items() if counts[key] < least] == []
    told = [one for one in expected if one["clean"]]
    assert {code for one in told for code, _ in one["warnings"]} >= WARNED
    assert {item["code"] for one in told for item in one["conditions"]} == CONDITIONS.keys()
