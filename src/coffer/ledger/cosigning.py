"""Custodians as each other's witnesses: who cosigned a checkpoint, and is that enough? Pure.

A custodian cosigns only what it follows, so an honest one never cosigns two histories. It answers only under a checkpoint that, for every rule of
the authorization, more than half of the rule's set and all its indispensable members cosigned. Two such sets share a member in each rule. So two
histories under one authorization need a custodian that lies, and its two cosignatures name it. ADR 9 says why so many must cosign, and of which rules.
"""

import datetime as dt
from collections.abc import Collection, Iterable

from coffer.ledger.roster import Roster
from coffer.notes.cosign import SKEW, verified_time, with_newest_cosignatures
from coffer.notes.note import Note


def cosigners_of(checkpoint: Note, roster: Roster, now: dt.datetime) -> frozenset[str]:
    """The custodians whose cosignature verifies and is at most 15 minutes from this clock.

    It may be older or ahead. False lines count for nobody.
    """
    names = set()
    for custodian in roster.custodians:
        time = verified_time(custodian.cosigning, checkpoint)
        if time is not None and abs(now - dt.datetime.fromtimestamp(time, dt.UTC)) <= SKEW:
            names.add(custodian.name)
    return frozenset(names)


def with_cosignatures(old: Note, new: Note, roster: Roster) -> Note:
    """Two notes of one checkpoint as one, with the newest line of each custodian of the roster."""
    return with_newest_cosignatures(old, new, [custodian.cosigning for custodian in roster.custodians])


def is_cosigned(rules: Iterable[str], roster: Roster, names: Collection[str]) -> bool:
    """Whether these custodians are enough for each of the rules; for an unknown rule nobody is."""
    return all(name in roster.rules and roster.rules[name].is_cosigned_by(names) for name in rules)


def describe_lack(rules: Iterable[str], roster: Roster, names: Collection[str]) -> str:
    """Who is missing, in words, by the first rule that lacks somebody; empty if none does."""
    for name in rules:
        rule = roster.rules[name]
        if rule.is_cosigned_by(names):
            continue
        absent, more = rule.missing_cosigners(names)
        must = [member for member in absent if member in rule.indispensable]
        others = [member for member in absent if member in rule.members]
        parts = [", ".join(must)] if must else []
        parts += [f"{more} of {', '.join(others)}"] if more else []
        return f"rule {name} lacks {' and '.join(parts)}"
    return ""


def describe_majorities(roster: Roster) -> list[str]:
    """The rules for which more must cosign the log than must answer, in plain sentences."""
    return [
        f"rule {rule.name}: {rule.majority} of {len(rule.members)} custodians must be reachable for an opening, though {rule.threshold} "
        "suffice to open: more than half vouch for the log"
        for rule in roster.rules.values()
        if rule.majority > rule.threshold
    ]
