"""What the auditor says of holds: in an answer that rests on one, and in the certificate of a day that one may name."""

import datetime as dt
import json
import os
import shutil
from types import SimpleNamespace

import pytest
from forging import log_entries

import coffer.custody.asked
import coffer.procedures.opening.decide
from coffer.custodian.holding import Holding
from coffer.ledger.entries import DestroyEntry, HeldEntry, RefuseEntry, RevokeEntry
from coffer.procedures.holding import release_hold
from coffer_audit.cli import main as audit
from coffer_audit.validity.holds import Hold, Term
from holds import NONE, begun, died, founded, held, opened, retire
from public_codes import REFUSED

PRESERVED = REFUSED | {"order_class": "preserve"}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A hold over two dead days, and an answer that was opened from it."""
    world = founded(tmp_path_factory.mktemp("held"))
    hold = held(world, "judge", "dpo")
    died(world)
    world.write_answer(opened(world, hold))
    return world


def said(capsys, *words):
    code = audit([*map(str, words), "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_an_answer_from_a_hold_is_clean_if_the_hold_names_its_subjects(world, capsys):
    code, report = said(capsys, "answer", world.path / "answer", "--vault", world.vault.path)
    assert (code, report["violations"]) == (0, [])
    assert [clause for clause in report["conditions"] if "a hold in force" in clause] == [
        "a hold in force (entry 11) names the subjects of 2 cells of days that were over before, which only its note shows"
    ]


def test_an_answer_about_dead_days_without_a_hold_in_force_is_refused(world, capsys, monkeypatch):
    monkeypatch.setattr(Hold, "status", lambda _self, _now: "over")
    code, report = said(capsys, "answer", world.path / "answer", "--vault", world.vault.path)
    assert code == 3
    assert "no hold in force then" in report["violations"][0]["message"]


def all_held(_segment, _number):
    return True


def judged(world, capsys, monkeypatch, *holds, **changes):
    """The violations of an answer about dead days, where custodians answer from what no hold in force let them keep."""
    monkeypatch.setattr(coffer.custody.asked, "is_answerable", lambda *_: True)
    monkeypatch.setattr(coffer.procedures.opening.decide, "_held_by", lambda *_: all_held)
    answer = world.write_answer(opened(world, *holds, **changes))
    code, report = said(capsys, "answer", answer, "--vault", world.vault.path)
    return code, [one["message"] for one in report["violations"]]


def died_early(world):
    """Every key of the two days is said to be destroyed while their retention lasts."""
    for name in ("judge", "dpo", "regulator"):
        bodies = [DestroyEntry(custodian=name, day=dt.date(2016, 9, day)) for day in (1, 2)]
        log_entries(world, *bodies, key=world.keys(name).resp)


@pytest.mark.parametrize("die", [died, died_early])
def test_an_answer_from_a_released_hold_under_another_is_refused(tmp_path, capsys, monkeypatch, die):
    world = founded(tmp_path)
    hold = held(world)
    die(world)
    release_hold(world.vault, hold.note.raw)
    late = begun(world, subjects=["tel:+33600000001"], days=[("2015-01-01", "2015-01-01")], kinds="text")
    index = max(world.state().holds)
    for name in ("judge", "dpo"):
        entry = HeldEntry(hold=index, note=late.commitment, custodian=name, cells_at_most=2)
        log_entries(world, entry, key=world.keys(name).resp)
    code, messages = judged(world, capsys, monkeypatch)
    assert code == 3
    assert "which destroyed its key of the day" in messages[0]
    assert "joined no hold in force before" in messages[0]


def test_an_answer_of_more_cells_than_a_custodian_kept_is_refused(tmp_path, capsys, monkeypatch):
    world = founded(tmp_path)
    monkeypatch.setattr(Holding, "_keep_segments", keep_and_say_one(Holding._keep_segments))
    held(world)
    died(world)
    code, messages = judged(world, capsys, monkeypatch)
    assert code == 3
    assert "found 2 cells of judge from holds, expected at most 1" in messages[0]


def keep_and_say_one(keep):
    return lambda *words: min(1, keep(*words))


def test_certificate_of_a_day_names_the_holds_that_remain(world, capsys, tmp_path):
    day, log = tmp_path / "day.zip", world.vault.path
    assert audit(["day", "2016-09-01", str(log), "-o", str(day)]) == 0
    capsys.readouterr()
    code, report = said(capsys, "certificate", day)
    assert (code, [hold["entry"] for hold in report["holds"]]) == (0, [11])
    assert audit(["certificate", str(day)]) == 0
    assert "a hold remains: entry 11" in capsys.readouterr().out


def test_certificate_names_a_hold_by_its_place_in_the_log_and_not_by_its_time(tmp_path, capsys):
    world, day = founded(tmp_path), tmp_path / "day.zip"
    begun(world)
    for name in ("judge", "dpo", "regulator"):  # dated back before the hold
        body = DestroyEntry(custodian=name, day=dt.date(2016, 9, 1))
        log_entries(world, body, key=world.keys(name).resp, time=world.now - dt.timedelta(minutes=10))
    begun(world, subjects=[NONE])  # the twin: custodians have nothing left to keep of the day
    first, last = world.state().holds
    assert audit(["day", "2016-09-01", str(world.vault.path), "-o", str(day)]) == 0
    capsys.readouterr()
    assert [hold["entry"] for hold in said(capsys, "certificate", day)[1]["holds"]] == [first] != [last]


def test_a_hold_that_was_released_does_not_remain(tmp_path, capsys):
    world = founded(tmp_path)
    hold = held(world)
    died(world)
    release_hold(world.vault, hold.note.raw)
    assert audit(["day", "2016-09-01", str(world.vault.path), "-o", str(tmp_path / "day.zip")]) == 0
    capsys.readouterr()
    assert said(capsys, "certificate", tmp_path / "day.zip")[1]["holds"] == []


def test_answer_from_a_hold_of_days_past_their_retention_is_clean_though_nobody_destroyed_a_key(tmp_path, capsys):
    world = founded(tmp_path)
    hold = held(world, "judge", "dpo")
    world.now += dt.timedelta(days=30)
    answer = world.write_answer(opened(world, hold))
    code, report = said(capsys, "answer", answer, "--vault", world.vault.path)
    assert (code, report["violations"]) == (0, [])
    assert any("names the subjects of 2 cells" in clause for clause in report["conditions"])


@pytest.mark.parametrize("is_begun", [False, True])
def test_answer_of_days_past_their_retention_without_a_hold_is_refused(tmp_path, capsys, monkeypatch, is_begun):
    world = founded(tmp_path)
    if is_begun:  # another hold is in force, that the custodians that answer did not join
        held(world, "judge", "regulator", subjects=[NONE])
    world.now += dt.timedelta(days=30)
    for module in (coffer.custody.asked, coffer.procedures.opening.decide):
        monkeypatch.setattr(module, "is_segment_past", lambda *_: False)
    code, messages = judged(world, capsys, monkeypatch, custodians=world.custodians("judge", "dpo"))
    assert code == 3
    assert ("dpo, which has a day past its retention" if is_begun else "no hold in force then") in messages[0]


@pytest.mark.parametrize("how", ["revoked", "refused"])
def test_answer_from_a_hold_whose_note_was_withdrawn_in_the_log_is_refused(tmp_path, capsys, monkeypatch, how):
    world = founded(tmp_path)
    hold = held(world)
    died(world)
    refusal = RefuseEntry(authorization=hold.commitment, custodian="judge", reason="merit", **PRESERVED)
    body = RevokeEntry(authorization=hold.commitment) if how == "revoked" else refusal
    log_entries(world, body, key=world.keys("judge").auth)
    code, messages = judged(world, capsys, monkeypatch, hold)
    assert code == 3
    assert "judge, which destroyed its key of the day" in messages[0]


def test_twin_refusal_of_another_custodian_leaves_the_answer_of_the_others_clean(tmp_path, capsys):
    world = founded(tmp_path)
    hold = held(world)
    died(world)
    refusal = RefuseEntry(authorization=hold.commitment, custodian="regulator", reason="merit", **PRESERVED)
    log_entries(world, refusal, key=world.keys("regulator").auth)
    answer = world.write_answer(opened(world, hold))
    code, report = said(capsys, "answer", answer, "--vault", world.vault.path)
    assert (code, report["violations"]) == (0, [])


def stored(world, capsys, *, code=0):
    """What the audit of a vault says of files of dead segments: how many violations and warnings, and their texts."""
    ended, report = said(capsys, "vault", world.vault.path)
    told = [[one["message"] for one in report[kind] if one["code"] == "DEAD"] for kind in ("violations", "warnings")]
    assert ended == code
    assert len(report["violations"]) == len(told[0])
    return len(told[0]), len(told[1]), {*told[0], *told[1]}


def later(world, **span):
    """The log's newest entry is so much later; nothing is removed meanwhile."""
    world.now += dt.timedelta(**span)
    log_entries(world, RevokeEntry(authorization=os.urandom(32)), key=world.keys("judge").auth)


def list_of(world, hold):
    return world.vault.path / "holds" / hold.commitment.hex()


def test_vault_whose_dead_segments_a_hold_in_force_covers_is_clean(world, capsys):
    assert stored(world, capsys) == (0, 0, set())


@pytest.mark.parametrize("place", ["segments", "holds"])
def test_dead_segment_that_no_hold_in_force_covers_is_a_violation(tmp_path, capsys, place):
    world = founded(tmp_path)
    hold = held(world, days=[("2016-09-01", "2016-09-01")])
    kept_files = shutil.copytree(world.vault.path / "segments", tmp_path / "segments")
    died(world)
    assert stored(world, capsys) == (0, 0, set())
    if place == "segments":  # of the other day, which the hold does not name
        shutil.copytree(kept_files, world.vault.path / "segments", dirs_exist_ok=True)
    else:
        list_of(world, hold).write_text("2016-09-01 call other\n2016-09-02 call base\n")
    assert stored(world, capsys, code=3) == (1, 0, {"dead segment still stored"})


def test_segment_that_was_dead_before_the_hold_is_a_violation(tmp_path, capsys):
    world = founded(tmp_path)
    kept_files = shutil.copytree(world.vault.path / "segments", tmp_path / "segments")
    died(world)
    hold = begun(world)
    list_of(world, hold).write_text("2016-09-01 call base\n2016-09-02 call base\n")
    shutil.copytree(kept_files, world.vault.path / "segments", dirs_exist_ok=True)
    assert stored(world, capsys, code=3)[:2] == (2, 0)


def test_file_of_a_held_segment_is_audited_as_one_of_a_living_segment(tmp_path, capsys):
    world = founded(tmp_path)
    held(world)
    died(world)
    rows = next((world.vault.path / "segments").rglob("*.rows"))
    rows.write_bytes(bytes(rows.stat().st_size))
    code, report = said(capsys, "vault", world.vault.path)
    assert (code, [one["code"] for one in report["violations"]]) == (3, ["SEGMENT"])


@pytest.mark.parametrize("raw", [None, b"2016-09-01 call base", b"2016-09-01 call\n", b"", b"\xff\n"])
def test_dead_segments_are_a_warning_while_it_is_not_told_what_an_open_hold_covers(tmp_path, capsys, raw):
    world = founded(tmp_path)
    hold = held(world)
    died(world)
    list_of(world, hold).unlink() if raw is None else list_of(world, hold).write_bytes(raw)
    violations, warnings, (text,) = stored(world, capsys)
    assert (violations, warnings) == (0, 2)
    assert "a hold is open of which the folder does not say what it covers" in text


@pytest.mark.parametrize("how", ["released", "over"])
def test_dead_segments_of_a_hold_that_ended_are_a_violation_after_a_night(tmp_path, capsys, how):
    world = founded(tmp_path)
    hold = held(world)
    died(world)
    if how == "released":
        release_hold(world.vault, hold.note.raw)
    else:
        world.now = hold.terms.until
    later(world, hours=23)
    violations, warnings, (text,) = stored(world, capsys)
    assert (violations, warnings) == (0, 2)
    assert "the next retirement removes it" in text
    later(world, hours=1)
    assert stored(world, capsys, code=3) == (2, 0, {"dead segment still stored"})
    retire(world)
    assert stored(world, capsys) == (0, 0, set())


NOW = dt.datetime(2016, 9, 5, tzinfo=dt.UTC)
SECOND, DAY = dt.timedelta(seconds=1), dt.timedelta(days=1)


def term(note, until, **joined):
    """A term that custodians joined in these entries, each with as many cells."""
    return Term(time=NOW - 4 * DAY, note=note, until=until, held=joined, joined=joined)


def hold_of(*terms, released=0):
    """A hold in force until tomorrow, of the custodians a and b, who both must keep; ``terms``: that extend it."""
    both = SimpleNamespace(is_satisfied=lambda mask: mask == 3)
    roster = SimpleNamespace(custodians=[SimpleNamespace(name=name) for name in "ab"], rules={"base": both})
    first = term("first", NOW + DAY, a=5, b=6)
    return Hold(requester="desk", roster=roster, rules=("base",), terms=(first, *terms), released=released)


def may(hold, name="a", *, now=NOW, destroyed=None, withdrawn=()):
    return hold.may_answer(name, now, destroyed, lambda note, who: (note, who) in withdrawn)


def test_custodian_answers_from_a_hold_that_it_joined_before_it_destroyed_its_key_and_not_after():
    assert may(hold_of())
    assert [may(hold_of(), destroyed=index) for index in (4, 5, 6)] == [False, False, True]
    assert not may(hold_of(), "c")
    assert not may(hold_of(released=9))


def test_custodian_answers_from_a_hold_until_the_end_of_the_terms_that_it_joined():
    alone = term("more", NOW + 9 * DAY, b=7)
    longer = term("more", NOW + 9 * DAY, a=7, b=8)
    last, end = NOW + DAY - SECOND, NOW + DAY
    assert [may(hold_of(), now=now) for now in (last, end)] == [True, False]
    assert [may(hold_of(alone), "b", now=now) for now in (last, end)] == [True, False]  # a did not join that term
    assert [may(hold_of(longer), "a", now=now) for now in (last, end, end + 8 * DAY)] == [True, True, False]
    assert may(hold_of(longer), now=end, destroyed=6)  # what was kept for the first term lasts on


def test_custodian_answers_under_no_note_that_was_withdrawn():
    longer, end = term("more", NOW + 9 * DAY, a=7, b=8), NOW + DAY
    assert not may(hold_of(), withdrawn={("first", "a")})
    assert may(hold_of(), withdrawn={("first", "b"), ("more", "a")})
    assert may(hold_of(longer), withdrawn={("more", "a")})
    assert not may(hold_of(longer), now=end, withdrawn={("more", "a")})
    assert not may(hold_of(longer), now=end, withdrawn={("first", "a")})


def test_most_cells_of_a_hold_are_those_of_the_term_with_most():
    hold = hold_of(term("more", NOW + 9 * DAY, a=64))
    assert [hold.count_cells(name) for name in "abc"] == [64, 6, 0]
