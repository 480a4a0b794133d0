"""The desk at work behind its pages.

It is the flow of ``coffer.desk`` on one vault and store, and what runs in the background.

Promises: an opening goes on when its reader leaves, one process at a time runs it, and after a restart it is taken up
again; custodians are asked in the background, never once a visitor. Rights are proven by the site before a page calls.
"""

import datetime as dt
import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from typing import Final
from zoneinfo import ZoneInfo

from coffer.authority.authorization import Authorization, parse_authorization
from coffer.authority.countersign import signers_of
from coffer.authority.known import Authorities, is_urgent
from coffer.authority.lacking import Part, parts_for
from coffer.custody.port import Custodian
from coffer.desk import case as cases
from coffer.desk.case import Case, CaseId, Did, Document, DocumentId, Edit, NewEvent, Request
from coffer.desk.draft import Draft
from coffer.desk.flow.entry import authorization_of, verify_alive
from coffer.desk.flow.flow import Flow
from coffer.desk.flow.opening import is_part_due
from coffer.desk.orders import came_of
from coffer.desk.people import PersonId
from coffer.desk.port import Conflict, Store
from coffer.desk.review import review_draft
from coffer.desk.steps import Actor, CaseState, NextStep, Step
from coffer.disclosure.etsi import default_header
from coffer.disclosure.formats import Rendering, parse_formats
from coffer.disclosure.notice import Notice
from coffer.disclosure.pdf import PdfStyle
from coffer.disclosure.verified import Disclosure
from coffer.errors import CofferError, Refused, Unavailable
from coffer.identity.identifier import IdentityType
from coffer.ledger.entries import Commitment
from coffer.ledger.roster import Roster
from coffer.ledger.state import State
from coffer.notes.keys import VerifyKey
from coffer.procedures.notices import notices_of
from coffer.procedures.opening.found_by import found_types
from coffer.procedures.opening.kept import send_kept, take_reports
from coffer.procedures.opening.request import Prepared, prepare_request, sign_request
from coffer.procedures.opening.run import Stage
from coffer.procedures.opening.send import Recipient
from coffer.procedures.opening.standings import ask_standings, roster_of, shown_words
from coffer.vault.folder import Vault
from coffer.vault.known import desk_authorities
from coffer.vault.operator import DESK
from coffer.web.desk.door import Act, Proven
from coffer.web.desk.holding import HoldDesk
from coffer.web.desk.steps_shown import Progress
from coffer.web.desk.visit import Visit, mark_of
from coffer.web.desk.watching import Custodians, Seen, Watch, refusers
from coffer.web.ground.wording import Wording

_log = logging.getLogger(__name__)
Prove = Callable[[Visit, Act, Commitment], Proven]
PREPARED_FOR: Final = dt.timedelta(minutes=5)
"""As long as the challenge of a passkey lives: then the form is signed anew."""
MAX_PREPARED: Final = 256
OPENINGS_AT_ONCE: Final = 4
"""The vault has one writer, so that more would only wait; each waits in a thread of its own."""
REMIND_AGAIN: Final = dt.timedelta(hours=1)
PATIENCE_S: Final = 120.0
ASK_S: Final = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Waiting:
    """A request that was prepared for a passkey."""

    prepared: Prepared
    draft: Draft
    until: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class LetterDue:
    """Somebody who is due to be told. ``case``: None for what was opened without one."""

    case: Case | None
    request: int
    person: str
    ended: dt.date


class Office:
    """One process of the desk.

    ``vault``: one that is warm. ``custodians``: those of the vault, made anew for each use. ``home``: the country in
    which numbers without ``+`` are read first.
    """

    def __init__(
        self, vault: Vault, store: Store, custodians: Custodians, *, home: str = "", version: str = ""
    ) -> None:
        self.vault, self.store, self.home = vault, store, home
        self.clock, self.entropy = vault.outside.clock, vault.outside.entropy
        self.flow = Flow(vault, store, process=vault.outside.entropy(8).hex())
        self.requester: VerifyKey = vault.operator_key(DESK).verify_key
        self._custodians = custodians
        self.holds = HoldDesk(self.flow, custodians)
        self._version = version
        self._lock = threading.Lock()
        self._prepared: dict[tuple[PersonId, CaseId], _Waiting] = {}
        self._progress: dict[CaseId, Progress] = {}
        self._pool = ThreadPoolExecutor(OPENINGS_AT_ONCE, thread_name_prefix="opening")
        self._watch = Watch()
        self._known_notices: tuple[object, tuple[Notice, ...]] | None = None
        self._stopping = threading.Event()

    def foot(self, words: Wording) -> list[str]:
        """The lines at the foot of each page; also of the page that says why the log cannot be read."""
        lines = [f"Coffer {self._version}"] if self._version else []
        with suppress(CofferError):
            size = self.state().size
            lines.insert(
                0, words.ngettext("log of %(num)s entry", "log of %(num)s entries", size) % {"num": words.number(size)}
            )
        return lines

    # What pages read.

    def state(self) -> State:
        """What the log says now. Nobody changes it."""
        return self.vault.replay()

    def found_types(self) -> frozenset[IdentityType]:
        """Of IMEI and IMSI those by which some feed's records are found."""
        return found_types(self.vault, self.state())

    def next_step(self, case: Case, now: dt.datetime) -> NextStep:
        """What to do next in a case.

        A custodian that took its signature back says so before the log does. Nothing is opened on that signature: the
        opening would be announced for good, and stop.
        """
        step = self.flow.next_step(case, self.state(), now)
        if step.state in {CaseState.HOLD_BEGUN, CaseState.HELD} and self.holds.next(case, Draft(), now) is not None:
            return replace(step, step=Step.NEXT_HOLD, actor=Actor.DESK)
        lacks = self._lacks_without_refusers(case) if step.step is Step.OPEN else ()
        if not lacks:
            return step
        said_no = self.refusers(case)
        left = [len([name for name in part.lacks if name not in said_no]) + len(part.signed) for part in lacks]
        if any(count < part.needed for count, part in zip(left, lacks, strict=True)):
            return replace(step, state=CaseState.REFUSED, step=Step.MAKE_ANOTHER_REQUEST, lacks=lacks)
        return replace(step, state=CaseState.SENT, step=Step.ASK_OTHERS, lacks=lacks)

    def _lacks_without_refusers(self, case: Case) -> tuple[Part, ...]:
        """The parts of the newest request's rules that are not met once those who said no are left out."""
        said_no = self.refusers(case)
        authorization = authorization_of(case.requests[-1])
        roster = self.roster_of(authorization)
        signers = signers_of(authorization, roster)
        if not said_no & set(signers):
            return ()
        terms = authorization.terms
        left = [name for name in signers if name not in said_no]
        parts = parts_for(terms.subjects, roster, left, is_hub=terms.is_hub, is_urgent=is_urgent(terms))
        return tuple(part for part in parts if not part.is_met)

    @staticmethod
    def authorization(request: Request) -> Authorization:
        """The request that its note holds."""
        return authorization_of(request)

    def authorities(self) -> Authorities | None:
        """The desk's list of authorities; None where there is none."""
        return desk_authorities(self.vault)

    def roster_of(self, authorization: Authorization) -> Roster:
        """The roster that a request names."""
        return roster_of(self.vault, authorization)

    def signers(self, authorization: Authorization) -> tuple[str, ...]:
        """The custodians that countersigned."""
        return signers_of(authorization, self.roster_of(authorization))

    def read_document(self, case: CaseId, document: DocumentId, *, by: PersonId, now: dt.datetime) -> bytes:
        """A document's content. That it was read is written first."""
        return self.flow.read_document(self.store.case(case), document, by=by, now=now)

    def _notices(self, state: State) -> tuple[Notice, ...]:
        """The notices of the log as it is now.

        Notes are unsealed once, not at each view of the list of cases, which counts them. A note that somebody changes
        afterwards is found when its letter is written, which reads it again.
        """
        key = (state.size, self.vault.desk.kept_names(), self.vault.desk.told())
        with self._lock:
            known = self._known_notices
        if known is None or known[0] != key:
            known = (key, notices_of(self.vault, state))
            with self._lock:
                self._known_notices = known
        return known[1]

    def letters_due(self, now: dt.datetime) -> list[LetterDue]:
        """Who must be told now."""
        state = self.state()
        due = []
        for notice in self._notices(state):
            if not notice.is_due(now):
                continue
            terms = notice.authorization.terms
            place = self.store.case_of(notice.authorization.commitment)
            case = None if place is None else self.store.case(place[0])
            number = 0 if place is None else place[1]
            due.append(LetterDue(case=case, request=number, person=", ".join(notice.persons), ended=terms.secret_until))
        return due

    def next_letter(self, now: dt.datetime) -> dt.date | None:
        """After which day the next letter is due; None if nobody else waits."""
        later = [
            notice.authorization.terms.secret_until
            for notice in self._notices(self.state())
            if notice.told is None and not notice.is_due(now)
        ]
        return min(later, default=None)

    def told_lately(self, of_none: str) -> list[dict[str, object]]:
        """Who was told, the last first. ``of_none``: what stands for a case where there is none."""
        told = []
        for notice in self._notices(self.state()):
            if notice.told is None:
                continue
            place = self.store.case_of(notice.authorization.commitment)
            number = of_none if place is None else self.store.case(place[0]).number
            told.append({"number": number, "told": notice.told})
        return sorted(told, key=lambda row: str(row["told"]), reverse=True)[:50]

    def custodians(self) -> AbstractContextManager[Sequence[Custodian]]:
        """The custodians of the vault; what they hold open is closed at the end."""
        return self._custodians()

    def forget_requests(self, case: Case) -> None:
        """Remove the desk's own copies of a case's requests before it is destroyed: they name persons."""
        for request in case.requests:
            self.vault.desk.forget_request(authorization_of(request).commitment)

    # Requests.

    def prepare(self, person: PersonId, case: CaseId, draft: Draft, now: dt.datetime) -> Prepared:
        """The request of a draft, for this person's passkey to agree to. Nothing is signed or stored.

        Raises:
            Refused: something about the draft stops it.
        """
        state = self.state()
        review = review_draft(draft, came_of(self.store.case(case)), state, now)
        if review.order is None:
            raise Refused("draft: it cannot be sent yet", code="form", hint="mend the fields that are marked")
        prepared = prepare_request(self.vault, review.order, state, roster=draft.roster)
        with self._lock:
            self._prepared = {key: one for key, one in self._prepared.items() if now < one.until}
            if len(self._prepared) >= MAX_PREPARED:
                raise Unavailable("desk: too many requests are being signed", hint="try again in some minutes")
            self._prepared[person, case] = _Waiting(prepared=prepared, draft=draft, until=now + PREPARED_FOR)
        return prepared

    def send_prepared(self, visit: Visit, prove: Prove) -> Case:
        """Sign the prepared request, keep it in the case and send it.

        Raises:
            Conflict: the case was changed meanwhile. Nothing was signed.
            Refused: nothing was prepared, or the passkey did not agree to it.
        """
        case, person = visit.the_case, visit.person.id
        with self._lock:
            waiting = self._prepared.pop((person, case.id), None)
        if waiting is None:
            return self._sent_before(visit)
        proven = prove(visit, Act.SEND, waiting.prepared.commitment)
        if visit.form.text("version") != mark_of(case):
            raise Conflict(Edit(case=case, events=()), case, ())
        authorization = sign_request(self.vault, waiting.prepared)
        try:
            edit = cases.add_request(case, authorization.note.raw, by=person, now=visit.now)
            edit = replace(edit, events=tuple(replace(event, texts=proven.texts()) for event in edit.events))
            written = self.store.write(edit, by=person, now=visit.now, post=visit.post)
        except (Conflict, Refused):
            self.vault.desk.remove_seal_key(authorization.commitment)
            self.vault.desk.forget_request(authorization.commitment)
            raise
        if written.is_repeated:
            self.vault.desk.remove_seal_key(authorization.commitment)
            self.vault.desk.forget_request(authorization.commitment)
            return written.case
        return self._send(written.case, person, visit.now)

    def _sent_before(self, visit: Visit) -> Case:
        """A form that was sent twice is done once; any other has to be signed."""
        case, nothing = visit.the_case, Edit(case=visit.the_case, events=())
        old = replace(nothing, case=replace(case, version=case.version - 1))
        try:
            written = self.store.write(old, by=visit.person.id, now=visit.now, post=visit.post)
        except Conflict:
            raise Refused(
                "request: nothing waits for this passkey, or for longer than 5 minutes",
                code="time",
                hint="press the button again",
            ) from None
        return written.case

    def _send(self, case: Case, person: PersonId, now: dt.datetime) -> Case:
        """Hand the newest request to the custodians on other machines."""
        with self._custodians() as custodians:
            remotes: list[Recipient] = [one for one in custodians if isinstance(one, Recipient)]
            updated, sent = self.flow.send(case, len(case.requests), remotes, by=person, now=now)
            send_kept(self.vault, authorization_of(case.requests[-1]), remotes)
        for message in sent.failed.values():
            _log.warning("desk: a request could not be handed over: %s", message)
        return updated

    def send_signed(self, visit: Visit, prove: Prove) -> Case:
        """Send a request that was signed and not sent, or only in part."""
        case = visit.the_case
        if not case.requests:
            raise Refused("case: it has no request yet", code="form")
        authorization = authorization_of(case.requests[-1])
        proven = prove(visit, Act.SEND, authorization.commitment)
        self._note_agreement(case, proven, visit)
        return self._send(case, visit.person.id, visit.now)

    def take_in(self, visit: Visit, raw: bytes) -> Case:
        """Merge a signed copy that came another way."""
        return self.flow.take_in(visit.the_case, [("copy.note", raw)], by=visit.person.id, now=visit.now)

    def withdraw(self, visit: Visit) -> Case:
        """End the newest request."""
        case = visit.the_case
        if visit.form.text("version") != mark_of(case):
            raise Conflict(Edit(case=case, events=()), case, ())
        return self.flow.withdraw(case, len(case.requests), by=visit.person.id, now=visit.now)

    def remind(self, visit: Visit) -> Case:
        """Hand the newest request over again, at most hourly.

        The custodians' machines then tell their people.
        """
        case = visit.the_case
        if not case.requests:
            raise Refused("case: it has no request yet", code="form")
        request = case.requests[-1]
        verify_alive(request)
        if request.sent_at is not None and visit.now - request.sent_at < REMIND_AGAIN:
            again = (request.sent_at + REMIND_AGAIN - visit.now) // dt.timedelta(minutes=1) + 1
            raise Refused(
                "remind: within the last hour they were told already", code="time", hint=f"again in {again} minutes"
            )
        return self._send(case, visit.person.id, visit.now)

    def _note_agreement(self, case: Case, proven: Proven, visit: Visit) -> None:
        """Keep what the passkey signed in the history."""
        event = NewEvent(
            did=Did.AGREED, values={"request": len(case.requests), "act": proven.act.value}, texts=proven.texts()
        )
        self.flow.apply(case.id, lambda now: Edit(case=now, events=(event,)), by=visit.person.id, now=visit.now)

    # Openings.

    def begin_opening(self, visit: Visit, prove: Prove) -> None:
        """Begin to open the newest request, or take it up again. It goes on by itself.

        Raises:
            Refused: nothing can be opened now, or the passkey did not agree.
        """
        case = visit.the_case
        step = self.next_step(case, visit.now)
        is_next = self.is_part_due(case, visit.now)
        if step.step not in {Step.OPEN, Step.RESUME} and not is_next:
            if self.is_opening(case) or step.state in {CaseState.ANSWERED, CaseState.LETTER_DUE}:
                return  # the same form again
            raise Refused("case: nothing can be opened now", code="form", hint="its page says what is missing")
        if self.is_opening(case):
            return
        authorization = authorization_of(case.requests[-1])
        proven = prove(visit, Act.OPEN, authorization.commitment)
        self._note_agreement(case, proven, visit)
        self._run(case, visit.person.id, is_next=is_next)

    def is_part_due(self, case: Case, now: dt.datetime) -> bool:
        """Whether something came since the newest request was answered, that may be opened now."""
        is_open = bool(case.requests) and case.stage is cases.Stage.OPEN and not self.is_opening(case)
        return is_open and is_part_due(self.vault, case.requests[-1], self.state(), now)

    def is_opening(self, case: Case) -> bool:
        """Whether this process opens it at this moment."""
        with self._lock:
            progress = self._progress.get(case.id)
        return progress is not None and progress.is_running

    def opening_of(self, case: Case) -> Progress | None:
        """How far the case's newest opening is, if this process runs or ran it."""
        with self._lock:
            progress = self._progress.get(case.id)
        return progress if progress is not None and progress.request == len(case.requests) else None

    def _run(self, case: Case, person: PersonId, *, is_next: bool = False) -> None:
        number = len(case.requests)
        with self._lock:
            known = self._progress.get(case.id)
            if known is not None and known.is_running:
                return
            self._progress[case.id] = Progress(request=number, began=self.clock())
        self._pool.submit(self._open, case.id, number, person, is_next)

    def _open(self, case: CaseId, number: int, person: PersonId, is_next: bool) -> None:
        """One opening, in a thread of its own. What it ends with stands in its progress."""

        def tell(stage: Stage, count: int) -> None:
            if self._stopping.is_set():
                raise Unavailable("opening: the desk stops", hint="it is taken up again when the desk starts")
            self._change(case, lambda old: replace(old, reached=(*old.reached, (stage, count, self.clock()))))

        try:
            with self._custodians() as custodians:
                self.flow.open(
                    case,
                    number,
                    custodians,
                    by=person,
                    clock=self.clock,
                    on_progress=tell,
                    patience_s=PATIENCE_S,
                    next_part=is_next,
                )
        except CofferError as error:
            _log.warning("desk: an opening stopped: %s", error.message)
            stopped = error
            self._change(case, lambda old: replace(old, stopped=stopped))
        except Exception as error:  # noqa: BLE001 - a thread that ends in silence is worse; its words may name somebody
            _log.error("desk: an opening failed (%s)", type(error).__name__)
            fault = Unavailable("opening: something is wrong here", hint="the operator finds the cause on the machine")
            self._change(case, lambda old: replace(old, stopped=fault))
        else:
            self._change(case, lambda old: replace(old, is_over=True))

    def _change(self, case: CaseId, change: Callable[[Progress], Progress]) -> None:
        with self._lock:
            self._progress[case] = change(self._progress[case])

    def resume_openings(self) -> int:
        """Take up what a restart cut short; how many. Whoever began stays the one who did it."""
        count, state, now = 0, self.state(), self.clock()
        for case in self.store.open_cases():
            if (
                case.requests
                and self.flow.next_step(case, state, now).step is Step.RESUME
                and not self.is_opening(case)
            ):
                began = [event for event in self.store.history(case.id) if event.did is Did.BEGAN_OPENING]
                person = began[-1].by if began else None
                if person is not None:
                    self._run(case, person)
                    count += 1
        return count

    # What leaves the desk.

    def make_package(
        self,
        visit: Visit,
        document: Document,
        *,
        formats: Sequence[str],
        language: str,
        zone: ZoneInfo | None,
        country: str,
    ) -> Case:
        """The forms of an answer in a signed package, which becomes a document of the case."""
        chosen = parse_formats(",".join(formats), "forms")

        def rendering(disclosure: Disclosure) -> Rendering:
            given = {"country": country} if country else {}
            header = default_header(disclosure.authorization.terms, given) if "etsi" in chosen else None
            return Rendering(formats=chosen, style=PdfStyle(language=language, zone=zone), header=header)

        name = f"package-{len(visit.the_case.documents) + 1}.zip"
        case = visit.the_case
        for _ in range(8):
            try:
                return self.flow.package(
                    case, document.id, rendering, name=name, by=visit.person.id, now=visit.now, post=visit.post
                )
            except Conflict as conflict:
                case = conflict.theirs
        raise Unavailable("case: it is changed all the time", hint="try again in a moment")

    def write_letter(self, visit: Visit, number: int, *, language: str) -> Case:
        """The letter and its proof become documents; nobody counts as told yet."""
        return self.flow.write_letter(
            visit.the_case, number, language=language, complaints=None, by=visit.person.id, now=visit.now
        )

    # In the background.

    def watch(self, case: Case) -> None:
        """Somebody looks at a case."""
        self._watch.look(case.id, self.clock())

    def seen(self, commitment: Commitment) -> Seen | None:
        """What custodians said of a request last."""
        return self._watch.seen(commitment)

    def refusers(self, case: Case) -> frozenset[str]:
        """Who refused the newest request of a case, by the log or by what their machines said last."""
        if not case.requests:
            return frozenset()
        commitment = authorization_of(case.requests[-1]).commitment
        return refusers(commitment, self.seen(commitment), self.state())

    def ask_custodians(self) -> int:
        """Ask about every request that waits, if it is time, and take in what was signed; how many."""
        count = 0
        for case in self.store.open_cases():
            if not case.requests or case.requests[-1].withdrawn is not None or self._stopping.is_set():
                continue
            now, request = self.clock(), case.requests[-1]
            authorization = authorization_of(request)
            if self._watch.is_due(case.id, authorization.commitment, now) and self.next_step(case, now).state in {
                CaseState.SENT,
                CaseState.SIGNED,
            }:
                self._ask(case, authorization, now)
                count += 1
        return count

    def _ask(self, case: Case, authorization: Authorization, now: dt.datetime) -> None:
        with self._custodians() as custodians:
            standings = ask_standings(self.vault, authorization, custodians, deadline_s=ASK_S)
        words = shown_words(self.vault, authorization, standings)
        self._watch.keep(authorization.commitment, Seen(time=now, standings=standings, words=words))
        note = take_reports(self.vault, authorization, self.roster_of(authorization), standings)
        if note.raw != authorization.note.raw:
            self._take_signatures(case, len(case.requests), note.raw, now)

    def _take_signatures(self, case: Case, number: int, raw: bytes, now: dt.datetime) -> None:
        """Signatures that the desk fetched itself go into the case; no copy is kept beside it."""
        merged = parse_authorization(raw, "request")

        def edit(current: Case) -> Edit:
            request = current.request(number)
            before, after = self.signers(authorization_of(request)), self.signers(merged)
            new = [name for name in after if name not in before]
            if not new:
                return Edit(case=current, events=())
            values: dict[str, int | str] = {"request": number, "signed": len(new)}
            values |= {f"signer-{place}": name for place, name in enumerate(new, 1)}
            changed = cases.with_request(current, replace(request, note=raw))
            return Edit(case=changed, events=(NewEvent(did=Did.TOOK_IN, values=values),))

        self.flow.apply(case.id, edit, by=None, now=now)

    def attend(self, *, every_s: float = 1.0) -> None:
        """The background of one process until ``stop``: custodians are asked, openings of a restart taken up."""
        self._quietly(self.resume_openings)
        while not self._stopping.wait(every_s):
            self._quietly(self.ask_custodians)
            self._quietly(lambda: self.holds.send_due(self.clock()))

    @staticmethod
    def _quietly(act: Callable[[], int]) -> None:
        """A background that stops is worse than one round that failed; what failed is said without a name."""
        try:
            act()
        except CofferError as error:
            _log.warning("desk: %s", error.message)
        except Exception as error:  # noqa: BLE001 - the next round must come; its words may name somebody
            _log.error("desk: a round of the background failed (%s)", type(error).__name__)

    def stop(self) -> None:
        """End the background. An opening that runs stops at its next stage and is taken up at the next start."""
        self._stopping.set()
        self._pool.shutdown(wait=True)

    def mark_told(self, visit: Visit, number: int) -> Case:
        """The letter was sent; the person counts as told."""
        return self.flow.mark_told(visit.the_case, number, by=visit.person.id, now=visit.now)
