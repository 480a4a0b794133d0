"""The whole way of a case from draft to package, and openings that are cut: none runs twice."""

import datetime as dt
import os
import signal
import threading
from contextlib import suppress

import pytest
import sqlalchemy as sa
from flowing import Died

from coffer.authority.authorization import parse_authorization
from coffer.authority.lacking import Share
from coffer.desk import edits
from coffer.desk.case import Did, DocumentKind
from coffer.desk.preview import preview_of, unpack_answer
from coffer.desk.standing import CaseState
from coffer.desk.steps import Actor, Step
from coffer.disclosure.formats import Rendering
from coffer.disclosure.pdf import PdfStyle
from coffer.errors import Unavailable
from coffer.procedures.opening.run import Stage


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


def test_opening_asked_for_again_is_not_run_again(office):
    office.requested().signed("judge", "dpo").opened()
    before = office.case
    office.opened()
    assert (office.case, office.intents()) == (before, 1)
    office.opened(again=True)  # the twin: somebody wants it once more
    assert (len(office.case.requests[0].delivered), office.intents()) == (2, 2)


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
            office.store.write(edits.add_note(current, "written meanwhile"), by=office.clerk.id, now=office.now)

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
