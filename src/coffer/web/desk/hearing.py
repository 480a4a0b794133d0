"""What custodians say of the notes of cases: asked in the background, and who said no."""

import datetime as dt
from collections.abc import Callable
from typing import Final

from coffer.authority.authorization import Authorization, parse_authorization
from coffer.desk.case import Case, Place
from coffer.desk.flow.flow import Flow
from coffer.desk.standing import CaseState
from coffer.desk.steps import newest_requests
from coffer.ledger.entries import Commitment
from coffer.procedures.opening.kept import take_reports
from coffer.procedures.opening.standings import ask_standings, roster_of, shown_words
from coffer.web.desk.watching import Custodians, Seen, Watch, refusers

ASK_S: Final = 8.0


class HearingDesk:
    """Asks custodians and remembers what they said last. Any thread may call."""

    def __init__(self, flow: Flow, custodians: Custodians) -> None:
        self._flow, self._vault, self._custodians = flow, flow.vault, custodians
        self._clock = flow.vault.outside.clock
        self._watch = Watch()

    def watch(self, case: Case) -> None:
        """Somebody looks at a case."""
        self._watch.look(case.id, self._clock())

    def seen(self, commitment: Commitment) -> Seen | None:
        """What custodians said of a note last."""
        return self._watch.seen(commitment)

    def refusers(self, commitment: Commitment) -> frozenset[str]:
        """Who refused a note, by the log or by what their machines said last."""
        return refusers(commitment, self.seen(commitment), self._vault.replay())

    def ask(self, *, is_stopping: Callable[[], bool] = lambda: False) -> int:
        """Ask about every note that waits, if it is time, and take in what was signed; about how many."""
        count = 0
        for case in self._flow.store.open_cases():
            if not case.requests or is_stopping():
                continue
            now = self._clock()
            for place in self._waiting(case, now):
                authorization = parse_authorization(case.at(place).note, "request")
                if self._watch.is_due(case.id, authorization.commitment, now):
                    self._ask(case, place, authorization, now)
                    count += 1
        return count

    def _waiting(self, case: Case, now: dt.datetime) -> list[Place]:
        """The notes that custodians may sign or take back, of the newest request of each part of the order."""
        places = []
        newest = set(newest_requests(case).values())
        for standing in self._flow.standings(case, self._vault.replay(), now):
            if standing.request not in newest or not standing.is_alive(now):
                continue
            is_open = standing.state in {CaseState.SENT, CaseState.SIGNED}
            places += [Place(request=standing.request)] if is_open else []
            places += [one.place for one in standing.raised if one.waits or (one.counts and is_open)]
        return places

    def _ask(self, case: Case, place: Place, authorization: Authorization, now: dt.datetime) -> None:
        with self._custodians() as custodians:
            standings = ask_standings(self._vault, authorization, custodians, deadline_s=ASK_S)
        words = shown_words(self._vault, authorization, standings)
        self._watch.keep(authorization.commitment, Seen(time=now, standings=standings, words=words))
        note = take_reports(self._vault, authorization, roster_of(self._vault, authorization), standings)
        if note.raw != authorization.note.raw:
            self._flow.take_signatures(case, place, note, now)
