"""What browser and coffer-audit are compared by: verdict, warnings and conditions of an answer or a log."""

import re
from pathlib import Path

from coffer_audit.answer.audit import audit_answer
from coffer_audit.errors import AuditError
from coffer_audit.vault.audit import audit_vault

CONDITIONS = {
    "RULES": r"the numbering tables (?P<tables>\S+) put the number of subject line (?P<line>\d+) under none of"
    r" (?P<rules>.+), of which (?P<count>\d+) segments were not asked for it; .*",
    "TABLES": r"the numbering tables (?P<tables>\S+) put the number of subject line (?P<line>\d+) into another country"
    r" than the tables (?P<home>\S+) do; .*",
}


def _condition(clause):
    """A condition of the auditor's verdict, with its values as the browser has them."""
    ((code, match),) = [(code, match) for code, form in CONDITIONS.items() if (match := re.fullmatch(form, clause))]
    values = {key: int(text) if key in ("line", "count") else text for key, text in match.groupdict().items()}
    return {"code": code, "values": values}


def found_of(findings):
    """What is compared of the findings."""
    return {
        "clean": not findings.violations,
        "warnings": sorted(
            ([item.code, item.entry] for item in findings.warnings if item.code != "TILE"),  # nothing lists other files
            key=str,
        ),
        "conditions": sorted((_condition(item) for item in findings.conditions), key=str),
    }


NOTHING = {"clean": False, "warnings": [], "conditions": []}


def audited_answer(path, pins, vault=None):
    """What coffer-audit finds of an answer; `vault` is the folder of a vault or log, or None."""
    try:
        return found_of(audit_answer(Path(path), pins["log"] or None, pins["genesis"] or None, vault).findings)
    except AuditError:
        return NOTHING


def audited_log(path, pins):
    """What coffer-audit finds of a log folder."""
    try:
        return found_of(audit_vault(Path(path), pins["log"], pins["genesis"], quick=True).findings)
    except AuditError:
        return NOTHING


def told(case, result):
    """What is compared of a result of `run.mjs`: beside a log, only a complete answer is clean."""
    return {
        "clean": result["complete"] if "vault" in case else result["clean"],
        "warnings": sorted(result["warnings"], key=str),
        "conditions": sorted(result["conditions"], key=str),
    }


def differences(cases, expected, results):
    """The cases of which browser and auditor differ: in the verdict or, of what is clean, in warnings and conditions."""
    pairs = [
        (case, one, told(case, result), result) for case, one, result in zip(cases, expected, results, strict=True)
    ]
    return [
        (case, one, other, result["violations"])
        for case, one, other, result in pairs
        if one["clean"] != other["clean"] or (one["clean"] and one != other)
    ]


def is_answer_clean(path, pins):
    """Whether coffer-audit finds an answer clean, without the vault."""
    return audited_answer(path, pins)["clean"]


def is_log_clean(path, pins):
    """Whether coffer-audit finds a log folder clean."""
    return audited_log(path, pins)["clean"]
