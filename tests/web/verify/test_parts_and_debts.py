"""Parts of continuing orders, raised limits and debts of emergencies: browser and auditor agree, whole and forged."""

import datetime as dt
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import test_emergency_debts as night
from forging import RECORDS, log_entries, signed_note, terms_of
from test_amendments import amendment_of

from coffer.authority import countersign
from coffer.authority.countersign import verify_countersigned
from coffer.custody import decide
from coffer.ledger.entries import CoarseCounts, IngestEntry
from coffer.procedures.opening import beginning
from coffer.procedures.opening.run import run_opening
from web.verify.browser import needs_node, run_cases
from web.verify.compared import audited_answer, audited_log, differences
from web.verify.conftest import pins_of
from world import World

pytestmark = needs_node
SUBJECT = "+33612345678"
COUNTS = CoarseCounts(files=0, read=0, kept=0, rejected=0, duplicate=0)


class Cases:
    """Answers and logs by name; both readers judge them all at once, since node takes a second to start."""

    def __init__(self, folder):
        self.folder, self.cases = folder, {}

    def log(self, name, world):
        """A log as it is now."""
        target = self.folder / name
        shutil.copytree(world.vault.path / "log", target)
        self.cases[name] = {"kind": "log", "path": str(target), "pins": pins_of(world)}

    def answer(self, name, world, answer, change=None):
        """An answer, or a copy of one by name, that somebody changed; with the whole log, and as NAME alone."""
        target = self.folder / name
        if isinstance(answer, str):
            shutil.copytree(self.folder / answer, target)
        else:
            shutil.move(world.write_answer(answer, "written"), target)
        if change is not None:
            change(target)
        alone = {"kind": "answer", "path": str(target), "pins": pins_of(world)}
        self.cases[f"{name}, alone"] = alone
        self.cases[name] = alone | {"vault": str(world.vault.path / "log")}

    def judge(self):
        """Give by name what the browser found; both readers agree."""
        cases = list(self.cases.values())
        expected = [
            audited_log(case["path"], case["pins"])
            if case["kind"] == "log"
            else audited_answer(case["path"], case["pins"], Path(case["vault"]) if "vault" in case else None)
            for case in cases
        ]
        results = run_cases(cases, self.folder)
        names = {id(case): name for name, case in self.cases.items()}
        assert [(names[id(case)], *rest) for case, *rest in differences(cases, expected, results)] == []
        return dict(zip(self.cases, results, strict=True))


def rewrite(change):
    """A change of answer.json."""

    def apply(folder):
        document = json.loads((folder / "answer.json").read_text())
        change(document)
        (folder / "answer.json").write_text(json.dumps(document))

    return apply


def note_of(raw):
    """A change of the authorization in the evidence."""
    return lambda folder: (folder / "evidence" / "authorization.note").write_bytes(raw)


def showing(world, answer, index):
    """The answer with one more entry of the log in its evidence."""
    shown = answer.evidence
    logged = world.vault.logged({*shown.entries, index}, shown.checkpoint)
    entries, proofs = ({at: pair[i] for at, pair in logged.items()} for i in (0, 1))
    return replace(answer, evidence=replace(shown, entries=entries, proofs=proofs))


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """Three parts of an order, a day each; the last, which its desk made shorter, is told whole as well."""
    world, cases = World.make(tmp_path_factory.mktemp("parts")), Cases(tmp_path_factory.mktemp("part cases"))
    world.epoch("2016-09-06", "2016-09-08")
    terms = {"days": [("2016-09-06", "2016-09-08")], "expires": world.now + dt.timedelta(days=30)}
    note = world.authorize(subjects=[f"tel:{SUBJECT}"], kinds="call", not_before=world.now, **terms)

    def open_day(number):
        world.now = dt.datetime(2016, 9, number + 1, 1, tzinfo=dt.UTC)
        for hour in (10, 11):
            world.ingest(f"{SUBJECT},+33698765432,2016-09-0{number} {hour}:00:00,60\n", name=f"{number}-{hour}.csv")
        return run_opening(world.vault, note, world.custodians(), deliver=lambda _answer: None, is_continuing=True)

    first = open_day(6)
    (another,) = log_entries(world, night.intent(1, ()), key=world.vault.operator_key("desk"))
    second = open_day(7)
    cases.answer("first", world, first)
    cases.answer("second", world, second)
    cases.answer("beside another order", world, showing(world, second, another))
    since = first.intent
    claims = {
        "called the first": {"number": 1, "since": None},
        "called the third": {"number": 3, "since": since},
        "since another entry": {"number": 2, "since": since + 1},
        "since none": {"number": 2, "since": None},
        "of number 0": {"number": 0, "since": since},
        "of a word": {"number": "2", "since": since},
        "of more words": {"number": 2, "since": since, "of": 3},
        "null": None,
    }
    for name, claim in claims.items():
        cases.answer(name, world, "second", rewrite(lambda document, claim=claim: document.update(continues=claim)))
    cases.answer("of no order", world, "second", rewrite(lambda document: document.pop("continues")))
    cases.answer("first as the second", world, "first", rewrite(lambda one: one.update(continues=claims["since none"])))
    honest = beginning.segments_due
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(beginning, "segments_due", lambda *given, **named: honest(*given, **named)[:-1])
        cases.answer("shorter", world, open_day(8))
    return cases.judge()


GOOD_PARTS = {"first", "first, alone", "second", "second, alone"}
CLEAN_ALONE = {"called the third, alone", "shorter, alone"}
"""What only the log shows to be false: the number of a part, and what it left out."""


def test_parts_are_proven_and_false_ones_are_not(parts):
    clean = {name for name, one in parts.items() if one["clean" if name.endswith(", alone") else "complete"]}
    assert clean == GOOD_PARTS | CLEAN_ALONE
    assert {one["code"] for one in parts["shorter"]["violations"]} == {"INCOMPLETE"}
    assert parts["called the third"]["violations"][0]["values"] == {"part": 2}
    assert len(parts) == 28


def half_batches(world):
    """Both entries of a batch of one segment, which the first of them names and nobody stored."""
    line = replace(next(iter(world.state().segments.values())).line, seg_id=bytes(32), header_hash=bytes(32))
    some = {"batch": bytes(16), "feed": "calls", "counts": COUNTS, "tally": None, "total": 2}
    return [IngestEntry(number=number, segments=(line,) * (2 - number), **some) for number in (1, 2)]


@pytest.mark.parametrize("is_before", [True, False])
def test_segment_is_there_once_its_batch_is_whole(tmp_path, is_before):
    """Left out by its desk; the twin's batch was completed after the intent, so that there was nothing to ask."""
    world, cases = World.make(tmp_path / "world"), Cases(tmp_path)
    world.epoch("2016-09-01", "2016-09-02")
    world.ingest(RECORDS)
    key, (first, second), honest = world.vault.operator_key("ingester"), half_batches(world), beginning.segments_due
    log_entries(world, *([first, second] if is_before else [first]), key=key)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            beginning,
            "segments_due",
            lambda *given, **named: [one for one in honest(*given, **named) if any(one[0].line.seg_id)],
        )
        answer = world.open(world.authorize(kinds="call"))
    if not is_before:
        log_entries(world, second, key=key)
    assert bytes(32) in world.state().segments
    cases.answer("answer", world, answer)
    found = cases.judge()["answer"]
    assert {one["code"] for one in found["violations"]} == ({"INCOMPLETE"} if is_before else set())


@pytest.fixture(scope="module")
def amended(tmp_path_factory):
    """An answer under a limit that was raised; and with notes in its evidence that others would like there."""
    world, cases = World.make(tmp_path_factory.mktemp("amended")), Cases(tmp_path_factory.mktemp("amended cases"))
    world.epoch("2016-09-01", "2016-09-02")
    world.ingest(RECORDS)
    note = world.authorize(max_records=2)
    amendment = amendment_of(world, note)
    cases.answer("raised", world, world.open(note + amendment))
    terms = terms_of(amendment)
    other = {
        "not raised": note,
        "raised twice": note + amendment + amendment,
        "raised before": amendment + note,
        "raised alone": amendment,
        "signed by one": note + signed_note(world, terms, "judge"),
        "signed by nobody": note + signed_note(world, terms),
        "not by its requester": note + amendment.replace("— desk ".encode(), "— mesk ".encode()),
        "raised higher": note + signed_note(world, terms_of(amendment, max_records=9), "judge", "dpo", "regulator"),
        "with a changed signature": note
        + amendment[:-9]
        + (b"A" if amendment[-9:-8] != b"A" else b"B")
        + amendment[-8:],
    }
    for name, raw in other.items():
        cases.answer(name, world, "raised", note_of(raw))
    return cases.judge()


def test_raised_limit_is_proven_and_a_false_one_is_not(amended):
    clean = {name for name, one in amended.items() if one["clean" if name.endswith(", alone") else "complete"]}
    assert clean == {"raised", "raised, alone"}
    rest = {name: one for name, one in amended.items() if name not in clean and not name.endswith(", alone")}
    assert len(rest) == 9
    asked_otherwise = {"signed by one", "signed by nobody", "raised higher"}  # it is not what custodians were shown
    failed = {
        name: next(step["id"] for step in one["steps"] if step["state"] == "failed") for name, one in rest.items()
    }
    assert failed == {name: "requests" if name in asked_otherwise else "authorization" for name in rest}


@pytest.fixture(scope="module")
def debts(tmp_path_factory):
    """Logs and answers of emergencies; each world begins as a copy of the same one, with an emergency opened in it."""
    cases, folder = Cases(tmp_path_factory.mktemp("debt cases")), tmp_path_factory.mktemp("debts")
    made = night.found_world(folder / "0")
    note = night.ask(made, *night.AT_NIGHT)
    answer = made.open(note)
    cases.log("to be ratified", made)
    copies = []
    for number in ("1", "2", "3"):
        shutil.copytree(folder / "0", folder / number)
        copies.append(made.reopen_at(folder / number))
    cases.answer("of an emergency", made, answer)
    add_false_emergencies(cases, made)
    add_forged(cases, copies[0], note)
    add_paid(cases, copies[1], note)
    add_overdue(cases, copies[2], note)
    return cases.judge()


def add_false_emergencies(cases, world):
    """What all custodians help to hide, and a limit that the emergency rule alone raised; the twin's is raised by both."""

    def hide(countersigned, *_):
        return replace(countersigned, is_emergency=False)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(beginning, "verify_signed_for_segments", hide)
        patch.setattr(decide, "verify_countersigned", lambda *given: hide(verify_countersigned(*given)))
        cases.answer("hidden", world, world.open(night.ask(world, *night.AT_NIGHT)))
    for name, more in (("raised at night", ()), ("raised by the rule", ("judge",))):
        raised = night.amend(world, night.ask(world, *night.AT_NIGHT, max_records=1), *night.AT_NIGHT, *more)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(countersign, "may_open_at_once", lambda _terms: True)
            cases.answer(name, world, world.open(raised))


def add_forged(cases, world, note):
    """A ratification with another's key; the twins are those of `add_paid`."""
    body = night.paying(night.debt_of(world, note), "judge")
    assert night.log(world, body, key=world.keys("dpo").auth)[0][0] == "E1"
    cases.log("forged", world)


def add_paid(cases, world, note):
    """Ratified by too few, by enough, and then disapproved by one that refuses."""
    night.ratify(world, note, "dpo")
    cases.log("ratified by one", world)
    night.ratify(world, note, "regulator")
    world.now += 49 * night.HOUR
    world.open(night.ask(world, "dpo", "judge"))  # an entry of that time
    cases.log("ratified", world)
    with world.vault.writing() as state:
        world.vault.append([world.custodian("judge").refusal_entry(note, "merit", "note")], state)
    cases.log("disapproved", world)


def add_overdue(cases, world, note):
    """Never ratified, while the next is refused and while it is logged all the same; and ratified late."""
    world.now += 49 * night.HOUR
    world.open(night.ask(world, "dpo", "judge"))  # an entry of that time
    cases.log("overdue", world)
    assert night.log(world, night.intent(99))[0][0] == "N1"
    cases.log("next while one is overdue", world)
    night.ratify(world, note, "dpo", "regulator")
    cases.log("ratified late", world)
    cases.answer("next after it was ratified late", world, world.open(night.ask(world, *night.AT_NIGHT)))


LOGS = {
    "to be ratified": (True, {"DEBT"}, set()),
    "ratified by one": (True, {"DEBT"}, set()),
    "ratified": (True, set(), set()),
    "ratified late": (True, {"DEBT", "N1"}, set()),
    "disapproved": (False, set(), {"DEBT"}),
    "forged": (False, {"DEBT"}, {"E1"}),
    "overdue": (False, set(), {"DEBT"}),
    "next while one is overdue": (False, {"N1"}, {"DEBT"}),
}
"""What both readers find of each log: whether it is clean, its warnings and its violations."""


@pytest.mark.parametrize("name", LOGS)
def test_debt_stands_as_the_log_says(debts, name):
    found = debts[name]
    assert (
        found["clean"],
        {code for code, _ in found["warnings"]},
        {one["code"] for one in found["violations"]},
    ) == LOGS[name]
    states = {step["id"]: step["state"] for step in found["steps"]}
    assert states["debts"] == ("failed" if "DEBT" in LOGS[name][2] else "proven")
    assert states["witnesses"] == "proven", "a debt does not end the audit"
    assert (found["kept"] is not None) == (name != "forged"), "the log holds, whatever is owed"


def test_answers_of_emergencies(debts):
    answers = {name: one for name, one in debts.items() if "complete" in one}
    clean = {name for name, one in answers.items() if one["clean" if name.endswith(", alone") else "complete"]}
    whole = {"of an emergency", "raised by the rule", "next after it was ratified late"}
    assert clean == whole | {f"{name}, alone" for name in whole}
    assert answers.keys() - clean == {"hidden", "hidden, alone", "raised at night", "raised at night, alone"}
