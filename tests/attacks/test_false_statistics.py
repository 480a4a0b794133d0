"""Statistics that are nicer than what happened: wrong codes, an outcome that the records contradict, a table with a gap."""

import datetime as dt
import json
from dataclasses import replace

import pytest
from forging import log_entries

import coffer.procedures.opening.answer as putting
from coffer.authority.authorization import Named, Terms, parse_authorization
from coffer.authority.ordered import IssuedIn, Urgency
from coffer.errors import Refused
from coffer.ledger.codes import OrderCodes
from coffer.ledger.entries import IntentEntry, RefuseEntry
from coffer.procedures.opening import closing
from coffer.procedures.opening.reveal import HIDDEN_BY_DEFAULT, reveal_entry
from coffer.procedures.reports.tables import make_table
from coffer.procedures.reports.transparency import read_entries
from coffer_audit.cli import main as audit
from world import World, ordered

CODES = Named.codes.fget
BY = ("judge", "dpo", "regulator")  # an emergency of an unverified authority needs every signature
RECORDS = "+33612345678,+33698765432,2016-09-01 10:00:00,60\n"
TWO = {"subjects": ["tel:+33612345678", "tel:+33611111111"], "persons": ["A. Example", "B. Example"]}


@pytest.fixture
def full(tmp_path):
    """A vault that shows every code."""
    world = World.make(tmp_path, statistics="full")
    world.epoch("2016-09-01", "2016-09-03")
    world.ingest(RECORDS)
    return world


def emergency(world, **changes):
    received = world.now - dt.timedelta(days=2)
    order = {"received": received, "due": received + dt.timedelta(hours=8), "issued_in": IssuedIn.UNION}
    return world.authorize(by=BY, ordered=ordered(**(order | {"urgency": Urgency.EMERGENCY})), **changes)


def reveal(world, note):
    with world.vault.writing() as state:
        body = reveal_entry(parse_authorization(note, "note"), HIDDEN_BY_DEFAULT)
        world.vault.append([world.vault.entry(body, world.vault.operator_key("desk"), state)], state)


def audited(capsys, *words):
    """Exit code and violations."""
    capsys.readouterr()
    code = audit([str(word) for word in words] + ["--json"])
    return code, [f"{item['code']} {item['message']}" for item in json.loads(capsys.readouterr().out)["violations"]]


def announce(world, note, *, nonce=bytes(16), **nicer):
    """An intent of an order, with some codes changed."""
    authorization = parse_authorization(note, "note")
    body = IntentEntry(
        authorization=authorization.commitment,
        requester="desk",
        nonce=nonce,
        cells_at_most=1,
        codes=replace(authorization.terms.codes, **nicer),
    )
    with world.vault.writing() as state:
        world.vault.append([world.vault.entry(body, world.vault.operator_key("desk"), state)], state)


@pytest.mark.parametrize(
    "nicer", [{"urgency": "ordinary"}, {"due": "d10"}, {"issued_in": "home"}, {"age": "more"}, {"kinds": "email"}]
)
def test_intent_with_nicer_codes_is_found_once_the_order_is_revealed(full, capsys, nicer):
    note = emergency(full)
    announce(full, note, **nicer)
    assert audited(capsys, "vault", full.vault.path, "--quick") == (0, [])  # nobody can tell yet
    reveal(full, note)
    (key,) = nicer
    said = f"CODES intent {key.replace('_', '-')}: found another than the revealed lines tell"
    assert audited(capsys, "vault", full.vault.path, "--quick") == (3, [said])


def test_second_intent_with_other_codes_has_no_effect(full, capsys):
    note = emergency(full)
    announce(full, note)
    with pytest.raises(Refused, match="its codes are others than an earlier intent of this authorization shows"):
        announce(full, note, nonce=bytes(15) + b"2", urgency="ordinary")
    authorization = parse_authorization(note, "note")
    codes = replace(authorization.terms.codes, urgency="ordinary")
    desk = full.vault.operator_key("desk")
    false = IntentEntry(
        authorization=authorization.commitment, requester="desk", nonce=bytes(16), cells_at_most=1, codes=codes
    )
    (index,) = log_entries(full, replace(false, nonce=bytes(15) + b"3"), key=desk)  # past the vault's own check
    assert list(full.state().openings) == [index - 1]
    said = ["N1 codes: found others than in an earlier intent of it; the entry has no effect"]
    assert audited(capsys, "vault", full.vault.path, "--quick") == (3, said)


def test_twin_second_intent_with_the_same_codes_counts(full, capsys):
    note = emergency(full)
    for number in range(2):
        announce(full, note, nonce=bytes(15) + bytes([number]))
    assert len(full.state().openings) == 2
    assert audited(capsys, "vault", full.vault.path, "--quick") == (0, [])


def test_twin_intent_with_the_codes_of_the_note_stays_clean(full, capsys):
    note = emergency(full)
    announce(full, note)
    reveal(full, note)
    assert audited(capsys, "vault", full.vault.path, "--quick") == (0, [])


def test_close_that_was_quicker_than_the_clock_is_found_once_the_order_is_revealed(full, capsys, monkeypatch):
    note, honest = emergency(full), putting.with_codes
    monkeypatch.setattr(closing, "with_codes", lambda body, **how: replace(honest(body, **how), took="h8"))
    full.open(note)
    assert audited(capsys, "vault", full.vault.path, "--quick") == (0, [])
    reveal(full, note)
    said = ["CODES close took: found another than the revealed lines tell"]
    assert audited(capsys, "vault", full.vault.path, "--quick") == (3, said)


def test_answer_of_a_quicker_close_than_the_clocks_is_refused(full, capsys, monkeypatch):
    honest = putting.with_codes
    monkeypatch.setattr(closing, "with_codes", lambda body, **how: replace(honest(body, **how), took="h8"))
    folder = full.write_answer(full.open(emergency(full)))
    said = "STEP4 close took: found another time than its own since the order came"
    assert audited(capsys, "answer", folder) == (3, [said])


def test_answer_under_an_intent_with_nicer_codes_is_refused(full, capsys, monkeypatch):
    # by custodians, too, whose program computes codes wrongly
    monkeypatch.setattr(Terms, "codes", property(lambda terms: replace(CODES(terms), urgency="ordinary", due="none")))
    folder = full.write_answer(full.open(emergency(full)))
    said = "STEP4 intent urgency: found another code than the authorization's"
    assert audited(capsys, "answer", folder) == (3, [said])


def test_twin_close_with_its_own_time_is_clean(full, capsys):
    note = emergency(full)
    folder = full.write_answer(full.open(note))
    assert full.state().openings.popitem()[1].close.took == "d3"
    assert audited(capsys, "answer", folder) == (0, [])
    reveal(full, note)
    assert audited(capsys, "vault", full.vault.path, "--quick") == (0, [])


def test_outcome_that_calls_half_an_answer_full_is_refused_by_whoever_has_it(full, capsys, monkeypatch):
    monkeypatch.setattr(putting, "outcome_code", lambda **_: "full")
    folder = full.write_answer(full.open(full.authorize(by=BY, **TWO)))
    said = ["STEP11 close outcome: found another, expected part"]
    assert audited(capsys, "answer", folder) == (3, said)


def test_twin_outcome_that_says_part_is_clean(full, capsys):
    folder = full.write_answer(full.open(full.authorize(by=BY, **TWO)))
    assert full.state().openings.popitem()[1].close.outcome == "part"
    assert audited(capsys, "answer", folder) == (0, [])


def test_table_without_an_opening_of_the_log_is_not_what_the_auditor_makes(full, capsys):
    announce(full, emergency(full))
    pins, days = full.vault.pins, {"first": dt.date(2016, 9, 1), "last": dt.date(2016, 9, 30)}
    entries = full.vault.log.entries(0, full.state().size)
    state, dated = read_entries(entries, origin=pins.origin, genesis=pins.genesis)
    whole = make_table("eu28", state, dated, **days).document()
    index = next(iter(state.openings))
    del state.openings[index]
    hidden = make_table("eu28", state, [entry for entry in dated if entry.index != index], **days).document()
    capsys.readouterr()
    period = ["--from", "2016-09-01", "--to", "2016-09-30"]
    assert audit(["transparency", str(full.vault.path / "log"), *period, "--table", "eu28", "--json"]) == 0
    table = json.loads(capsys.readouterr().out)["table"]
    assert table == whole
    assert table != hidden


@pytest.mark.parametrize("level", ["coarse", "none"])
def test_intent_that_shows_more_than_the_roster_lets_has_no_effect(tmp_path, level):
    world = World.make(tmp_path, statistics=level)
    note = emergency(world)
    with pytest.raises(Refused, match="its codes are not those that the roster in force shows"):
        announce(world, note)
    shown = parse_authorization(note, "note").terms.codes.at(level)
    changes = {name: getattr(shown, name) for name in OrderCodes.__slots__}
    announce(world, note, **changes)
    assert len(world.state().openings) == 1


def table(full, capsys, name):
    """The rows of a table that are not empty, as both programs make it."""
    pins, days = full.vault.pins, {"first": dt.date(2016, 9, 1), "last": dt.date(2016, 9, 30)}
    entries = full.vault.log.entries(0, full.state().size)
    state, dated = read_entries(entries, origin=pins.origin, genesis=pins.genesis)
    made = make_table(name, state, dated, **days).document()
    capsys.readouterr()
    period = ["--from", "2016-09-01", "--to", "2016-09-30"]
    assert audit(["transparency", str(full.vault.path / "log"), *period, "--table", name, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["table"] == made
    return {row["row"] for row in made["rows"] if row["cells"][0]}


def test_table_goes_by_revealed_lines_and_not_by_an_intent_that_nobody_answered(full, capsys):
    note = emergency(full)
    announce(full, note, urgency="ordinary", due="later")
    assert {"due.later", "received.all"} <= table(full, capsys, "eu28")
    reveal(full, note)
    rows = table(full, capsys, "eu28")
    assert "due.h8" in rows
    assert "due.later" not in rows


@pytest.mark.parametrize(("false", "key"), [({"order_class": "access"}, "class"), ({"urgency": "ordinary"}, "urgency")])
def test_refusal_with_false_codes_is_found_once_the_order_is_revealed(full, capsys, false, key):
    note = emergency(full)
    commitment = parse_authorization(note, "note").commitment
    true = RefuseEntry(
        authorization=commitment, custodian="judge", reason="law", order_class="produce", urgency="emergency"
    )
    log_entries(full, replace(true, custodian="dpo"), key=full.keys("dpo").auth)  # the twin
    log_entries(full, replace(true, **false), key=full.keys("judge").auth)
    assert audited(capsys, "vault", full.vault.path, "--quick") == (0, [])
    reveal(full, note)
    said = [f"CODES refuse {key}: found another than the revealed lines tell"]
    assert audited(capsys, "vault", full.vault.path, "--quick") == (3, said)
