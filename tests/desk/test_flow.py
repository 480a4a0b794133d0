"""The whole way of a case: draft, request, signatures, opening, package, letter; with crashes, and with several processes."""

import datetime as dt
import os
import signal
import threading
from contextlib import suppress
from dataclasses import replace

import pytest
import sqlalchemy as sa
from making import document, new_case, person

from coffer.authority.authorization import parse_authorization
from coffer.authority.lacking import Share
from coffer.custody.exchange import order_info, parse_order
from coffer.desk import case as cases
from coffer.desk.case import Did, DocumentKind
from coffer.desk.draft import Draft, TypedSpan, TypedSubject
from coffer.desk.flow.flow import Flow
from coffer.desk.port import Conflict, Post
from coffer.desk.preview import preview_of, unpack_answer
from coffer.desk.steps import Actor, CaseState, Step
from coffer.desk.store.connected import connected
from coffer.desk.store.engine import database_url
from coffer.disclosure.formats import Rendering
from coffer.disclosure.pdf import PdfStyle
from coffer.errors import MalformedInput, NotProven, Refused, Unavailable
from coffer.ledger.entries import RefuseEntry
from coffer.notes.note import parse_note
from coffer.notify.message import News
from coffer.procedures.opening.run import Stage
from public_codes import REFUSED
from world import World

CALLS = "".join(f"+33612345678,+3369876543{n},2016-09-01 10:0{n}:00,60\n" for n in range(3))


def draft(**changes):
    fields = {
        "subjects": (TypedSubject(text="06 12 34 56 78"),),
        "spans": (TypedSpan(first="2016-09-01", last="2016-09-02"),),
        "home": "FR",
        "kinds": ("call",),
        "max_records": "10",
        "authority": "Court",
        "basis": "case 1",
        "purpose": "test",
        "person": "A. Example",
        "issued_by": "court",
        "issued_in": "home",
    }
    return Draft(**(fields | changes))


class Office:
    """A world with a desk: ``case`` is reread after each act."""

    def __init__(self, folder, url=None, **options):
        self.world = World.make(folder, **options)
        self.world.epoch("2016-09-01", "2016-09-03")
        self.world.ingest(CALLS)
        self.url = url or database_url(self.world.vault.path, None)
        self.stores = []
        self.flow = self.process()
        self.store = self.flow.store
        self.clerk = person(self.store)
        self.case = None

    def process(self):
        """Another process of the desk, with its own connections and its own vault object."""
        vault = self.world.reopen().vault if self.stores else self.world.vault
        self.stores.append(connected(self.url, vault.database_key(), os.urandom))
        return Flow(vault, self.stores[-1], process=os.urandom(16).hex())

    def requested(self, **changes):
        made = new_case(self.store, self.clerk)
        saved = self.store.write(cases.save_draft(made, draft(**changes)), by=self.clerk.id, now=self.now).case
        self.case = self.flow.make_request(saved, by=self.clerk.id, now=self.now).case
        return self

    def signed(self, *names):
        copies = [(f"{name}.note", self.world.countersign(self.case.requests[-1].note, name)) for name in names]
        self.case = self.flow.take_in(self.case, copies, by=self.clerk.id, now=self.now)
        return self

    def opened(self, flow=None, **options):
        arguments = {"by": self.clerk.id, "clock": self.world.clock} | options
        self.case = (flow or self.flow).open(self.case.id, 1, self.world.custodians(), **arguments)
        return self

    @property
    def now(self):
        return self.world.now

    def step(self):
        return self.flow.next_step(self.case, self.world.state(), self.now)

    def did(self):
        return [event.did for event in self.store.history(self.case.id)]

    def intents(self):
        return len(self.world.state().openings)


@pytest.fixture
def office(tmp_path):
    made = Office(tmp_path)
    yield made
    for store in made.stores:
        store.close()


@pytest.fixture
def team(tmp_path, cluster):
    """A desk on PostgreSQL."""
    name = f"team{os.urandom(4).hex()}"
    cluster.execute(f"CREATE DATABASE {name}")
    made = Office(tmp_path, cluster.url(name))
    yield made
    for store in made.stores:
        store.close()


def test_case_goes_from_draft_to_package(office):
    assert office.requested().step().step is Step.SEND
    step = office.step()
    assert (step.state, step.actor, step.request) == (CaseState.SENT, Actor.DESK, 1)
    office.signed("judge")
    step = office.step()
    assert (step.step, step.actor) == (Step.WAIT_FOR_SIGNATURES, Actor.CUSTODIANS)
    (lack,) = step.lacks
    assert (lack.rule, lack.share, lack.needed, lack.signed, lack.lacks) == (
        "base",
        Share.SET,
        2,
        ("judge",),
        ("dpo", "regulator"),
    )
    office.signed("dpo")
    assert (office.step().state, office.step().step) == (CaseState.SIGNED, Step.OPEN)
    stages = []
    office.opened(on_progress=lambda stage, number: stages.append((stage, number)))
    assert [stage for stage, _ in stages] == [Stage.INTENT, Stage.LABELS, Stage.DRAW, Stage.DATA, Stage.CLOSE]
    assert dict(stages)[Stage.DRAW] == 3
    assert (office.step().state, office.step().step) == (CaseState.ANSWERED, Step.HAND_OVER)
    (delivered,) = office.case.requests[0].delivered
    assert delivered.records == 3
    files = office.flow.answer(office.case, delivered.document)
    preview = preview_of(files, most=2)
    assert (preview.records, len(preview.rows), preview.unconfirmed) == (3, 2, 0)
    assert "peer" in preview.columns
    rendering = Rendering(formats=("csv", "json"), style=PdfStyle(language="en", zone=dt.UTC))
    office.case = office.flow.package(
        office.case, delivered.document, lambda _: rendering, name="p.zip", by=office.clerk.id, now=office.now
    )
    assert office.step().step is Step.CLOSE
    package = next(item for item in office.case.documents if item.kind is DocumentKind.PACKAGE)
    raw = office.flow.read_document(office.case, package.id, by=office.clerk.id, now=office.now)
    assert unpack_answer(raw)["records.csv"] == files["records.csv"]
    assert office.did() == [
        Did.MADE_CASE,
        Did.SAVED_DRAFT,
        Did.MADE_REQUEST,
        Did.TOOK_IN,
        Did.ADDED_DOCUMENT,
        Did.TOOK_IN,
        Did.ADDED_DOCUMENT,
        Did.BEGAN_OPENING,
        Did.OPENED,
        Did.ADDED_DOCUMENT,
        Did.READ_DOCUMENT,
    ]


def test_package_of_a_case_is_what_the_auditor_proves(office, tmp_path):
    from coffer_audit.cli import main

    office.requested().signed("judge", "dpo").opened()
    (delivered,) = office.case.requests[0].delivered
    rendering = Rendering(formats=("csv",), style=PdfStyle(language="en", zone=dt.UTC))
    made = office.flow.package(
        office.case, delivered.document, lambda _: rendering, name="p.zip", by=office.clerk.id, now=office.now
    )
    path = tmp_path / "p.zip"
    path.write_bytes(office.store.document(made.id, made.documents[-1].id))
    pins = office.world.vault.pins
    words = ["answer", str(path), "--log-key", pins.log_key.format(), "--genesis", pins.genesis.hex()]
    assert main(words) == 0


# ---- never twice


def test_opening_asked_for_again_is_not_run_again(office):
    office.requested().signed("judge", "dpo").opened()
    before = office.case
    office.opened()
    assert (office.case, office.intents()) == (before, 1)
    office.opened(again=True)  # the twin: somebody wants it once more
    assert (len(office.case.requests[0].delivered), office.intents()) == (2, 2)


class Died(BaseException):
    """The process was killed: nothing that it would do on an error is done."""


@pytest.mark.parametrize("stage", list(Stage))
def test_opening_cut_at_each_stage_is_resumed_by_another_process_at_no_cost(office, stage):
    office.requested().signed("judge", "dpo")

    def die(at, _number):
        if at is stage:
            raise Died("cut")

    with pytest.raises(Died, match="cut"):
        office.opened(on_progress=die)
    office.case = office.store.case(office.case.id)
    assert (office.step().state, office.step().step) == (CaseState.OPENING, Step.RESUME)
    office.opened(office.process())
    assert (office.intents(), office.case.requests[0].delivered[0].records) == (1, 3)
    authorization = parse_authorization(office.case.requests[0].note, "request")
    assert office.world.state().drawn(authorization.commitment, up_to=10**6) == 3
    assert office.step().state is CaseState.ANSWERED
    assert office.did().count(Did.OPENED) == 1


@pytest.mark.parametrize("stage", [Stage.INTENT, Stage.DRAW, Stage.CLOSE])
def test_opening_of_a_process_that_was_killed_goes_on_in_another(office, stage):
    office.requested().signed("judge", "dpo")
    child = os.fork()
    if child == 0:

        def die(at, _number):
            if at is stage:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            office.opened(office.process(), on_progress=die)
        finally:
            os._exit(1)  # it was not killed
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    other = office.process()
    with pytest.raises(Unavailable, match="another process is at it"):  # its lease has not ended yet
        office.opened(other)
    office.world.now += dt.timedelta(seconds=31)
    office.opened(other, clock=office.world.clock)
    assert (office.intents(), len(office.case.requests[0].delivered)) == (1, 1)
    assert office.case.requests[0].delivered[0].records == 3


def test_crash_after_the_answer_is_in_the_case_opens_nothing_anew(office, monkeypatch):
    office.requested().signed("judge", "dpo")

    def die(_commitment):
        raise Died("cut")

    with monkeypatch.context() as patch:
        patch.setattr(office.flow.vault.desk, "remove_opening", die)
        with pytest.raises(Died, match="cut"):
            office.opened()
    office.case = office.store.case(office.case.id)
    assert office.step().state is CaseState.ANSWERED
    size = office.world.state().size
    other = office.process()
    office.case = other.open(office.case.id, 1, [], by=office.clerk.id, clock=office.world.clock)
    assert office.world.state().size == size
    assert len(office.case.requests[0].delivered) == 1
    authorization = parse_authorization(office.case.requests[0].note, "request")
    assert other.vault.desk.read_opening(authorization.commitment) is None


def test_opening_under_way_elsewhere_is_refused_and_not_run(office):
    office.requested().signed("judge", "dpo")
    other, said = office.process(), []

    def at_the_same_time(stage, _number):
        if stage is Stage.LABELS:
            with pytest.raises(Unavailable, match="another process is at it"):
                other.open(office.case.id, 1, office.world.custodians(), by=office.clerk.id, clock=office.world.clock)
            said.append(stage)

    office.opened(on_progress=at_the_same_time)
    assert (said, office.intents(), len(office.case.requests[0].delivered)) == ([Stage.LABELS], 1, 1)


def test_process_that_lost_its_lease_delivers_nothing_and_the_next_resumes(office):
    office.requested().signed("judge", "dpo")
    other = office.process()

    def taken_over(stage, _number):
        if stage is Stage.DATA:
            later = office.now + dt.timedelta(seconds=31)
            assert other.store.acquire(f"opening {office.case.id} 1", other.process, later, for_s=0) is not None

    with pytest.raises(Unavailable, match="took this over"):
        office.opened(on_progress=taken_over)
    office.case = office.store.case(office.case.id)
    assert office.case.requests[0].delivered == ()
    office.world.now += dt.timedelta(minutes=5)
    office.opened(other)
    assert (office.intents(), len(office.case.requests[0].delivered)) == (1, 1)


def test_clerk_who_writes_during_an_opening_loses_nothing(office):
    office.requested().signed("judge", "dpo")

    def note(stage, _number):
        if stage is Stage.CLOSE:
            current = office.store.case(office.case.id)
            office.store.write(cases.add_note(current, "written meanwhile"), by=office.clerk.id, now=office.now)

    office.opened(on_progress=note)
    assert len(office.case.requests[0].delivered) == 1
    assert Did.NOTED in office.did()


def test_team_on_postgresql_opens_once(team):
    team.requested().signed("judge", "dpo")
    flows, outcomes = [team.process() for _ in range(4)], []
    barrier = threading.Barrier(len(flows))

    def work(flow):
        barrier.wait()
        try:
            flow.open(team.case.id, 1, team.world.custodians(), by=team.clerk.id, clock=team.world.clock)
            outcomes.append("opened")
        except Unavailable as error:
            outcomes.append(error.message)

    threads = [threading.Thread(target=work, args=(flow,)) for flow in flows]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(outcomes) <= {"opened", "opening: another process is at it"}
    assert outcomes.count("opened") >= 1
    team.case = team.store.case(team.case.id)
    assert (team.intents(), len(team.case.requests[0].delivered)) == (1, 1)


def test_opening_that_loses_its_database_at_any_statement_is_delivered_once(team, cluster):
    """All connections of the desk are cut at the n-th statement of an opening; afterwards somebody opens again."""
    lost, cut_at, counted, engine = [], 0, 0, team.store._database.engine

    def cut(*_):
        nonlocal counted
        counted += 1
        if counted == cut_at:
            lost.append(cut_at)
            cluster.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'coffer-desk'"
            )

    while len(lost) == cut_at // 2:
        team.requested().signed("judge", "dpo")
        cut_at, counted, before = cut_at + 2, 0, team.intents()
        sa.event.listen(engine, "before_cursor_execute", cut)
        try:
            with suppress(Unavailable):
                team.opened()
        finally:
            sa.event.remove(engine, "before_cursor_execute", cut)
        team.world.now += dt.timedelta(seconds=31)  # whoever held the lease is gone
        team.opened()
        (delivered,) = team.case.requests[0].delivered
        authorization = parse_authorization(team.case.requests[0].note, "request")
        assert (team.intents() - before, delivered.records) == (1, 3), cut_at
        assert team.world.state().drawn(authorization.commitment, up_to=10**6) == 3, cut_at
        assert team.did().count(Did.OPENED) == 1, cut_at
    assert len(lost) >= 15


# ---- requests


def test_draft_with_a_fault_makes_no_request_and_leaves_no_key(office):
    made = new_case(office.store, office.clerk)
    saved = office.store.write(cases.save_draft(made, draft(max_records="0")), by=office.clerk.id, now=office.now).case
    with pytest.raises(Refused, match="cannot be sent yet"):
        office.flow.make_request(saved, by=office.clerk.id, now=office.now)
    assert list((office.world.vault.path / "desk").glob("*")) == []


def test_request_sent_by_form_twice_is_made_once_and_one_key_is_kept(office):
    made = new_case(office.store, office.clerk)
    saved = office.store.write(cases.save_draft(made, draft()), by=office.clerk.id, now=office.now).case
    post = Post(person=office.clerk.id, key="form")
    first = office.flow.make_request(saved, by=office.clerk.id, now=office.now, post=post)
    again = office.flow.make_request(saved, by=office.clerk.id, now=office.now, post=post)
    assert (again.is_repeated, again.case) == (True, first.case)
    assert len(list((office.world.vault.path / "desk").glob("*.seal"))) == 1


def test_request_made_by_two_clerks_at_once_is_one_and_the_other_is_told(office):
    made = new_case(office.store, office.clerk)
    saved = office.store.write(cases.save_draft(made, draft()), by=office.clerk.id, now=office.now).case
    office.flow.make_request(saved, by=office.clerk.id, now=office.now)
    with pytest.raises(Conflict, match="changed it meanwhile") as caught:
        office.flow.make_request(saved, by=office.clerk.id, now=office.now)
    assert [event.did for event in caught.value.events] == [Did.MADE_REQUEST]
    assert len(list((office.world.vault.path / "desk").glob("*.seal"))) == 1


class Postman:
    def __init__(self, name, fails=False):
        self.name, self.fails, self.taken, self.orders = name, fails, [], []

    def send_note(self, sealed):
        if self.fails:
            raise Unavailable(f"custodian {self.name}: nobody listens there")
        self.taken.append(sealed)

    def send_order(self, sealed):
        self.orders.append(sealed)


def test_request_is_sent_sealed_to_those_who_can_be_reached(office):
    office.requested()
    reached, deaf, stranger = Postman("judge"), Postman("dpo", fails=True), Postman("nobody")
    office.case, sent = office.flow.send(office.case, 1, [reached, deaf, stranger], by=office.clerk.id, now=office.now)
    assert (sent.reached, list(sent.failed)) == (("judge",), ["dpo"])
    assert b"33612345678" not in reached.taken[0]
    assert (len(reached.taken), stranger.taken) == (1, [])
    assert office.step().step is Step.WAIT_FOR_SIGNATURES
    assert office.case.requests[0].sent == ("judge",)


def test_request_takes_the_files_of_its_order_along_and_no_other_document(office):
    order, later = document(b"%PDF the order"), document(b"%PDF of later")
    made = new_case(office.store, office.clerk)
    papers = [order, document(b"%PDF", kind=DocumentKind.OTHER)]
    made = office.store.write(cases.add_documents(made, papers), by=office.clerk.id, now=office.now).case
    saved = office.store.write(cases.save_draft(made, draft()), by=office.clerk.id, now=office.now).case
    case = office.flow.make_request(saved, by=office.clerk.id, now=office.now).case
    case = office.store.write(cases.add_documents(case, [later]), by=office.clerk.id, now=office.now).case
    judge = Postman("judge")
    _, sent = office.flow.send(case, 1, [judge], by=office.clerk.id, now=office.now)
    assert (sent.reached, len(judge.taken), len(judge.orders)) == (("judge",), 1, 1)
    assert b"the order" not in judge.orders[0]
    roster, keys = office.world.state().roster, office.world.keys("judge")
    info = order_info(roster.hash, roster.custodian("judge").index)
    authorization = parse_authorization(case.requests[0].note, "request")
    assert parse_order(keys.req.unseal(judge.orders[0], info=info, place="order")) == (
        authorization.commitment,
        b"%PDF the order",
    )


def test_copies_of_a_request_with_letters_are_taken_in(office):
    office.requested(authority="Cour d'appel, Évry").signed("judge", "dpo")
    names = [line.name for line in parse_note(office.case.requests[0].note, "x", has_letters=True).signatures]
    assert names == ["desk", "judge/auth", "dpo/auth"]


def test_copies_signed_apart_are_one(office):
    office.requested().signed("judge", "dpo")
    names = [line.name for line in parse_note(office.case.requests[0].note, "x").signatures]
    assert names == ["desk", "judge/auth", "dpo/auth"]
    assert [item.kind for item in office.case.documents] == [DocumentKind.COPY] * 2
    copy = office.store.document(office.case.id, office.case.documents[0].id)
    office.case = office.flow.take_in(office.case, [("again.note", copy)], by=office.clerk.id, now=office.now)
    assert len(office.case.documents) == 2


def test_copy_with_a_false_signature_is_refused_whole(office):
    office.requested()
    good = office.world.countersign(office.case.requests[0].note, "judge")
    lines = good.decode().splitlines()
    other = office.world.countersign(Office.requested(office).case.requests[0].note, "judge").decode().splitlines()
    office.case = office.store.open_cases()[0]
    office.case = next(
        case for case in office.store.open_cases() if case.requests[0].note.decode().splitlines()[3] == lines[3]
    )
    forged = "\n".join([*lines[:-1], other[-1]]) + "\n"
    with pytest.raises(NotProven, match="judge/auth"):
        office.flow.take_in(office.case, [("x", forged.encode())], by=office.clerk.id, now=office.now)
    assert office.store.case(office.case.id).version == office.case.version
    office.flow.take_in(office.case, [("x", good)], by=office.clerk.id, now=office.now)


def test_signature_of_a_stranger_is_not_kept(office):
    office.requested()
    note = parse_note(office.world.countersign(office.case.requests[0].note, "judge"), "x")
    stranger = office.world.keys("dpo").resp  # a key that signs no authorization
    raw = note.with_signature(stranger).raw
    office.case = office.flow.take_in(office.case, [("x", raw)], by=office.clerk.id, now=office.now)
    names = [line.name for line in parse_note(office.case.requests[0].note, "x").signatures]
    assert names == ["desk", "judge/auth"]


def test_copy_of_another_case_is_refused(office):
    first = office.requested().case
    second = office.requested().case
    copy = office.world.countersign(first.requests[0].note, "judge")
    with pytest.raises(MalformedInput, match="not of a request of this case"):
        office.flow.take_in(second, [("x", copy)], by=office.clerk.id, now=office.now)
    taken = office.flow.take_in(first, [("x", copy)], by=office.clerk.id, now=office.now)
    assert office.store.case_of(parse_authorization(copy, "x").commitment) == (taken.id, 1)


def test_withdrawn_request_can_never_be_opened(office):
    office.requested().signed("judge", "dpo")
    note = office.case.requests[0].note
    office.case = office.flow.withdraw(office.case, 1, by=office.clerk.id, now=office.now)
    assert (office.step().state, office.step().step) == (CaseState.WITHDRAWN, Step.MAKE_ANOTHER_REQUEST)
    with pytest.raises(Refused, match="it was withdrawn"):
        office.opened()
    with pytest.raises(Unavailable, match="its seal key is not here"):
        office.world.open(note)  # nor by the command
    assert office.intents() == 0


def test_request_is_not_withdrawn_under_an_opening(office):
    office.requested().signed("judge", "dpo")

    def die(_stage, _number):
        raise Died("cut")

    with pytest.raises(Died, match="cut"):
        office.opened(on_progress=die)
    with pytest.raises(Refused, match="an opening is in progress"):
        office.flow.withdraw(office.case, 1, by=office.clerk.id, now=office.now)
    assert len(office.opened().case.requests[0].delivered) == 1


# ---- where a case stands


def test_refused_by_one_asks_others_and_by_two_needs_another_request(office):
    office.requested().signed("judge")

    def refuse(name):
        vault, keys = office.world.vault, office.world.keys(name)
        commitment = parse_authorization(office.case.requests[0].note, "x").commitment
        with vault.writing() as state:
            body = RefuseEntry(authorization=commitment, custodian=name, reason="scope", **REFUSED)
            vault.append([vault.entry(body, keys.auth, state)], state)

    refuse("dpo")
    step = office.step()
    assert (step.state, step.step) == (CaseState.SENT, Step.ASK_OTHERS)
    refuse("regulator")
    step = office.step()
    assert (step.state, step.step) == (CaseState.REFUSED, Step.MAKE_ANOTHER_REQUEST)


def test_request_that_expired_needs_another(office):
    office.requested().signed("judge", "dpo")
    office.world.now += dt.timedelta(days=31)
    assert (office.step().state, office.step().step) == (CaseState.EXPIRED, Step.MAKE_ANOTHER_REQUEST)


def test_request_not_in_force_yet_waits(office):
    office.requested(not_before="2016-09-06T08:00").signed("judge", "dpo")
    step = office.step()
    assert (step.step, step.until) == (Step.WAIT_UNTIL, dt.datetime(2016, 9, 6, 8, tzinfo=dt.UTC))


def test_hub_needs_everybody_whom_its_rule_names(office):
    office.requested(is_hub=True).signed("judge", "dpo")
    (lack,) = office.step().lacks
    assert (lack.share, lack.needed, lack.lacks) == (Share.HUB, 3, ("regulator",))


def test_sovereign_part_of_a_rule_is_named(tmp_path):
    office = Office(
        tmp_path,
        custodians=("judge", "dpo", "regulator", "oversight"),
        rules=(("base", "2 of judge,dpo,regulator"), ("FR", "2 of judge,dpo,regulator and oversight")),
    )
    office.requested().signed("judge")
    assert [(part.rule, part.share, part.lacks) for part in office.step().lacks] == [
        ("FR", Share.SET, ("dpo", "regulator")),
        ("FR", Share.ALWAYS, ("oversight",)),
    ]
    office.signed("dpo")
    assert [(part.share, part.lacks) for part in office.step().lacks] == [(Share.ALWAYS, ("oversight",))]
    office.signed("oversight")
    assert office.step().step is Step.OPEN
    for store in office.stores:
        store.close()


def test_deadline_that_passed_is_said_until_there_is_an_answer(office):
    office.requested()
    office.world.now = office.case.due
    assert office.step().is_late
    office.signed("judge", "dpo").opened()
    assert not office.step().is_late


# ---- letters and reminders


def test_letter_is_due_when_secrecy_is_over_and_only_once(office):
    office.requested(secret_until="2016-09-10").signed("judge", "dpo").opened()
    with pytest.raises(Refused, match="none is due"):
        office.flow.write_letter(office.case, 1, language="fr", complaints=None, by=office.clerk.id, now=office.now)
    office.world.now += dt.timedelta(days=6)
    assert (office.step().state, office.step().step) == (CaseState.LETTER_DUE, Step.WRITE_LETTER)
    with pytest.raises(Refused, match="none was written"):
        office.flow.mark_told(office.case, 1, by=office.clerk.id, now=office.now)
    commitment = parse_authorization(office.case.requests[0].note, "x").commitment
    assert office.flow.letters_due(office.world.state(), office.now) == ((office.case.id, 1, commitment),)
    office.case = office.flow.write_letter(
        office.case, 1, language="fr", complaints=None, by=office.clerk.id, now=office.now
    )
    assert office.store.document(office.case.id, office.case.documents[-2].id)[:5] == b"%PDF-"
    assert [item.kind for item in office.case.documents[-2:]] == [DocumentKind.LETTER, DocumentKind.PROOF]
    assert len(office.flow.letters_due(office.world.state(), office.now)) == 1, "a letter in a drawer tells nobody"
    assert (office.step().state, office.step().step) == (CaseState.LETTER_DUE, Step.SEND_LETTER)
    office.case = office.flow.mark_told(office.case, 1, by=office.clerk.id, now=office.now)
    assert office.store.history(office.case.id)[-1].did is Did.SENT_LETTER
    assert office.flow.letters_due(office.world.state(), office.now) == ()
    with pytest.raises(Refused, match="none is due"):
        office.flow.mark_told(office.case, 1, by=office.clerk.id, now=office.now)
    with pytest.raises(Refused, match="none is due"):
        office.flow.write_letter(office.case, 1, language="fr", complaints=None, by=office.clerk.id, now=office.now)


def test_opening_without_a_case_is_listed_without_one(office):
    office.world.open(
        office.world.authorize(secret_until=dt.date(2016, 9, 1), expires=office.now + dt.timedelta(days=1))
    )
    ((case, number, _),) = office.flow.letters_due(office.world.state(), office.now)
    assert (case, number) == (None, None)


def test_person_who_has_a_case_is_reminded_once_of_each_turn(office):
    clerk = replace(office.clerk, mailbox="clerk@desk.example")
    office.store.update(clerk, office.now)
    office.requested()
    office.case = office.store.write(cases.assign(office.case, clerk.id), by=clerk.id, now=office.now).case
    for item in office.store.claim(office.now, limit=9):
        office.store.sent(item)

    def told():
        for _ in range(3):
            office.flow.remind(office.world.state(), office.now)
        items = office.store.claim(office.now, limit=9)
        for item in items:
            office.store.sent(item)
        return [item.news for item in items]

    assert told() == []
    office.world.now = office.case.due - dt.timedelta(hours=2)
    assert told() == [News.DUE_SOON]
    assert told() == []
    office.signed("judge", "dpo")
    assert told() == [News.SIGNED]
    office.world.now = office.case.due
    assert told() == [News.LATE]


def test_reading_a_document_is_in_the_history(office):
    office.requested()
    added = office.store.write(
        cases.add_documents(office.case, [document(b"order")]), by=office.clerk.id, now=office.now
    ).case
    assert office.flow.read_document(added, added.documents[0].id, by=office.clerk.id, now=office.now) == b"order"
    assert office.store.history(added.id)[-1].did is Did.READ_DOCUMENT


def test_auditors_view_of_a_history_has_no_text(office):
    office.requested().signed("judge", "dpo").opened()
    office.store.write(cases.add_note(office.case, "A. Example called"), by=office.clerk.id, now=office.now)
    events = [event.without_texts() for event in office.store.history(office.case.id)]
    assert len(events) == 9
    shown = repr([(event.did, event.values, event.texts) for event in events])
    for secret in ("Example", "612345678", "answer-", "judge.note"):
        assert secret not in shown
    assert "A. Example called" in repr([event.texts["note"] for event in office.store.history(office.case.id)[-1:]])
