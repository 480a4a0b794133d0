"""The desk at work behind its pages.

It is the flow of ``coffer.desk`` on one vault and store, and what runs in the background: custodians are asked there,
never once a visitor. Rights are proven by the site before a page calls.
"""

import datetime as dt
import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from zoneinfo import ZoneInfo

from coffer.authority.authorization import Authorization
from coffer.authority.countersign import may_open_at_once, signers_of
from coffer.authority.known import Authorities
from coffer.authority.lacking import Part, parts_for
from coffer.custody.port import Custodian
from coffer.desk.case import Case, CaseId, Document, DocumentId, Request, Stage
from coffer.desk.draft import Draft
from coffer.desk.flow.entry import authorization_of
from coffer.desk.flow.flow import Flow
from coffer.desk.people import PersonId
from coffer.desk.port import Conflict, Store
from coffer.desk.standing import CaseState
from coffer.desk.steps import Actor, NextStep, Step
from coffer.disclosure.etsi import default_header
from coffer.disclosure.formats import Rendering, parse_formats
from coffer.disclosure.pdf import PdfStyle
from coffer.disclosure.verified import Disclosure
from coffer.errors import CofferError, Unavailable
from coffer.identity.identifier import IdentityType
from coffer.ledger.roster import Roster
from coffer.ledger.state import State
from coffer.notes.keys import VerifyKey
from coffer.procedures.opening.found_by import found_types
from coffer.procedures.opening.standings import roster_of
from coffer.vault.folder import Vault
from coffer.vault.known import desk_authorities
from coffer.vault.operator import DESK
from coffer.web.desk.hearing import HearingDesk
from coffer.web.desk.holding import HoldDesk
from coffer.web.desk.openings import OpeningDesk
from coffer.web.desk.orders_read import OrdersRead
from coffer.web.desk.sending import SendingDesk
from coffer.web.desk.telling import TellingDesk
from coffer.web.desk.visit import Visit
from coffer.web.desk.watching import Custodians
from coffer.web.ground.wording import Wording

_log = logging.getLogger(__name__)


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
        self.sending = SendingDesk(self.flow, custodians)
        self.hearing = HearingDesk(self.flow, custodians)
        self.openings = OpeningDesk(self.flow, custodians)
        self.orders = OrdersRead(store, self.found_types)
        self.holds = HoldDesk(self.flow, custodians, self.orders)
        self.telling = TellingDesk(vault, store)
        self._version = version
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
        return self._heard(step, case, now)

    def step_of(self, case: Case, number: int, now: dt.datetime) -> NextStep:
        """The same of one of its requests."""
        if case.stage is not Stage.OPEN or not 1 <= number <= len(case.requests):
            return self.next_step(case, now)
        return self._heard(self.flow.request_step(case, number, self.state(), now), case, now)

    def _heard(self, step: NextStep, case: Case, now: dt.datetime) -> NextStep:
        """A step with those who said no to the note that it is about, and what follows from that."""
        if step.request is None or step.state not in {CaseState.SENT, CaseState.SIGNED, CaseState.SHORT}:
            return step
        request = case.request(step.request)
        about = authorization_of(request).commitment
        if step.state is CaseState.SHORT:
            waiting = self.flow.standings(case, self.state(), now)[step.request - 1].waiting
            about = about if waiting is None else waiting.authorization.commitment
        step = replace(step, refused=step.refused | self.hearing.refusers(about))
        lacks = self._lacks_without_refusers(self.flow.amended(request, now)) if step.step is Step.OPEN else ()
        if not lacks:
            return step
        left = [len([one for one in part.lacks if one not in step.refused]) + len(part.signed) for part in lacks]
        if any(count < part.needed for count, part in zip(left, lacks, strict=True)):
            return replace(step, state=CaseState.REFUSED, step=Step.MAKE_ANOTHER_REQUEST, lacks=lacks)
        return replace(step, state=CaseState.SENT, step=Step.ASK_OTHERS, lacks=lacks)

    def _lacks_without_refusers(self, authorization: Authorization) -> tuple[Part, ...]:
        """The parts of a request's rules, and of its amendment's, that are not met without those who said no."""
        lacks: list[Part] = []
        for note in authorization.notes:
            said_no, signers = self.hearing.refusers(note.commitment), self.signers(note)
            if not said_no & set(signers):
                continue
            terms = note.terms
            left = [name for name in signers if name not in said_no]
            at_once = may_open_at_once(terms)
            parts = parts_for(terms.subjects, self.roster_of(note), left, is_hub=terms.is_hub, is_urgent=at_once)
            lacks += [part for part in parts if not part.is_met]
        return tuple(lacks)

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

    def custodians(self) -> AbstractContextManager[Sequence[Custodian]]:
        """The custodians of the vault; what they hold open is closed at the end."""
        return self._custodians()

    def forget_requests(self, case: Case) -> None:
        """Remove the desk's own copies of a case's notes before it is destroyed: they name persons."""
        for commitment in self.flow.commitments(case):
            self.vault.desk.forget_request(commitment)

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

    def mark_told(self, visit: Visit, number: int) -> Case:
        """The letter was sent; the person counts as told."""
        return self.flow.mark_told(visit.the_case, number, by=visit.person.id, now=visit.now)

    # In the background.

    def attend(self, *, every_s: float = 1.0) -> None:
        """The background of one process until ``stop``: custodians are asked, openings of a restart taken up."""
        self._quietly(self.openings.resume)
        while not self._stopping.wait(every_s):
            self._quietly(lambda: self.hearing.ask(is_stopping=self._stopping.is_set))
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
        self.openings.stop()
