"""What an operator does so that coffer-audit sees less than custodians do, or takes an answer for complete that is not."""

import datetime as dt
import os

import pytest

import coffer.procedures.opening.beginning
from coffer.authority.authorization import parse_authorization
from coffer.disclosure.answer import Answer, Evidence, answer_files, result_commitment
from coffer.disclosure.verified import verify_complete, verify_disclosure
from coffer.errors import NotProven
from coffer.ledger.entries import CloseEntry, FaultEntry, IntentEntry, SegmentId
from coffer.ledger.facts import Invalid, Valid
from coffer.ledger.grammar import format_entry
from coffer.ledger.state import State
from coffer.notes.note import sign_note
from coffer_audit.cli import main as audit
from public_codes import COARSE, LINES, NOTHING
from world import World

BASE, FR, ALL = ("a", "b", "c"), ("a", "b", "c", "fr"), ("judge", "dpo", "regulator")
RECORDS = "".join(f"+33612345678,+3369876543{n},2016-09-0{d} 10:00:0{n},6{n}\n" for d in (1, 2) for n in range(3))
RECORDS += "+442079460000,+33698765432,2016-09-02 22:13:47,31\n"
HEADER = b"subject,kind,direction,peer,start_utc,duration_s,answered,cell,repeat\n"


def pins(world):
    return ["--log-key", world.vault.pins.log_key.format(), "--genesis", world.vault.pins.genesis.hex()]


def audited(world, *words):
    return audit([*map(str, words), *pins(world)])


def last(capsys):
    return capsys.readouterr().out


def logged_by_hand(world, text, key):
    world.vault.log.append([sign_note(text.encode(), key).raw], world.vault.operator_key(world.vault.pins.origin))


@pytest.fixture
def plain(tmp_path):
    world = World.make(tmp_path)
    world.epoch("2016-09-01", "2016-09-03")
    world.ingest(RECORDS)
    return world


@pytest.fixture(scope="module")
def sovereign(tmp_path_factory):
    """Records under ``base`` and under ``FR``, and honest answers of each and of both."""
    folder = tmp_path_factory.mktemp("sovereign")
    rules = (("base", "2 of a,b,c"), ("FR", "2 of a,b,c and fr"))
    world = World.make(folder, custodians=FR, rules=rules)
    world.epoch("2016-09-01", "2016-09-03")
    world.ingest(RECORDS)
    return world


# --- auditor-blinded -----------------------------------------------------------------------------------------------------------------------------


def poison(world, number):
    ahead = world.now + dt.timedelta(days=365)
    origin, batch = world.vault.pins.origin, os.urandom(16).hex()
    return (
        f"coffer.ingest/v2\norigin: {origin}\ntime: {ahead:%Y-%m-%dT%H:%M:%SZ}\nbatch: {batch}\nentry: 1/{number}\n"
        "feed: calls\nfiles: 0\nread: 0\nkept: 0\nrejected: 0\nduplicate: 0\ntally: -\n"
    )


def test_entry_that_only_the_auditor_would_count_hides_no_opening_and_ends_in_no_clean_audit(plain, capsys):
    logged_by_hand(plain, poison(plain, 100_000), plain.vault.operator_key("ingester"))
    plain.open(plain.authorize(max_records=9))
    assert audited(plain, "vault", plain.vault.path) == 3
    shown = last(capsys)
    assert "1 intent, 1 draw" in shown
    assert "violation: V1 entry 11: entry: found 100000, expected 1 to 99999" in shown
    assert audited(plain, "transparency", plain.vault.path, "--from", "2016-01-01", "--to", "2018-01-01") == 3
    assert "openings:             1" in last(capsys)


def test_twin_with_one_part_less_it_counts_for_both_and_stops_the_vault(plain):
    logged_by_hand(plain, poison(plain, 99_999), plain.vault.operator_key("ingester"))
    assert plain.state().newest > plain.now + dt.timedelta(days=364)


@pytest.mark.parametrize("kind", ["malformed", "origin", "stranger", "impossible"])
def test_entry_without_effect_that_nobody_makes_by_mistake_is_a_violation(plain, capsys, kind):
    origin, time = plain.vault.pins.origin, f"{plain.now:%Y-%m-%dT%H:%M:%SZ}"
    text = f"coffer.intent/v2\norigin: {origin}\ntime: {time}\nauthorization: {'0' * 64}\nrequester: desk\nnonce: {'0' * 32}\n"
    text += f"cells-at-most: 4\n{LINES}"
    changed = {
        "malformed": text.replace("nonce", "once"),
        "origin": text.replace(origin, "other.example/vault"),
        "stranger": text,
        "impossible": f"coffer.close/v2\norigin: {origin}\ntime: {time}\nintent: 0\nresult: {'0' * 64}\nrecords: 0\nanswers: 0\n"
        "unconfirmed-cells: 0\noutcome: none\ntook: -\n",
    }[kind]
    key = plain.vault.operator_key("ingester" if kind == "stranger" else "desk")
    logged_by_hand(plain, changed, key)
    assert audited(plain, "vault", plain.vault.path) == 3
    assert "the entry has no effect" in last(capsys).replace("\n  ", " ")


def test_twin_entry_that_a_slow_clock_or_a_second_try_explains_is_a_warning(plain, capsys):
    origin, desk = plain.vault.pins.origin, plain.vault.operator_key("desk")
    for minutes in (0, 0, -16):
        time = plain.now + dt.timedelta(minutes=minutes)
        body = IntentEntry(authorization=bytes(32), requester="desk", nonce=bytes(16), cells_at_most=4, codes=COARSE)
        logged_by_hand(plain, format_entry(body, origin=origin, time=time).decode(), desk)
    assert audited(plain, "vault", plain.vault.path) == 0
    shown = last(capsys)
    assert "warning: N1" in shown
    assert "warning: V1" in shown


# --- not-asked-fails-audit, empty-answer-clean -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("subject", "days", "said"),
    [
        ("tel:+442079460000", ("2016-09-01", "2016-09-03"), {"a": "answered", "fr": "not asked"}),
        ("tel:+442079460000", ("2016-09-03", "2016-09-03"), {"a": "not asked", "fr": "not asked"}),
        ("tel:+33612345678", ("2016-09-01", "2016-09-02"), {"a": "answered", "fr": "answered"}),
    ],
)
def test_honest_answer_with_custodians_that_were_not_asked_is_clean(sovereign, capsys, subject, days, said):
    note = sovereign.authorize(by=FR, subjects=[subject], days=[days])
    answer = sovereign.open(note)
    assert said.items() <= answer.custodians.items()
    folder = sovereign.write_answer(answer, f"honest-{subject[5:8]}-{days[0]}")
    assert audited(sovereign, "answer", folder, "--vault", sovereign.vault.path) == 0
    assert last(capsys).endswith("\nclean\n")
    assert audited(sovereign, "answer", folder) == 0
    assert "no segment was left out" in last(capsys).split("clean, if")[1]
    verify_complete(verify_disclosure(answer_files(answer)), *states(sovereign, answer))


def states(world, answer):
    found = []
    for size in (answer.intent, answer.close + 1):
        state = State.empty(origin=world.vault.pins.origin, genesis=world.vault.pins.genesis)
        state.apply_all(world.vault.log.entries(0, size))
        found.append(state)
    return found


def empty_answer(world, note, word, names=FR):
    """What a desk writes that opens nothing and asks nobody."""
    authorization, salt = parse_authorization(note, "note"), os.urandom(32)
    vault, key = world.vault, world.vault.operator_key("desk")
    with vault.writing() as state:
        intent_body = IntentEntry(
            authorization=authorization.commitment,
            requester="desk",
            nonce=os.urandom(16),
            cells_at_most=1,
            codes=authorization.terms.codes.at("coarse"),
        )
        intent = vault.append([vault.entry(intent_body, key, state)], state)[0]
        result = result_commitment(salt, HEADER, None)
        close_body = CloseEntry(intent=intent, result=result, records=0, answers=0, unconfirmed_cells=0, **NOTHING)
        close = vault.append([vault.entry(close_body, key, state)], state)[0]
        checkpoint = vault.log.checkpoint()
        logged = vault.logged({*state.roster_indexes.values(), intent, close}, checkpoint)
    evidence = Evidence(
        origin=vault.pins.origin,
        log_key=vault.pins.log_key.format(),
        genesis=vault.pins.genesis.hex(),
        note=note,
        checkpoint=checkpoint,
        entries={i: entry for i, (entry, _) in logged.items()},
        proofs={i: proof for i, (_, proof) in logged.items()},
        result_salt=salt,
        requests=[],
        replies={},
        segments={},
    )
    return Answer(
        authorization=authorization.commitment.hex(),
        intent=intent,
        draw=None,
        close=close,
        answers=0,
        custodians=dict.fromkeys(names, word),
        cells=[],
        records=0,
        repeated_records=0,
        superseded_records=0,
        superseded_batches=(),
        outside_period=0,
        records_csv=HEADER,
        superseded_csv=None,
        evidence=evidence,
    )


@pytest.mark.parametrize("word", ["fault", "no answer", "refused: constant", "not asked", "asleep"])
def test_answer_that_asked_nobody_is_no_complete_answer(sovereign, capsys, word):
    answer = empty_answer(sovereign, sovereign.authorize(by=FR), word)
    folder = sovereign.write_answer(answer, f"empty-{word[:3]}")
    assert audited(sovereign, "answer", folder, "--vault", sovereign.vault.path) == 3
    assert ("INCOMPLETE" if word == "not asked" else "STEP8") in last(capsys)


def test_answer_that_asked_nobody_is_not_disclosed(sovereign):
    answer = empty_answer(sovereign, sovereign.authorize(by=FR), "not asked")
    disclosure = verify_disclosure(answer_files(answer))
    with pytest.raises(NotProven, match=r"D6: segment [0-9a-f]+ of 2016-09-0[12] was not asked"):
        verify_complete(disclosure, *states(sovereign, answer))


def test_two_subjects_cannot_both_take_the_rule_that_asks_less(sovereign, capsys):
    both = ["tel:+33612345678", "tel:+442079460000"]
    note = sovereign.authorize(by=FR, subjects=both, days=[("2016-09-01", "2016-09-02")])
    honest = sovereign.write_answer(sovereign.open(note), "both")
    assert audited(sovereign, "answer", honest, "--vault", sovereign.vault.path) == 0
    last(capsys)
    one = sovereign.authorize(by=FR, subjects=both, days=[("2016-09-01", "2016-09-01")])  # only FR has records that day
    empty = sovereign.write_answer(empty_answer(sovereign, one, "not asked"), "neither")
    assert audited(sovereign, "answer", empty, "--vault", sovereign.vault.path) == 3
    assert "INCOMPLETE" in last(capsys)


THREE = ["tel:+33612345678", "tel:+33698765432", "tel:+442079460000"]
"""Two French numbers and a British one: the note names both rules, and of base there are no segments."""


@pytest.fixture
def domestic(tmp_path):
    """Days of which only rule FR has records."""
    world = World.make(tmp_path, custodians=FR, rules=(("base", "2 of a,b,c"), ("FR", "2 of a,b,c and fr")))
    world.epoch("2016-09-01", "2016-09-02")
    world.ingest("".join(f"+33612345678,+33698765432,2016-09-0{day} 10:00:00,60\n" for day in (1, 2)))
    return world


def opened_without(world, monkeypatch, is_left_out):
    """What a desk opens that asks for less than the note reaches."""
    whole = coffer.procedures.opening.beginning.segments_due

    def fewer(*given, **named):
        return [(segment, line) for segment, line in whole(*given, **named) if not is_left_out(segment, line)]

    monkeypatch.setattr(coffer.procedures.opening.beginning, "segments_due", fewer)
    note = world.authorize(by=FR, subjects=THREE, days=[("2016-09-01", "2016-09-02")])
    return world.write_answer(world.open(note))


def test_number_that_was_given_a_rule_without_segments_is_a_condition_of_the_verdict(domestic, monkeypatch, capsys):
    folder = opened_without(domestic, monkeypatch, lambda _segment, line: line == 1)
    assert audited(domestic, "answer", folder, "--vault", domestic.vault.path) == 0
    shown = " ".join(last(capsys).split("clean, if")[1].split())
    assert "put the number of subject line 1 under none of FR, of which 2 segments were not asked for it" in shown
    assert "subject line 2 " not in shown


def test_number_whose_rule_the_other_cells_show_is_given_no_other(domestic, monkeypatch, capsys):
    folder = opened_without(domestic, monkeypatch, lambda segment, line: line == 1 and segment.line.day.day == 1)
    assert audited(domestic, "answer", folder, "--vault", domestic.vault.path) == 3
    assert "INCOMPLETE" in last(capsys)


def test_twin_number_all_of_whose_segments_were_asked_needs_no_condition(domestic, monkeypatch, capsys):
    folder = opened_without(domestic, monkeypatch, lambda _segment, _line: False)
    assert audited(domestic, "answer", folder, "--vault", domestic.vault.path) == 0
    assert "subject line 1 " not in last(capsys)


# --- fault-flood -----------------------------------------------------------------------------------------------------------------------------------


def verdict_of(state, world, body, key):
    return state.apply(sign_note(format_entry(body, origin=state.origin, time=world.now), key).raw)


def test_custodian_fills_no_log_with_faults_about_nothing(plain):
    state, keys = plain.state(), plain.custodian("judge").keys
    for accused in ("dpo", "ingester", "judge", "desk"):
        body = FaultEntry(accuser="judge", accused=accused, object=SegmentId(os.urandom(32)), evidence=os.urandom(32))
        assert isinstance(verdict_of(state, plain, body, keys.resp), Invalid)
    segment = next(iter(state.segments.values()))
    for accused, evidence in (("dpo", segment.line.header_hash), ("ingester", os.urandom(32))):
        body = FaultEntry(accuser="judge", accused=accused, object=segment.line.seg_id, evidence=evidence)
        assert isinstance(verdict_of(state, plain, body, keys.resp), Invalid)


def test_twin_custodian_accuses_the_ingester_once_of_each_segment_instead_of_a_receipt(plain):
    state, keys = plain.state(), plain.custodian("judge").keys
    for segment in list(state.segments.values()):
        body = FaultEntry(
            accuser="judge", accused="ingester", object=segment.line.seg_id, evidence=segment.line.header_hash
        )
        assert isinstance(verdict_of(state, plain, body, keys.resp), Valid)
        assert isinstance(verdict_of(state, plain, body, keys.resp), Invalid)
    assert len(state.faults) == len(state.segments)
