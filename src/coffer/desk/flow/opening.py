"""An opening, delivered into its case, resumed after a crash, never twice."""

import datetime as dt
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Final

from coffer.authority.authorization import Authorization
from coffer.custody.port import Custodian
from coffer.desk import edits
from coffer.desk.case import (
    Case,
    CaseId,
    Delivered,
    Did,
    DocumentKind,
    Edit,
    NewEvent,
    Request,
    Told,
)
from coffer.desk.course import Course, course_of
from coffer.desk.flow.entry import Entry, authorization_of, verify_alive
from coffer.desk.people import PersonId
from coffer.desk.port import Lease
from coffer.desk.preview import pack_answer
from coffer.desk.signed import amended_of
from coffer.disclosure.answer import Answer, answer_files
from coffer.errors import CofferError, Unavailable
from coffer.ledger.state import State
from coffer.notify.message import News
from coffer.procedures.opening.journal import Journal
from coffer.procedures.opening.kept import forget_spent_key
from coffer.procedures.opening.run import OnProgress, Stage, run_opening

LEASE_S: Final = 30.0
"""How long after a crash another process has to wait before it resumes the opening."""
BEAT_S: Final = 10.0
"""How often a living process renews its lease, so that two beats may be lost."""


class Openings(Entry):
    """Openings of a case's requests."""

    def open(
        self,
        case: CaseId,
        number: int,
        custodians: Sequence[Custodian],
        *,
        by: PersonId,
        clock: Callable[[], dt.datetime],
        on_progress: OnProgress = lambda _stage, _number: None,
        patience_s: float | None = None,
        again: bool = False,
        next_part: bool = False,
    ) -> Case:
        """Open a request and put its answer into the case.

        An opening that was begun goes on; none runs twice.

        One process at a time does it: a lease says which, and the vault's lock and the opening's journal have the last
        word. ``again``: open once more what was opened and delivered, which costs the request's budget. ``next_part``:
        open what came since, if a part is due.

        Raises:
            Unavailable: another process is opening it, or too few custodians answered. The opening stays.
            Refused: as ``run_opening``, or the request was withdrawn.
        """
        lease = self.store.acquire(f"opening {case} {number}", self.process, clock(), for_s=LEASE_S)
        if lease is None:
            raise Unavailable("opening: another process is at it", hint="its progress is shown there; look again soon")
        try:
            opening = _Run(self, case, number, by=by, clock=clock, lease=lease, on_progress=on_progress)
            with self._beating(lease, clock):
                return opening.run(custodians, patience_s=patience_s, is_again=again, is_next=next_part)
        finally:
            self.store.release(lease)

    def course(self, request: Request, state: State, now: dt.datetime) -> Course:
        """How far a request is: each of its days, what is due now, and what is left."""
        authorization = amended_of(request, state, now)
        return self._course(request, authorization, state, now)

    def _course(self, request: Request, authorization: Authorization, state: State, now: dt.datetime) -> Course:
        desk, commitment = self.vault.desk, authorization.commitment
        return course_of(
            authorization,
            state,
            now,
            owed=desk.read_owed(commitment),
            needed=desk.read_short(commitment),
            has_key=desk.has_seal_key(commitment) and request.withdrawn is None,
            is_opening=self.is_undelivered(request, commitment),
        )

    def is_part_due(self, request: Request, state: State, now: dt.datetime) -> bool:
        """Whether something came since a request was opened and delivered, that may be opened now."""
        is_done = bool(request.delivered) and request.withdrawn is None
        if not is_done or not self.vault.desk.has_seal_key(authorization_of(request).commitment):
            return False
        return self.course(request, state, now).is_due

    @contextmanager
    def _beating(self, lease: Lease, clock: Callable[[], dt.datetime]) -> Iterator[None]:
        """Renew the lease meanwhile.

        If it was lost, the answer cannot be delivered here: that write proves the lease.
        """
        done = threading.Event()

        def beat() -> None:
            while not done.wait(BEAT_S):
                with suppress(Unavailable):
                    self.store.renew(lease, clock(), for_s=LEASE_S)

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()


class _Run:
    """One run of ``Openings.open``, under its lease."""

    def __init__(
        self,
        entry: Openings,
        case: CaseId,
        number: int,
        *,
        by: PersonId,
        clock: Callable[[], dt.datetime],
        lease: Lease,
        on_progress: OnProgress,
    ) -> None:
        self._entry = entry
        self._vault = entry.vault
        self._store = entry.store
        self._case = case
        self._number = number
        self._by = by
        self._clock = clock
        self._lease = lease
        self._on_progress = on_progress

    def run(self, custodians: Sequence[Custodian], *, patience_s: float | None, is_again: bool, is_next: bool) -> Case:
        """Finish what was delivered, resume what was begun, or begin."""
        case = self._store.case(self._case)  # as it is under the lease
        request = case.request(self._number)
        authorization = authorization_of(request)
        verify_alive(request)
        raw = self._vault.desk.read_opening(authorization.commitment)
        intents = {item.intent for item in request.delivered}
        if raw is not None and Journal.parse(raw).intent in intents:
            self._finish(authorization)
            raw = None
        now = self._clock()
        is_next = is_next and raw is None and self._entry.is_part_due(request, self._vault.replay(), now)
        if raw is None and request.delivered and not is_again and not is_next:
            return case
        if raw is None:
            self._tell(Did.BEGAN_OPENING, {})
        try:
            run_opening(
                self._vault,
                self._entry.amended(request, now).raw,
                custodians,
                deliver=self._deliver,
                patience_s=patience_s,
                on_progress=self._progress,
                holds=self._entry.holds_of(case),
                is_continuing=is_next,
            )
        except CofferError as error:
            self._tell(Did.STOPPED, {"family": type(error).__name__.lower()}, {"message": error.message}, News.STOPPED)
            raise
        return self._store.case(self._case)

    def _finish(self, authorization: Authorization) -> None:
        """End an opening whose answer is in the case: only its files were left behind by a crash."""
        with self._vault.writing() as state:
            self._vault.desk.remove_opening(authorization.commitment)
            forget_spent_key(self._vault, authorization, state)

    def _progress(self, stage: Stage, number: int) -> None:
        self._lease = self._store.renew(self._lease, self._clock(), for_s=LEASE_S)
        self._on_progress(stage, number)

    def _deliver(self, answer: Answer) -> None:
        """Put the answer into the case, once, while the lease is held. The opening ends after this alone."""
        now = self._clock()
        content = pack_answer(answer_files(answer))
        name = f"answer-{answer.intent}.zip"
        document = self._entry.new_document(
            content, kind=DocumentKind.ANSWER, name=name, by=None, now=now, request=self._number
        )
        delivered = Delivered(
            intent=answer.intent, close=answer.close, records=answer.records, document=document.about.id, time=now
        )
        values: dict[str, int | str] = {"request": self._number, "intent": answer.intent, "close": answer.close}
        event = NewEvent(did=Did.OPENED, values=values | {"records": answer.records})

        def edit(case: Case) -> Edit:
            request = case.request(self._number)
            if answer.intent in {item.intent for item in request.delivered}:
                return Edit(case=case, events=())
            changed = edits.with_request(case, replace(request, delivered=(*request.delivered, delivered)))
            told = self._told(case, News.ANSWERED, str(answer.intent))
            return edits.with_documents(Edit(case=changed, events=(event,), told=told), [document])

        self._entry.apply(self._case, edit, by=self._by, now=now, lease=self._lease)

    def _tell(
        self,
        did: Did,
        values: Mapping[str, int | str],
        texts: Mapping[str, str] | None = None,
        news: News | None = None,
    ) -> None:
        now = self._clock()
        event = NewEvent(did=did, values={"request": self._number, **values}, texts=texts or {})

        def edit(case: Case) -> Edit:
            told = () if news is None else self._told(case, news, now.isoformat())
            return Edit(case=case, events=(event,), told=told)

        self._entry.apply(self._case, edit, by=self._by, now=now)

    def _told(self, case: Case, news: News, about: str) -> tuple[Told, ...]:
        """Whoever has the case, and whoever began."""
        people = dict.fromkeys(person for person in (case.assigned, self._by) if person is not None)
        return tuple(Told(person=person, news=news, about=f"{case.id} {self._number} {about}") for person in people)
