"""A batch is withdrawn: its records stand apart, its tally counts no more, its files can be ingested again, and the auditor agrees."""

import datetime as dt
import os

import pytest

from coffer.disclosure.answer import answer_files
from coffer.errors import MalformedInput, NotProven, Refused
from coffer.procedures.counting import make_report
from coffer.procedures.transparency import transparency
from coffer.procedures.withdrawing import content_of, find_batch, withdraw
from coffer_audit.cli import main as audit

RECORDS = "+33612345678,+33698765432,2016-09-01 10:00:00,60\n+33612345678,+33698765432,2016-09-02 11:00:00,5\n"
OTHERS = "+33612345678,+33611111111,2016-09-01 12:00:00,7\n"
DAYS = {"first": dt.date(2016, 9, 1), "last": dt.date(2016, 9, 3)}


def total(world):
    return make_report(world.vault, world.state(), **DAYS, by=["day"], country=None).total


def opened(world):
    return world.open(world.authorize(subjects=["tel:+33612345678"]))


def rows(raw):
    return raw.decode().splitlines()[1:] if raw else []


def test_records_of_a_withdrawn_batch_stand_apart_and_are_neither_lost_nor_counted(world, capsys):
    first = world.ingest(RECORDS, name="a.csv").batch
    world.ingest(OTHERS, name="b.csv")
    assert total(world) == 3
    tables = world.vault.tally_paths(first)
    withdraw(world.vault, first, clock=world.clock)
    assert (total(world), [path.exists() for path in tables]) == (1, [False, False])
    answer = opened(world)
    assert (answer.records, answer.superseded_records) == (1, 2)
    assert len(rows(answer.superseded_csv)) == 2
    folder = world.write_answer(answer)
    assert audit(["answer", str(folder), "--vault", str(world.vault.path)]) == 0, capsys.readouterr().out
    assert audit(["vault", str(world.vault.path)]) == 0
    assert "1 batch, 1 batch withdrawn" in capsys.readouterr().out


def test_files_of_a_withdrawn_batch_are_ingested_again_and_those_of_others_are_not(world):
    first = world.ingest(RECORDS, name="a.csv").batch
    world.ingest(OTHERS, name="b.csv")
    assert world.ingest(RECORDS, name="a.csv").entries == ()
    withdraw(world.vault, first, clock=world.clock)
    assert world.ingest(RECORDS, name="a.csv").files[0].kept == 2
    assert world.ingest(OTHERS, name="b.csv").entries == ()
    answer = opened(world)
    assert (answer.records, answer.repeated_records, answer.superseded_records) == (3, 0, 2)
    assert total(world) == 3


def test_of_a_grown_file_only_the_withdrawn_part_is_ingested_again(world):
    first = world.ingest(RECORDS, name="a.csv").batch
    world.ingest(RECORDS + OTHERS, name="a.csv")
    withdraw(world.vault, first, clock=world.clock)
    assert [(f.kept, f.duplicate) for f in world.ingest(RECORDS + OTHERS, name="a.csv").files] == [(2, 1)]
    assert opened(world).records == 3


def test_a_batch_is_found_by_its_first_digits_and_withdrawn_once(world):
    batch = world.ingest(RECORDS).batch
    state = world.state()
    assert find_batch(state, batch.hex()[:8]).batch == batch
    assert content_of(find_batch(state, batch.hex()), state).rows == {
        (dt.date(2016, 9, day), "call"): (1, 1024) for day in (1, 2)
    }
    for name in ("", "zz", batch.hex()[:7], "0" * 32, batch.hex() + "00"):
        with pytest.raises(MalformedInput, match="batch: "):
            find_batch(state, name)
    withdraw(world.vault, batch, clock=world.clock)
    with pytest.raises(Refused, match="withdrawn before"):
        withdraw(world.vault, batch, clock=world.clock)


def test_transparency_says_what_was_withdrawn_and_the_auditor_recomputes_it(world):
    first = world.ingest(RECORDS).batch
    world.ingest(OTHERS, name="b.csv")
    withdraw(world.vault, first, clock=world.clock)
    pins, state = world.vault.pins, world.state()
    found = transparency(
        world.vault.log.entries(0, state.size),
        origin=pins.origin,
        genesis=pins.genesis,
        first=world.now.date(),
        last=world.now.date(),
    ).document()
    assert (found["withdrawn_batches"], found["collected"]["batches"]) == (1, 1)
    assert found["segments"] == [{"kind": "call", "rule": "base", "segments": 1, "padded_rows": 1024}]
    from coffer_audit.state import replay
    from coffer_audit.transparency import recompute_transparency

    raw = world.vault.log.entries(0, state.size)
    again = replay(pins.origin, pins.genesis.hex(), enumerate(raw))
    assert recompute_transparency(again, raw, world.now.date(), world.now.date()) == found


def test_answer_that_hides_that_a_batch_was_withdrawn_is_a_violation(world, capsys):
    """The operator withdraws a batch, and leaves the entry out of the evidence: offline it fits, with the log it does not."""
    batch = world.ingest(RECORDS).batch
    withdraw(world.vault, batch, clock=world.clock)
    state = world.state()
    assert state.superseded == set(state.segments)
    import coffer.procedures.run_opening as run

    patch = pytest.MonkeyPatch()
    patch.setattr(run._Run, "_superseded", lambda _self: set())
    evidence = run._Run._evidence

    def without(self, asking, results):
        found = evidence(self, asking, results)
        gone = set(self.state.withdrawn.values())
        kept = {index: raw for index, raw in found.entries.items() if index not in gone}
        proofs = {index: proof for index, proof in found.proofs.items() if index not in gone}
        return type(found)(
            **{name: getattr(found, name) for name in found.__slots__} | {"entries": kept, "proofs": proofs}
        )

    patch.setattr(run._Run, "_evidence", without)
    try:
        lie = world.write_answer(opened(world), "lie")
    finally:
        patch.undo()
    assert audit(["answer", str(lie), "--vault", str(world.vault.path)]) == 3
    assert "expected them superseded: it was withdrawn" in " ".join(capsys.readouterr().out.split())
    honest = world.write_answer(opened(world), "honest")
    assert audit(["answer", str(honest), "--vault", str(world.vault.path)]) == 0


def test_an_answer_taken_up_after_its_batch_was_withdrawn_comes_out_as_it_was_closed(world):
    batch = world.ingest(RECORDS).batch
    note = world.authorize(subjects=["tel:+33612345678"])

    class StoppedError(Exception):
        pass

    def fail(_answer):
        raise StoppedError("the answer was not delivered")

    from coffer.procedures.run_opening import run_opening

    given = {"clock": world.clock, "entropy": os.urandom}
    with pytest.raises(StoppedError, match="the answer was not delivered"):
        run_opening(world.vault, note, world.custodians(), deliver=fail, **given)
    withdraw(world.vault, batch, clock=world.clock)
    again = run_opening(world.vault, note, world.custodians(), deliver=lambda _: None, **given)
    assert (again.records, again.superseded_records) == (2, 0)
    assert {b"coffer.withdraw" in raw for path, raw in answer_files(again).items() if "entries" in path} == {False}


def test_rows_of_other_batches_are_marked_and_those_of_one_batch_are_two(world, capsys):
    twice = RECORDS.splitlines(keepends=True)[0] * 2
    world.ingest(twice, name="a.csv")
    second = world.ingest(RECORDS + OTHERS, name="b.csv")
    answer = opened(world)
    assert [row.rsplit(",", 1)[1] for row in rows(answer.records_csv)] == ["", "", "repeated", "", ""]
    assert (answer.records, answer.repeated_records) == (5, 1)
    folder = world.write_answer(answer)
    assert audit(["answer", str(folder), "--vault", str(world.vault.path)]) == 0
    assert "records: 5, 1 repeated, 0 superseded" in capsys.readouterr().out
    raw = (folder / "records.csv").read_bytes()
    (folder / "records.csv").write_bytes(raw.replace(b",repeated\n", b",\n"))
    assert audit(["answer", str(folder)]) == 3
    assert [(one.day.day, one.had, one.added) for one in second.overlaps] == [(1, 1024, 1024)]


def test_marks_that_were_changed_are_not_disclosed(world):
    from coffer.disclosure.verified import verify_disclosure

    world.ingest(RECORDS, name="a.csv")
    world.ingest(OTHERS + RECORDS, name="b.csv")
    files = answer_files(opened(world))
    verify_disclosure(files)
    with pytest.raises(NotProven, match="D4"):
        verify_disclosure(files | {"records.csv": files["records.csv"].replace(b",repeated\n", b",overtaken\n")})


def test_a_day_that_grows_by_what_it_had_is_warned_of_unless_its_file_is_known_to_have_grown(world):
    text = "".join(f"+3361234{n:04d},+33698765432,2016-09-01 10:00:{n % 60:02d},{n}\n" for n in range(1500))
    assert world.ingest(text, name="a.csv").overlaps == ()
    assert world.ingest(text + OTHERS, name="a.csv").overlaps == (), "known to have grown"
    moved = world.ingest(OTHERS + text, name="b.csv")
    # 3,000 rows were 3,072 with their canary and dummies, and 2 more 1,024; 3,002 are 3,072
    assert [(one.day.day, one.kind, one.had, one.added) for one in moved.overlaps] == [(1, "call", 4096, 3072)]
    withdraw(world.vault, moved.batch, clock=world.clock)
    assert len(world.ingest(text.replace(":00,", ":01,"), name="c.csv").overlaps) == 1
    assert world.ingest(OTHERS.replace("09-01", "09-02"), name="d.csv").overlaps == ()
