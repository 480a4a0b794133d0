"""Rows that are found by a handset or a SIM, from those that carry one. Pure, column-wise.

A row under an IMEI or an IMSI is the row of its party with another sid. It lies in the segment of the rule of that
IMEI or IMSI, and is written only if this rule is as strict as that of the party's own number and that of its SIM: an
index must not make a way round a rule.

Source: ``docs/formats/segment.md``, "Rows of a segment".
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from coffer.identity.identifier import IdentityType
from coffer.identity.mobile import mccs
from coffer.identity.mobile_columns import handsets, mcc_of, subscriptions
from coffer.ledger.roster import Roster
from coffer.procedures.ingest.split import GroupKey
from coffer.records.feed import Feed
from coffer.segments.rows import SID_WORDS, PackedRows

_EXTRA: Final = SID_WORDS + 2
"""Words of a packed row before its extra."""
_MCCS: Final = 1000


class Indexing:
    """What a feed's rows are found by, under a roster."""

    def __init__(self, feed: Feed, roster: Roster) -> None:
        self._index, self._rules = feed.index, list(roster.rules)
        cell = "cell" in feed.keep
        self._imei = _EXTRA + cell
        self._imsi = _EXTRA + cell + ("imei" in feed.keep) if "imsi" in feed.keep else None
        self._of_imei = self._rules.index(roster.handset_rule.name)
        self._of_mcc = np.full(_MCCS, self._rules.index(roster.rule_for_country(None).name))
        for mcc, country in mccs(roster.numbering).items():
            self._of_mcc[mcc] = self._rules.index(roster.rule_for_country(country).name)
        self._is_enough = np.array(
            [[roster.is_as_strict(one, other) for other in roster.rules] for one in roster.rules]
        )

    def rows(self, key: GroupKey, rows: PackedRows) -> Iterator[tuple[GroupKey, PackedRows]]:
        """Rows of a group, and those that are found by what they carry.

        A row without a sid is only found so.
        """
        if not self._index or not len(rows):
            yield key, rows
            return
        has_sid = (rows.sid_high > 0) | (rows.sid_low > 0)
        yield key, rows if has_sid.all() else rows.take(np.flatnonzero(has_sid))
        sims = np.zeros(len(rows), np.uint64)
        if self._imsi is not None:
            sims = subscriptions(rows.words[:, self._imsi].byteswap())
        of_sims = self._of_mcc[mcc_of(sims)]
        if "imei" in self._index:
            number = handsets(rows.words[:, self._imei].byteswap())
            # Who withholds a number has a SIM all the same, and its country may have a rule that the handset's is not.
            number = np.where(self._is_enough[self._of_imei, of_sims], number, np.uint64(0))
            yield from self._found_by(IdentityType.IMEI, number, np.full(len(rows), self._of_imei), key, rows)
        if "imsi" in self._index:
            yield from self._found_by(IdentityType.IMSI, sims, of_sims, key, rows)

    def _found_by(
        self,
        kind: IdentityType,
        number: npt.NDArray[np.uint64],
        rules: npt.NDArray[np.int64],
        key: GroupKey,
        rows: PackedRows,
    ) -> Iterator[tuple[GroupKey, PackedRows]]:
        is_found = (number > 0) & self._is_enough[rules, self._rules.index(key.rule)]
        for rule in np.unique(rules[is_found]).tolist():
            at = np.flatnonzero(is_found & (rules == rule))
            words = rows.words.take(at, axis=0)
            words[:, 0], words[:, 1] = np.uint64(kind) << np.uint64(56), number[at]
            yield replace(key, rule=self._rules[rule]), PackedRows(words=words)


def rules_not_found(feed: Feed, roster: Roster) -> tuple[str, ...]:
    """The rules of numbers whose rows no handset finds, since the rule of handsets is less strict."""
    if "imei" not in feed.index:
        return ()
    return tuple(name for name in roster.rules if not roster.is_as_strict(roster.handset_rule.name, name))
