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

from web.verify.auditor import is_log_clean
from web.verify.browser import needs_node, run_cases

TESTS = Path(__file__).parents[2]
BUILDERS = (
    "audit/test_answer_readings.py",
    "audit/test_audit_report.py",
    "attacks/test_blinded_audits.py",
    "attacks/test_changed_files.py",
    "attacks/test_dialled_numbers.py",
    "attacks/test_forked_budget.py",
    "attacks/test_numbering_versions.py",
    "attacks/test_ordered_times.py",
    "attacks/test_sovereign_consent.py",
    "disclosure/test_package.py",
    "procedures/test_withdrawing.py",
)
LEAST = {("answer", True): 70, ("answer", False): 40, ("log", True): 60, ("log", False): 14}
"""How many of each there are at least, by kind and whether coffer-audit found it clean."""


def record(folder, builders=BUILDERS):
    """Run the tests of the builders with the plugin."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "web.verify.recording", "-p", "no:cacheprovider", *builders]
    environment = os.environ | {"COFFER_RECORD": str(folder), "PYTHONPATH": str(TESTS)}
    done = subprocess.run(
        command, cwd=TESTS, env=environment, capture_output=True, text=True, timeout=1800, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:]


def differences(folder, tmp_path):
    """The cases of a folder on which browser and auditor disagree, and how many there are of each kind and verdict."""
    cases = [json.loads(path.read_text()) for path in sorted(folder.glob("*/case.json"))]
    cases = [case for case in cases if case["kind"] in ("answer", "log")]
    for case in cases:
        if case["kind"] == "log":
            case["clean"] = is_log_clean(case["path"], case["pins"])
    found = run_cases(cases, tmp_path)
    differing = [
        (case["test"], case["path"], case["clean"], result["violations"])
        for case, result in zip(cases, found, strict=True)
        if case["clean"] != result["clean"]
    ]
    return differing, Counter((case["kind"], case["clean"]) for case in cases)


@needs_node
@pytest.mark.slow
def test_browser_and_auditor_agree_on_all_that_the_auditors_tests_build(tmp_path):
    record(tmp_path / "recorded")
    differing, counts = differences(tmp_path / "recorded", tmp_path)
    assert differing == []
    assert [(key, counts[key]) for key, least in LEAST.items() if counts[key] < least] == []
