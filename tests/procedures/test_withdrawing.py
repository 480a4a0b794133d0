"""A batch is superseded: its records stand apart, its tally counts no more, its files can be ingested again, and the auditor agrees."""

import datetime as dt
import json

import pytest

from coffer.authority.typed import parse_zone
from coffer.disclosure.answer import answer_files
from coffer.disclosure.etsi import EtsiHeader, format_etsi
from coffer.disclosure.pdf import PdfStyle, pdf_document
from coffer.disclosure.records_json import format_json
from coffer.disclosure.verified import verify_complete, verify_disclosure
from coffer.errors import MalformedInput, NotProven, Refused
from coffer.ledger.entries import WithdrawEntry
from coffer.ledger.grammar import format_entry
from coffer.ledger.state import State
from coffer.ledger.superseded import Superseded
from coffer.notes.note import sign_note
from coffer.procedures.reports.totals import make_report
from coffer.procedures.reports.transparency import transparency
from coffer.procedures.supersede import content_of, find_batch, supersede
from coffer.vault.operator import INGESTER
from coffer.vault.stored import tally_keys
from coffer_audit.cli import main as audit

RECORDS = "+33612345678,+33698765432,2016-09-01 10:00:00,60\n+33612345678,+33698765432,2016-09-02 11:00:00,5\n"
OTHERS = "+33612345678,+33611111111,2016-09-01 12:00:00,7\n"
NOW = dt.datetime(2016, 9, 5, 12, tzinfo=dt.UTC)
DAYS = {"first": dt.date(2016, 9, 1), "last": dt.date(2016, 9, 3)}


def total(world):
    return make_report(world.vault, world.state(), **DAYS, by=["day"], country=None).total


def opened(world):
    return world.open(world.authorize(subjects=["tel:+33612345678"]))


def rows(raw):
    return raw.decode().splitlines()[1:] if raw else []


def test_records_of_a_superseded_batch_stand_apart_and_are_neither_lost_nor_counted(world, capsys):
    first = world.ingest(RECORDS, name="a.csv").batch
    world.ingest(OTHERS, name="b.csv")
    assert total(world) == 3
    tables = [world.vault.path / key for key in tally_keys(first)]
    supersede(world.vault, first)
    assert (total(world), [path.exists() for path in tables]) == (1, [False, False])
    answer = opened(world)
    assert (answer.records, answer.superseded_records) == (1, 2)
    assert len(rows(answer.superseded_csv)) == 2
    folder = world.write_answer(answer)
    assert audit(["answer", str(folder), "--vault", str(world.vault.path)]) == 0, capsys.readouterr().out
    assert audit(["vault", str(world.vault.path)]) == 0
    assert "1 batch, 1 batch superseded" in capsys.readouterr().out


def test_files_of_a_superseded_batch_are_ingested_again_and_those_of_others_are_not(world):
    first = world.ingest(RECORDS, name="a.csv").batch
    world.ingest(OTHERS, name="b.csv")
    assert world.ingest(RECORDS, name="a.csv").entries == ()
    supersede(world.vault, first)
    assert world.ingest(RECORDS, name="a.csv").files[0].kept == 2
    assert world.ingest(OTHERS, name="b.csv").entries == ()
    answer = opened(world)
    assert (answer.records, answer.repeated_records, answer.superseded_records) == (3, 0, 2)
    assert total(world) == 3


def test_of_a_grown_file_only_the_superseded_part_is_ingested_again(world):
    first = world.ingest(RECORDS, name="a.csv").batch
    world.ingest(RECORDS + OTHERS, name="a.csv")
    supersede(world.vault, first)
    assert [(f.kept, f.duplicate) for f in world.ingest(RECORDS + OTHERS, name="a.csv").files] == [(2, 1)]
    assert opened(world).records == 3


def test_a_batch_is_found_by_its_first_digits_and_superseded_once(world):
    batch = world.ingest(RECORDS).batch
    state = world.state()
    assert find_batch(state, batch.hex()[:8]).batch == batch
    assert content_of(find_batch(state, batch.hex()), state).rows == {
        (dt.date(2016, 9, day), "call"): (1, 1024) for day in (1, 2)
    }
    for name in ("", "zz", batch.hex()[:7], "0" * 32, batch.hex() + "00"):
        with pytest.raises(MalformedInput, match="batch: "):
            find_batch(state, name)
    supersede(world.vault, batch)
    with pytest.raises(Refused, match="superseded before"):
        supersede(world.vault, batch)


def test_transparency_says_what_was_superseded_and_the_auditor_recomputes_it(world):
    first = world.ingest(RECORDS).batch
    world.ingest(OTHERS, name="b.csv")
    supersede(world.vault, first)
    pins, state = world.vault.pins, world.state()
    found = transparency(
        world.vault.log.entries(0, state.size),
        origin=pins.origin,
        genesis=pins.genesis,
        first=world.now.date(),
        last=world.now.date(),
    ).document()
    assert (found["superseded_batches"], found["collected"]["batches"]) == (1, 1)
    assert found["segments"] == [{"kind": "call", "rule": "base", "segments": 1, "padded_rows": 1024}]
    from coffer_audit.validity.state import replay
    from coffer_audit.vault.transparency import recompute_transparency

    raw = world.vault.log.entries(0, state.size)
    again = replay(pins.origin, pins.genesis.hex(), enumerate(raw))
    assert recompute_transparency(again, raw, world.now.date(), world.now.date()) == found


def test_answer_that_hides_that_a_batch_was_superseded_is_a_violation(world, capsys):
    """The operator supersedes a batch, and leaves the entry out of the evidence: offline it fits, with the log it does not."""
    batch = world.ingest(RECORDS).batch
    supersede(world.vault, batch)
    state = world.state()
    assert state.superseded == set(state.segments)
    from coffer.procedures.opening import answer, run

    patch = pytest.MonkeyPatch()
    patch.setattr(answer, "superseded_before", lambda _state, _index: {})
    honest = run.evident_entries

    def without(opening, segments, state, part):
        return [index for index in honest(opening, segments, state, part) if index not in state.withdrawn.values()]

    patch.setattr(run, "evident_entries", without)
    try:
        lie = world.write_answer(opened(world), "lie")
    finally:
        patch.undo()
    assert audit(["answer", str(lie), "--vault", str(world.vault.path)]) == 3
    assert "before the intent, supersedes it" in " ".join(capsys.readouterr().out.split())
    honest = world.write_answer(opened(world), "honest")
    assert audit(["answer", str(honest), "--vault", str(world.vault.path)]) == 0


def test_an_answer_taken_up_after_its_batch_was_superseded_shows_what_counted_at_its_intent(world):
    batch = world.ingest(RECORDS).batch
    note = world.authorize(subjects=["tel:+33612345678"])

    class StoppedError(Exception):
        pass

    def fail(_answer):
        raise StoppedError("the answer was not delivered")

    from coffer.procedures.opening.run import run_opening

    with pytest.raises(StoppedError, match="the answer was not delivered"):
        run_opening(world.vault, note, world.custodians(), deliver=fail)
    supersede(world.vault, batch)
    again = run_opening(world.vault, note, world.custodians(), deliver=lambda _: None)
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
    assert second.overlaps == (), "of so few rows the padding is all there is to compare"


def test_marks_that_were_changed_are_not_disclosed(world):
    world.ingest(RECORDS, name="a.csv")
    world.ingest(OTHERS + RECORDS, name="b.csv")
    files = answer_files(opened(world))
    verify_disclosure(files)
    with pytest.raises(NotProven, match="D4"):
        verify_disclosure(files | {"records.csv": files["records.csv"].replace(b",repeated\n", b",overtaken\n")})


def calls(count, day=1, second=0):
    return "".join(
        f"+3361234{n:04d},+33698765432,2016-09-0{day} 10:{n // 60 % 60:02d}:{(n + second) % 60:02d},{n}\n"
        for n in range(count)
    )


def test_a_day_that_grows_by_what_it_had_is_warned_of_unless_its_file_is_known_to_have_grown(world):
    text = calls(4500)
    assert world.ingest(text, name="a.csv").overlaps == ()
    assert world.ingest(text + OTHERS, name="a.csv").overlaps == (), "known to have grown"
    moved = world.ingest(OTHERS + text, name="b.csv")
    # 9,000 rows were 9,216 with their canary and dummies, and 2 more 1,024; 9,002 are 9,216: 1,024 is a tenth of 10,240
    assert [(one.day.day, one.kind, one.had, one.added) for one in moved.overlaps] == [(1, "call", 10240, 9216)]
    supersede(world.vault, moved.batch)
    assert len(world.ingest(calls(4500, second=1), name="c.csv").overlaps) == 1
    assert world.ingest(calls(4500, day=2), name="d.csv").overlaps == (), "another day"


@pytest.mark.parametrize(
    ("first", "second", "is_warned"),
    [
        (4095, 4095, True),
        (3583, 3583, False),  # 7,168: too few to tell two files of a day apart
        (4500, 5100, True),  # 9,216 and 10,240
        (4500, 5500, False),  # 9,216 and 11,264: more than an eighth
        (9000, 4500, False),  # the second half of a day
    ],
)
def test_only_as_many_rows_as_before_and_enough_of_them_are_warned_of(world, first, second, is_warned):
    assert world.ingest(calls(first), name="a.csv").overlaps == ()
    found = world.ingest(calls(second, second=1), name="b.csv").overlaps
    assert bool(found) == is_warned, [(one.had, one.added) for one in found]


def test_small_files_of_a_day_are_not_warned_of(world):
    for n in range(4):
        assert world.ingest(calls(50, second=n), name=f"{n}.csv").overlaps == ()


def rendered(files):
    """What each form of an answer says."""
    disclosure = verify_disclosure(files)
    header = EtsiHeader(country="FR", organisation="Court", request_number="1", csp="test")
    style = PdfStyle(language="en", zone=parse_zone("UTC", "zone"))
    return (
        json.loads(format_json(disclosure)),
        format_etsi(disclosure, header, now=NOW)["etsi/response-0001.xml"].decode(),
        pdf_document(disclosure, style, now=NOW),
    )


def test_a_record_that_only_a_superseded_batch_tells_is_in_every_form_with_its_batch(world, capsys):
    first = world.ingest(RECORDS, name="a.csv").batch
    supersede(world.vault, first)
    world.ingest(RECORDS.splitlines()[0] + "\n", name="b.csv")
    answer = opened(world)
    name = first.hex()
    old = [row.split(",")[-2:] for row in rows(answer.superseded_csv)]
    assert old == [["repeated", name], ["", name]], "the call of the first day is told again, that of the second is not"
    assert (answer.records, answer.repeated_records, answer.superseded_records) == (1, 0, 2)
    document, message, page = rendered(answer_files(answer))
    assert [(row["repeat"], row["batch"]) for row in document["superseded_records"]] == [
        ("repeated", name),
        (None, name),
    ]
    (listed,) = document["superseded_batches"]
    index = world.state().withdrawn[first]
    assert listed == {"batch": name, "feed": "calls", "entries": [index], "records": 2, "repeated_records": 1}
    assert message.count("<ResponseRecord>") == 2
    assert message.count(f'"Superseded"="batch {name}"') == 1
    assert [(part["batch"], len(part["rows"])) for part in page["superseded"]] == [(name, 2)]
    folder = world.write_answer(answer)
    assert audit(["answer", str(folder), "--vault", str(world.vault.path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["totals"]["superseded_batches"] == [listed]
    assert audit(["answer", str(folder)]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert (
        f"superseded batch {name} of feed calls, superseded by entry {index}, before the intent: 2 records, 1 told"
        in told
    )


def test_answer_whose_data_was_superseded_as_a_whole_is_not_empty(world):
    supersede(world.vault, world.ingest(RECORDS).batch)
    _, message, _ = rendered(answer_files(opened(world)))
    assert message.count("<ResponseRecord>") == 2


def lying(world, monkeypatch, lie):
    """An answer that a desk made whose idea of what was superseded is ``lie`` of the true one; it logs what it says."""
    from coffer.procedures.opening import answer, run

    honest, evident = answer.superseded_before, run.evident_entries

    def with_every_such_entry(opening, segments, state, part):
        return sorted({*evident(opening, segments, state, part), *state.withdrawn.values()})

    with monkeypatch.context() as patch:
        patch.setattr(run, "evident_entries", with_every_such_entry)
        patch.setattr(answer, "superseded_before", lambda state, index: lie(honest, state, index))
        return world.write_answer(opened(world), "lie")


def test_batch_that_is_called_superseded_and_was_not_before_the_request_is_a_violation(world, monkeypatch, capsys):
    """The operator supersedes it while the request is open, so that what it tells stands apart."""
    batch = world.ingest(RECORDS).batch

    def afterwards(honest, state, _index):
        if batch not in state.withdrawn:
            body = WithdrawEntry(batch=batch)
            entry = world.vault.entry(body, world.vault.operator_key(INGESTER), state)
            world.vault.append([entry], state)
        return honest(state, state.size)

    lie = lying(world, monkeypatch, afterwards)
    for more in ([], ["--vault", str(world.vault.path)]):
        assert audit(["answer", str(lie), *more]) == 3
        assert "expected an entry before the intent that supersedes it" in " ".join(capsys.readouterr().out.split())
    with pytest.raises(NotProven, match="D5"):
        verify_disclosure({str(p.relative_to(lie)): p.read_bytes() for p in lie.rglob("*") if p.is_file()})
    honest = world.write_answer(opened(world), "honest")
    assert audit(["answer", str(honest), "--vault", str(world.vault.path)]) == 0, "now it was superseded before"


@pytest.mark.parametrize("is_late", [True, False])
def test_entry_that_counts_in_the_evidence_alone_supersedes_nothing(world, monkeypatch, capsys, is_late):
    """The operator dates it back by an hour: behind the newest entry it has no effect. The evidence does not show that entry."""
    batch, early = world.ingest(RECORDS).batch, world.now
    world.now += dt.timedelta(hours=1)
    opened(world)
    key, origin = world.vault.operator_key(INGESTER), world.vault.pins.origin
    time = early if is_late else world.now
    raw = format_entry(WithdrawEntry(batch=batch), origin=origin, time=time)
    world.vault.log.append([sign_note(raw, key).raw], world.vault.operator_key(origin))
    state = world.state()
    assert (batch in state.withdrawn) == (not is_late)
    from coffer.procedures.opening import answer, run

    evident, index = run.evident_entries, state.size - 1
    with monkeypatch.context() as patch:
        patch.setattr(run, "evident_entries", lambda *given: sorted({*evident(*given), index}))
        found = {seg_id: Superseded(batch=batch, entry=index) for seg_id in state.segments}
        patch.setattr(answer, "superseded_before", lambda _state, _index: found)
        folder = world.write_answer(opened(world))
    assert len(rows((folder / "superseded.csv").read_bytes())) == 2
    assert audit(["answer", str(folder)]) == 0
    assert "what superseded a batch has effect in the log" in " ".join(
        capsys.readouterr().out.split("clean, if")[1].split()
    )
    disclosure = verify_disclosure(
        {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    )
    before, after = (log_until(world, size) for size in (disclosure.intent.index, disclosure.close.index + 1))
    code = audit(["answer", str(folder), "--vault", str(world.vault.path)])
    told = " ".join(capsys.readouterr().out.split())
    if not is_late:
        assert (code, "superseded.csv" in told) == (0, True)
        verify_complete(disclosure, before, after)
        return
    assert code == 3
    assert f"entry {index}: found without effect in the full log (V1: time: found over 15 minutes" in told
    with pytest.raises(NotProven, match="D6: superseded otherwise than the whole log"):
        verify_complete(disclosure, before, after)


def log_until(world, size):
    """The whole log's State over its first entries."""
    state = State.empty(origin=world.vault.pins.origin, genesis=world.vault.pins.genesis)
    state.apply_all(world.vault.log.entries(0, size))
    return state


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["superseded_batches"].clear(),
        lambda d: d["superseded_batches"][0].update(batch="ab" * 16),
        lambda d: d["superseded_batches"][0].update(entries=[0]),
        lambda d: d["superseded_batches"][0].update(records=1),
        lambda d: d["superseded_batches"][0].update(repeated_records=1),
    ],
)
def test_answer_that_names_other_superseded_batches_is_a_violation(world, capsys, change):
    supersede(world.vault, world.ingest(RECORDS).batch)
    folder = world.write_answer(opened(world))
    assert audit(["answer", str(folder)]) == 0
    document = json.loads((folder / "answer.json").read_bytes())
    change(document)
    (folder / "answer.json").write_text(json.dumps(document))
    capsys.readouterr()
    assert audit(["answer", str(folder)]) == 3
    assert "superseded_batches: found others than the entries before the intent" in " ".join(
        capsys.readouterr().out.split()
    )


def test_batch_column_that_was_changed_is_not_disclosed(world):
    first = world.ingest(RECORDS, name="a.csv").batch
    supersede(world.vault, first)
    files = answer_files(opened(world))
    verify_disclosure(files)
    with pytest.raises(NotProven, match="D4"):
        verify_disclosure(files | {"superseded.csv": files["superseded.csv"].replace(first.hex().encode(), b"ab" * 16)})
