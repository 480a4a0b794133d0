"""A continuing order: 30 coming days, a part a day, each cell drawn once; crashes, late records, and what is refused."""

import csv
import datetime as dt
import json
from dataclasses import replace

import pytest

from coffer.authority.authorization import parse_authorization
from coffer.cli.main import run
from coffer.disclosure.answer import answer_files
from coffer.disclosure.etsi import default_header, format_etsi
from coffer.disclosure.part import Part
from coffer.disclosure.pdf import PdfStyle, pdf_document
from coffer.disclosure.pdf_texts import DATE_FORMAT, TEXTS
from coffer.disclosure.records_json import format_json
from coffer.disclosure.verified import verify_disclosure
from coffer.errors import Refused
from coffer.procedures.opening.continuing import Due, End, Nothing, decide_next, opened_parts
from coffer.procedures.opening.run import run_opening
from coffer.vault.desk import Desk
from coffer.vault.folder import open_vault
from coffer_audit.cli import main as audit
from world import World

FIRST = dt.date(2016, 9, 6)
SUBJECT = "+33612345678"


def line(day, hour=10):
    return f"{SUBJECT},+33698765432,{day} {hour:02d}:00:00,60\n"


def at(day, hour=1):
    return dt.datetime.combine(day, dt.time(hour), dt.UTC)


@pytest.fixture
def world(tmp_path):
    world = World.make(tmp_path)
    world.epoch("2016-09-06", "2016-10-05")
    world.vault = open_vault(world.vault.path, world.disk, world.outside, is_warm=True)
    return world


@pytest.fixture
def custodians(world):
    return world.custodians()


def order(world, days=30, **changes):
    last = FIRST + dt.timedelta(days=days - 1)
    fields = {
        "subjects": [f"tel:{SUBJECT}"],
        "days": [(str(FIRST), str(last))],
        "expires": world.now + dt.timedelta(days=30),
        "not_before": world.now,
        "secret_until": (world.now + dt.timedelta(days=400)).date(),
        "kinds": "call",
    } | changes
    return world.authorize(**fields)


def open_next(world, note, deliver=lambda _answer: None, custodians=None):
    custodians = custodians or world.custodians()
    return run_opening(world.vault, note, custodians, deliver=deliver, is_continuing=True)


def rows(answer):
    return answer.records_csv.decode().splitlines()[1:]


def next_of(world, note, **known):
    authorization = parse_authorization(note, "note")
    owed = world.vault.desk.read_owed(authorization.commitment)
    fields = {"in_progress": None, "needed": 0, "owed": owed, "has_key": True} | known
    return decide_next(authorization, world.state(), world.now, **fields)


def test_30_days_are_opened_a_part_a_day_and_each_record_once(world, custodians):
    start = world.now + dt.timedelta(days=1)  # so that the last day is over before it expires
    note = order(world, max_records=31, not_before=start, expires=start + dt.timedelta(days=30))
    told = []
    for number in range(30):
        day = FIRST + dt.timedelta(days=number)
        world.now = at(day + dt.timedelta(days=1), 0)
        if number != 20:  # a day without any file
            world.ingest(line(day), name=f"{day}.csv")
        if number == 5:
            world.ingest(line(FIRST, 11), name="late.csv")  # of a day that was opened before
        if number == 20:
            assert next_of(world, note) is Nothing.NOTHING_CAME
            continue
        answer = open_next(world, note, custodians=custodians)
        assert next_of(world, note) is Nothing.TODAY
        told.append(answer)
    assert [answer.part.number for answer in told] == list(range(1, 30))
    assert [answer.part.since for answer in told] == [None, *(answer.intent for answer in told[:-1])]
    records = [row for answer in told for row in rows(answer)]
    assert len(records) == len(set(records)) == 30  # 29 days and one late record
    state = world.state()
    assert state.drawn(parse_authorization(note, "note").commitment, up_to=state.size) == 30
    parts = opened_parts(parse_authorization(note, "note"), state)
    assert parts[5].days == (FIRST, FIRST + dt.timedelta(days=5))
    folder = world.write_answer(told[5], "part")
    assert audit(["answer", str(folder), "--vault", str(world.vault.path)]) == 0
    world.now = at(FIRST + dt.timedelta(days=31))
    assert next_of(world, note) is End.EXPIRED


@pytest.fixture
def two(world):
    """Two days of an order, the first of them opened."""
    note = order(world, days=3)
    world.now = at(FIRST + dt.timedelta(days=1))
    world.ingest(line(FIRST), name="1.csv")
    first = open_next(world, note)
    world.now += dt.timedelta(days=1)
    world.ingest(line(FIRST + dt.timedelta(days=1)), name="2.csv")
    return world, note, first


def test_part_that_claims_another_one_before_it_is_found(two, capsys):
    world, note, _ = two
    answer = open_next(world, note)
    folder = world.write_answer(answer)
    assert audit(["answer", str(folder), "--vault", str(world.vault.path)]) == 0
    document = json.loads((folder / "answer.json").read_text())
    for claim in ({"number": 1, "since": None}, {"number": 3, "since": answer.part.since}, None):
        changed = dict(document)
        del changed["continues"]
        if claim is not None:
            changed["continues"] = claim
        (folder / "answer.json").write_text(json.dumps(changed))
        assert audit(["answer", str(folder), "--vault", str(world.vault.path)]) == 3
    capsys.readouterr()


def test_whole_opening_of_all_days_is_possible_and_later_parts_follow_it(two):
    world, note, _ = two
    whole = world.open(note)
    assert len(rows(whole)) == 2
    assert whole.part is None
    assert next_of(world, note) is Nothing.TODAY
    world.now += dt.timedelta(days=1)
    world.ingest(line(FIRST + dt.timedelta(days=2)), name="3.csv")
    answer = open_next(world, note)
    assert (answer.part, len(rows(answer))) == (Part(number=3, since=whole.intent), 1)


def test_auditor_says_which_part_an_answer_is_and_what_of_it_only_the_log_shows(two, capsys):
    world, note, first = two
    whole, answer = world.write_answer(first, "first"), world.write_answer(open_next(world, note), "second")
    said = f"part: 2 of a continuing order, with what came since entry {first.intent}; earlier records are in part 1"
    unproven = "it is part 2 of its order"
    assert audit(["answer", str(answer)]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert said in text
    assert unproven in text
    assert audit(["answer", str(answer), "--vault", str(world.vault.path), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["totals"]["part"] == {"number": 2, "since": first.intent}
    assert unproven not in " ".join(report["conditions"])
    assert audit(["answer", str(whole)]) == 0
    assert "part: 1 of a continuing order; later records" in " ".join(capsys.readouterr().out.split())
    document = json.loads((answer / "answer.json").read_text())
    document["continues"]["number"] = 9  # bound to nothing but the log
    (answer / "answer.json").write_text(json.dumps(document))
    assert audit(["answer", str(answer)]) == 0
    assert "it is part 9 of its order" in " ".join(capsys.readouterr().out.split())
    assert audit(["answer", str(answer), "--vault", str(world.vault.path)]) == 3


class Crash(Exception):  # noqa: N818 - not an error of ours
    pass


def test_part_whose_delivery_crashed_is_delivered_again_and_not_drawn_again(two):
    world, note, _ = two

    def crash(_answer):
        raise Crash

    with pytest.raises(Crash, match=r"^$"):
        open_next(world, note, crash)
    world = world.reopen()
    answer = open_next(world, note)
    assert (answer.part.number, len(rows(answer))) == (2, 1)
    state = world.state()
    commitment = parse_authorization(note, "note").commitment
    assert state.drawn(commitment, up_to=state.size) == 2
    assert len([o for o in state.openings.values() if o.intent.authorization == commitment]) == 2


def test_part_whose_journal_was_never_written_goes_on_with_the_intent_that_was_logged(two):
    world, note, _ = two

    def crash(_commitment, _raw):
        raise Crash

    world.vault.desk.write_opening = crash
    with pytest.raises(Crash, match=r"^$"):
        open_next(world, note)
    size = world.state().size
    world = world.reopen()
    assert next_of(world, note) == Due(part=Part(number=2, since=next_of(world, note).part.since), adopted=size - 1)
    answer = open_next(world, note)
    assert (answer.intent, len(rows(answer))) == (size - 1, 1)


def test_part_over_the_budget_is_closed_once_and_no_further_intent_is_logged(world):
    note = order(world, days=2, max_records=1)
    world.now = at(FIRST + dt.timedelta(days=1))
    world.ingest(line(FIRST) + line(FIRST, 12), name="1.csv")
    with pytest.raises(Refused, match="2 found"):
        open_next(world, note)
    needed = world.vault.desk.read_short(parse_authorization(note, "note").commitment)
    assert needed == 2
    assert next_of(world, note, needed=needed) is Nothing.SHORT
    assert isinstance(next_of(world, note, needed=0), Due)  # the twin


def test_expired_and_revoked_orders_have_ended(two):
    world, note, _ = two
    assert isinstance(next_of(world, note), Due)
    later = world.reopen()
    later.now = at(FIRST + dt.timedelta(days=40))
    assert next_of(later, note) is End.EXPIRED


def test_segments_of_a_batch_that_was_completed_after_an_opening_are_not_missed(two):
    """An entry of a batch may be older than the opening in which its segments did not exist yet."""
    world, note, first = two
    state = world.state()
    batch = next(reversed(state.batches.values()))
    early = first.intent - 1
    segments = [segment.line.seg_id for segment in state.completed_from(first.intent)]
    assert segments == list(batch.segments)
    assert segments
    for seg_id in segments:
        state.segments[seg_id] = replace(state.segments[seg_id], entry_index=early)
    due = decide_next(
        parse_authorization(note, "note"), state, world.now, in_progress=None, needed=0, owed=None, has_key=True
    )
    assert isinstance(due, Due)


def test_command_exit_codes_manifest_and_json(world, tmp_path, monkeypatch, capfd):
    (tmp_path / "r.note").write_bytes(order(world, days=2))
    monkeypatch.setenv("COFFER_PASSPHRASE", "correct horse")
    monkeypatch.setattr("coffer.cli.console.system_clock", lambda: world.now)
    command = ["open", str(world.vault.path), str(tmp_path / "r.note"), "-o", str(tmp_path / "out"), "--since-last"]
    assert run(command) == 6
    assert "nothing that it asks for was ingested since" in capfd.readouterr().out
    for number in (1, 2):
        world.now = at(FIRST + dt.timedelta(days=number))
        world.ingest(line(FIRST + dt.timedelta(days=number - 1)), name=f"{number}.csv")
        assert run([*command, "--json"]) == 0
        document = json.loads(capfd.readouterr().out)
        assert (document["outcome"], len(document["parts"]), document["drawn"]) == ("opened", number, number)
    assert run([*command, "--json"]) == 6
    assert json.loads(capfd.readouterr().out)["reason"] == "today"
    world.now = at(FIRST + dt.timedelta(days=31))
    assert run(command) == 7
    assert "yes" not in (tmp_path / "out" / "deliveries.csv").read_text()  # this clock alone says so
    world.epoch("2016-10-08", "2016-10-08")  # now the log shows that time too
    assert run(command) == 7
    lines = list(csv.DictReader((tmp_path / "out" / "deliveries.csv").read_text().splitlines()))
    assert [(x["sequence_number"], x["last_sequence"], x["records"], x["days_opened"]) for x in lines] == [
        ("1", "no", "1", "2016-09-06"),
        ("2", "yes", "1", "2016-09-07"),
    ]
    assert audit(["answer", str(tmp_path / "out" / "0002"), "--vault", str(world.vault.path)]) == 0


def test_answer_that_lies_in_the_folder_is_not_opened_again(two, tmp_path, monkeypatch):
    """A crash after the folder was written left the desk's file of the opening behind."""
    world, note, _ = two
    (tmp_path / "r.note").write_bytes(note)
    monkeypatch.setenv("COFFER_PASSPHRASE", "correct horse")
    monkeypatch.setattr("coffer.cli.console.system_clock", lambda: world.now)
    command = ["open", str(world.vault.path), str(tmp_path / "r.note"), "-o", str(tmp_path / "out"), "--since-last"]
    commitment = parse_authorization(note, "note").commitment
    kept = []
    remove = Desk.remove_opening
    monkeypatch.setattr(Desk, "remove_opening", lambda desk, name: kept.append(desk.read_opening(name)))
    assert run(command) == 0
    monkeypatch.setattr(Desk, "remove_opening", remove)
    size = world.state().size
    assert kept[0] is not None
    assert run(command) == 6
    assert world.state().size == size
    assert world.vault.desk.read_opening(commitment) is None


@pytest.mark.parametrize("language", TEXTS)
def test_forms_of_a_part_say_so_and_nothing_of_days_that_other_parts_have(two, language):
    world, note, first = two
    for answer, said in ((first, "part_first"), (open_next(world, note), "part")):
        disclosure = verify_disclosure(answer_files(answer))
        remarks = " ".join(pdf_document(disclosure, PdfStyle(language=language), now=world.now)["remarks"])
        day = DATE_FORMAT[language]
        days = (FIRST + dt.timedelta(days=answer.part.number - 1)).strftime(day)
        values = {"number": answer.part.number, "since": answer.part.since, "days": days}
        assert TEXTS[language][said].format(**values) in remarks
        assert TEXTS[language]["searched"].format(total=3, count=1) not in remarks
        document = json.loads(format_json(disclosure))
        assert document["continues"] == answer.part.document()
        header = default_header(disclosure.authorization.terms, {"country": "FR"})
        (response,) = format_etsi(disclosure, header, now=world.now).values()
        assert b"responseIncomplete" in response
        assert b"responseComplete" not in response
