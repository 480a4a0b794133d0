"""The known-answer vectors that test the auditor, in the browser's verification: the same verdicts and values."""

from collections import Counter

import pytest

from known_answers.folder import VECTORS
from known_answers.vector import load
from web.verify.auditor import NOT_HERE, VECTOR_TESTS, audit_vector, vector_case
from web.verify.browser import needs_node, run_cases

COUNT = 971
"""Vectors of the tests that the browser implements; changed together with the vectors."""


@needs_node
def test_browser_and_auditor_agree_on_every_vector(tmp_path):
    cases = [case for path in sorted(VECTORS.glob("*/*.txt")) if (case := vector_case(path))]
    expected = [audit_vector(case["path"]) for case in cases]
    found = run_cases(cases, tmp_path)
    differing = [
        (case["path"], one, other) for case, one, other in zip(cases, found, expected, strict=True) if one != other
    ]
    assert differing == []
    assert len(cases) == COUNT
    verdicts = Counter(item["verdict"] for item in expected)
    assert set(verdicts) == {"ok", "parse", "verify"}
    assert min(verdicts.values()) > 20


def test_every_test_of_a_vector_is_run_or_says_why_not():
    assert {load(path).test for path in VECTORS.glob("*/*.txt")} == VECTOR_TESTS.keys() | NOT_HERE.keys()
    assert VECTOR_TESTS.keys() & NOT_HERE.keys() == set()


@pytest.mark.parametrize("test", sorted(NOT_HERE))
def test_reason_is_given(test):
    assert NOT_HERE[test]
