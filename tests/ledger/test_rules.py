"""Who holds a subkey of a rule, and how many of its set are a majority: worked by hand."""

import pytest

from coffer.ledger.rules import lock_of, parse_rule

NAMES = ("judge", "dpo", "regulator", "fr", "press")


@pytest.mark.parametrize(
    ("expression", "holders"),
    [
        ("2 of judge,dpo,regulator", 0b00111),
        ("2 of dpo,regulator,press", 0b10110),
        ("2 of dpo,regulator,press and fr", 0b11110),
    ],
)
def test_everyone_whom_a_rule_names_holds_a_subkey_and_nobody_else(expression, holders):
    assert lock_of(parse_rule("base", expression, NAMES, "rule"), None).holders == holders


@pytest.mark.parametrize(("size", "majority"), [(3, 2), (4, 3), (5, 3)])
def test_two_majorities_of_a_set_share_a_member(size, majority):
    rule = parse_rule("base", f"2 of {','.join(NAMES[:size])}", NAMES, "rule")
    assert rule.majority == majority
    assert 2 * majority > size
