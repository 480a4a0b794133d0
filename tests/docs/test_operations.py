"""The runbook: every alert has its section, and every figure that a rule, the dashboard or the page names is one that the code gives."""

import json
import re
from pathlib import Path

import pytest
import yaml

from coffer.procedures.duty.board import Code, Urgency
from coffer.procedures.watch.decide import Wait
from figured import figures_of_code, names_of_code

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/operations.md").read_text("utf-8")
GROUPS = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text("utf-8"))["groups"]
RULES = [rule for group in GROUPS for rule in group["rules"]]
BOARD = json.loads((ROOT / "deploy/grafana/coffer.json").read_text("utf-8"))
TARGETS = [target for panel in BOARD["panels"] for target in panel.get("targets", [])]
OF_PROMETHEUS = {"up"}
"""Figures that Prometheus adds to every scrape."""
WORDS = {"sum", "by", "rate", "increase", "changes", "count", "time", "vector", "and", "on", "or"}
SECTION = re.compile(r"^#### (\w+)\n\n- \*\*Means\*\* \((\w+)(?:, for (\w+))?\): (.+?)\n\n", re.MULTILINE | re.DOTALL)


def parts(expression):
    """Names of figures, and the labels by which they are chosen."""
    chosen = re.findall(r'(\w+)(=~?)"([^"]*)"', expression)
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|(?:by|on) \([^)]*\)", " ", expression)
    return set(re.findall(r"(?<![\w.])[a-z][a-z_]*", bare)) - WORDS, chosen


def sections():
    return {name: (severity, wait, text) for name, severity, wait, text in SECTION.findall(PAGE)}


def test_rules_and_targets_are_there():
    assert len(RULES) > 40
    assert len(TARGETS) > 30
    assert len({rule["alert"] for rule in RULES}) == len(RULES)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_every_alert_has_its_section_that_says_what_to_do(rule):
    severity, wait, text = sections()[rule["alert"]]
    assert rule["labels"] == {"severity": severity}
    assert severity in {"page", "ticket", "note"}
    assert rule.get("for", "") == wait
    assert re.search(r"\n- \*\*Look at\*\*: .+\n- \*\*Do\*\*: .+", text, re.DOTALL)
    assert rule["annotations"]["runbook_url"].endswith(f"/docs/operations.md#{rule['alert'].lower()}")
    assert 10 < len(rule["annotations"]["summary"]) < 80


def test_every_section_of_an_alert_has_its_rule():
    names = re.findall(r"^#### (\w+)$", PAGE, re.MULTILINE)
    assert sorted(names) == sorted(sections()) == sorted(rule["alert"] for rule in RULES)


def test_every_alert_of_the_operators_page_has_a_rule():
    chosen = [
        value
        for rule in RULES
        for name, _, value in parts(rule["expr"])[1]
        if name == "code" and "duty" in rule["expr"]
    ]
    assert sorted(chosen) == sorted(code.value for code in Code)


@pytest.mark.parametrize("expression", [rule["expr"] for rule in RULES] + [target["expr"] for target in TARGETS])
def test_every_figure_that_is_asked_for_is_given_with_its_labels(expression):
    names, chosen = parts(expression)
    assert names
    assert names - names_of_code() - OF_PROMETHEUS == set()
    labels = {"job", "instance", "listener", "folder", "code", "why", "outcome", "what", "urgency"}
    assert {name for name, _, _ in chosen} <= labels
    for name, how, value in chosen:
        known = {
            "urgency": {one.name.lower() for one in Urgency},
            "outcome": {"answered", "busy", "failed", "malformed"},
            "what": {"read", "kept", "rejected", "duplicate"},
            "why": {one.name.lower() for one in Wait},
        }.get(name)
        assert known is None or how == "=~" or value in known


def test_every_figure_of_the_code_is_on_the_page_and_no_other():
    table = PAGE.split("| figure | labels | says |", 1)[1].split("\n\n", 1)[0]
    rows = [row.split("|")[1:3] for row in table.splitlines()[2:]]
    named = {
        name: set(re.findall(r"`(\w+)`", labels)) for names, labels in rows for name in re.findall(r"`(\w+)`", names)
    }
    assert set(named) == names_of_code()
    for figures in figures_of_code().values():
        for figure in figures:
            for one in figure.samples:
                assert set(one.labels) == named[figure.name], figure.name


def test_every_figure_has_the_form_of_its_kind():
    given = figures_of_code()
    of_every = given.pop("every")
    for own in given.values():
        served = [figure.name for figure in (*of_every, *own)]
        assert len(set(served)) == len(served), "a figure twice in one answer"
    for figure in [*of_every, *(figure for own in given.values() for figure in own)]:
        assert figure.name.endswith("_total") == (figure.kind == "counter"), figure.name
        assert figure.meaning.endswith("."), figure.name


def test_dashboard_shows_every_figure_of_coffer():
    shown = set().union(*(parts(target["expr"])[0] for target in TARGETS))
    assert {name for name in names_of_code() if name.startswith("coffer_")} - shown == set()


def test_twins_a_misspelt_figure_is_found_and_functions_are_none():
    assert parts("rate(coffer_wach_bytes_total[5m])")[0] == {"coffer_wach_bytes_total"}
    assert parts('sum by (job) (up{job=~"x"}) > 0.5')[0] == {"up"}
