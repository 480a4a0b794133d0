"""The holds of a case: their notes are documents of it, and what is done with them is in its history."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace

from coffer.authority.hold import Hold
from coffer.desk import edits
from coffer.desk.case import Case, Did, DocumentKind, Edit
from coffer.desk.flow.entry import Entry
from coffer.desk.people import PersonId
from coffer.procedures.holding import HoldKeeper, PreparedHold, keep_hold, log_holds, release_hold, sign_hold


class Holds(Entry):
    """Holds of a case."""

    def make_hold(
        self,
        case: Case,
        prepared: PreparedHold,
        texts: Mapping[str, str],
        *,
        by: PersonId,
        now: dt.datetime,
        part: int = 0,
    ) -> Case:
        """Sign what was prepared, keep its note in the case, and log it. ``texts``: what a passkey agreed to.

        ``part``: of the order, as of the draft that it was made from.

        The case has it before the log does: without its note a hold can be neither released nor opened.

        Raises:
            Refused: the log would not take it. The case then has a note that nobody keeps for.
        """
        hold = sign_hold(self.vault, prepared)
        is_first = hold.terms.extends is None
        did = Did.MADE_HOLD if is_first else Did.EXTENDED_HOLD
        name = f"{'hold' if is_first else 'extension'}-{len(case.holds) + 1}.note"
        document = self.new_document(hold.note.raw, kind=DocumentKind.HOLD, name=name, by=by, now=now, request=None)
        kept = self.apply(
            case.id, lambda current: edits.add_hold(current, document, did, texts, part=part), by=by, now=now
        )
        log_holds(self.vault, [hold])
        return kept

    def send_hold(
        self, case: Case, hold: Hold, keepers: Sequence[HoldKeeper], *, by: PersonId | None, now: dt.datetime
    ) -> dict[str, str]:
        """Have custodians keep, or send it to those elsewhere; what each said, "" if it keeps."""
        said = keep_hold(self.vault, hold.note.raw, keepers)
        if by is not None:
            self._note(case, hold, Did.SENT_HOLD, {}, by, now)
        return said

    def release(self, case: Case, hold: Hold, texts: Mapping[str, str], *, by: PersonId, now: dt.datetime) -> None:
        """End a hold: custodians destroy what they kept.

        Raises:
            Refused: the log has no such hold, or it was released.
        """
        release_hold(self.vault, hold.note.raw)
        self._note(case, hold, Did.RELEASED_HOLD, texts, by, now)

    def _note(self, case: Case, hold: Hold, did: Did, texts: Mapping[str, str], by: PersonId, now: dt.datetime) -> None:
        about = next(one for one in case.holds if self.store.document(case.id, one.id) == hold.note.raw)
        event = edits.document_event(about, did)
        event = replace(event, texts={**event.texts, **texts})
        self.apply(case.id, lambda current: Edit(case=current, events=(event,)), by=by, now=now)
