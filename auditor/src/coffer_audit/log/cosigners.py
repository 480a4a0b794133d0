"""The custodians that cosigned a checkpoint (docs/procedures/opening.md, "Cosigned"). Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coffer_audit.errors import NotProven
from coffer_audit.log.checkpoint import Checkpoint
from coffer_audit.notes import COSIGNATURE, VerifyKey, make_key_id, verify_signers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from coffer_audit.entries.roster import Custodian, Roster


def cosigning_key(custodian: Custodian) -> VerifyKey:
    """Give the custodian's resp key in the form of a witness's key."""
    name, public = custodian.resp.name, custodian.resp.public
    return VerifyKey(name=name, key_id=make_key_id(name, COSIGNATURE, public), public=public, text="", kind=COSIGNATURE)


def find_cosigners(checkpoint: Checkpoint, roster: Roster) -> dict[str, int]:
    """Give the time of each custodian's cosignature, in seconds since 1970.

    A line that does not verify does not count.
    """
    times = {}
    for custodian in roster.custodians:
        key = cosigning_key(custodian)
        try:
            signed = verify_signers(checkpoint.note, [key], "checkpoint")
        except NotProven:
            continue
        for item in checkpoint.note.signatures if signed else ():
            if (item.name, item.key_id) == (key.name, key.key_id):
                times[custodian.name] = int.from_bytes(item.value[:8], "big")
    return times


def find_lack(rules: Iterable[str], roster: Roster, names: Iterable[str]) -> str:
    """Give the first rule for which too few cosigned; "" if there is none.

    Enough are more than half of its set and all of its indispensable members.
    """
    cosigned = set(names)
    for name in sorted(rules):
        rule = roster.rules.get(name)
        if (
            rule is None
            or not set(rule.needed) <= cosigned
            or 2 * len(cosigned & set(rule.members)) <= len(rule.members)
        ):
            return name
    return ""
