import hashlib

import coffer_audit.entries.roster
from coffer.ledger.rules import emergency_rule, lock_of, parse_rule
from coffer_audit.entries import roster
from known_answers.vector import runner


@runner("rule", "expression custodians", found="clauses satisfied-hash")
def run_rule(vector, _):
    names = [chr(97 + i) for i in range(vector.int("custodians"))]
    expression = vector.text("expression")
    if not vector.is_refused(lambda: parse_rule("base", expression, names, "rule")):
        rule = parse_rule("base", expression, names, "rule")
        raw = b"".join(clause.to_bytes(2, "big") for clause in rule.clauses)
        satisfied = sum(1 << mask for mask in range(2 ** len(names)) if rule.is_satisfied_by(mask))
        assert (raw, hashlib.sha256(satisfied.to_bytes(64, "big")).digest()) == (
            vector.bytes("clauses"),
            vector.bytes("satisfied-hash"),
        )
        assert rule.expression == expression
    if not vector.is_refused(lambda: coffer_audit.entries.roster.expand_rule(expression, names, "rule")):
        assert coffer_audit.entries.roster.expand_rule(expression, names, "rule").clauses == rule.clauses


@runner("lock", "expression emergency custodians", found="clauses")
def run_lock(vector, _):
    names = tuple(chr(97 + i) for i in range(vector.int("custodians")))
    expression, emergency = vector.text("expression"), vector.text("emergency")

    def ours():
        rule = parse_rule("base", expression, names, "rule")
        return lock_of(rule, emergency_rule(rule, emergency, names, "emergency")).clauses

    def audited():
        rule = roster.expand_rule(expression, names, "rule")
        return roster.expand_lock(rule, roster.expand_emergency(rule, emergency, names)).clauses

    for read in (ours, audited):
        if not vector.is_refused(read):
            assert b"".join(clause.to_bytes(2, "big") for clause in read()) == vector.bytes("clauses")
