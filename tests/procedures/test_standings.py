"""How a request stands at each custodian: over HTTP and in the vault's folder, put together by the desk."""

import datetime as dt
import json
import os

import pytest

from clerking import Bench
from coffer.authority.authorization import parse_authorization
from coffer.authority.countersign import signers_of
from coffer.cli.main import run
from coffer.custodian import people
from coffer.custodian.requests import KEPT_AFTER
from coffer.custody.check_words import check_words
from coffer.custody.exchange import note_info
from coffer.custody.standing import Away, SaidNo, Signed
from coffer.errors import NotProven, Unavailable
from coffer.notes.keys import seal
from coffer.procedures.opening.standings import ask_standings, shown_words, with_countersignatures
from coffer.procedures.retire import run_retirement
from elsewhere import Elsewhere, write_addresses
from world import PASSPHRASE, World


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return Elsewhere.make_elsewhere(tmp_path_factory.mktemp("standings")).with_records()


@pytest.fixture
def world(made):
    return made


def request(world, **changes):
    return parse_authorization(world.request(days=[(world.today, world.today)], **changes), "request")


def send(world, authorization, *names):
    """As ``coffer send`` does it, without a network."""
    for name in names:
        member = world.state().rosters[authorization.terms.roster].custodian(name)
        info = note_info(authorization.terms.roster, member.index)
        service = world.custodian(name)
        service.sync()
        world.errands(name, service).take_note(seal(authorization.note.raw, member.req, info=info))


def ask(world, authorization, *custodians):
    return ask_standings(world.vault, authorization, custodians or followed(world, *world.names))


def followed(world, *names):
    services = world.custodians(*names)
    for service in services:
        service.sync()
    return services


def test_the_story_of_a_request_is_told_as_it_goes(world):
    authorization = request(world)
    requests, keys, at = world.machine("judge").requests, world.keys("judge"), authorization.commitment
    assert [ask(world, authorization)[name].held for name in world.names] == [None] * 3
    send(world, authorization, "judge", "dpo")
    held = ask(world, authorization)["judge"].held
    assert (held.since, held.seen, held.reading, held.agreed, held.needed) == (world.now, None, None, 0, 1)
    assert len(held.nonce) == 16
    requests.mark_seen(at, world.now, keys)
    assert ask(world, authorization)["judge"].held.seen == world.now
    requests.mark_read(at, 2, world.now, keys)
    assert ask(world, authorization)["judge"].held.reading == world.now
    for name in ("judge", "dpo"):
        signed = world.custodian(name).countersign(authorization.note.raw, "request")
        world.machine(name).requests.keep_signed(signed, world.keys(name), world.now, os.urandom)
    found = ask(world, authorization)
    assert isinstance(found["judge"].held.decision, Signed)
    assert (found["judge"].held.agreed, found["judge"].held.nonce) == (1, held.nonce)
    assert [one.commitment for one in requests.notes(keys)] == []
    merged = with_countersignatures(authorization, world.state().roster, found)
    assert signers_of(parse_authorization(merged.raw, "merged"), world.state().roster) == ("judge", "dpo")
    assert len(world.open(merged.raw).records_csv.splitlines()) > 1


def test_refusals_and_withdrawals_are_told_with_their_reason(world):
    refused, withdrawn = request(world), request(world)
    send(world, refused, "judge")
    send(world, withdrawn, "judge")
    machine, keys = world.machine("judge"), world.keys("judge")
    signed = world.custodian("judge").countersign(withdrawn.note.raw, "request")
    machine.requests.keep_signed(signed, keys, world.now, os.urandom)
    for authorization, reason in ((refused, "time"), (withdrawn, "merit")):
        machine.put([world.custodian("judge").refusal_entry(authorization.note.raw, reason, "request")])
        assert ask(world, authorization)["judge"].held.decision.reason is None, "its people have not said yet why"
        machine.requests.keep_refused(authorization, reason, keys, world.now, os.urandom)
    found = [ask(world, one)["judge"].held.decision for one in (refused, withdrawn)]
    assert found[0] == SaidNo(is_withdrawal=False, reason="time", time=world.now)
    assert found[1] == SaidNo(is_withdrawal=True, reason="merit", time=world.now)
    assert with_countersignatures(withdrawn, world.state().roster, ask(world, withdrawn)) == withdrawn.note


def test_away_is_told_whether_or_not_the_note_is_there(tmp_path):
    world = Elsewhere.make_elsewhere(tmp_path).with_records()
    bench = Bench.make(world, "dpo", people=2, required=2)
    until = world.now.replace(microsecond=0) + dt.timedelta(days=2)
    bench.clerks.set_away(1, people.Away(since=world.now, until=until, stand_in=2), world.now)
    assert ask(world, request(world))["dpo"].away == Away(until=until, is_told=True)
    assert ask(world, request(world))["judge"].away is None
    bench.clerks.set_away(1, None, world.now)
    assert ask(world, request(world))["dpo"].away is None


def test_signature_is_there_until_the_note_expires(world):
    authorization = request(world, expires=world.now + dt.timedelta(hours=1))
    send(world, authorization, "judge")
    signed = world.custodian("judge").countersign(authorization.note.raw, "request")
    world.machine("judge").requests.keep_signed(signed, world.keys("judge"), world.now, os.urandom)
    assert isinstance(ask(world, authorization)["judge"].held.decision, Signed)
    world.now += dt.timedelta(hours=1)
    try:
        assert ask(world, authorization)["judge"].held is None
    finally:
        world.now -= dt.timedelta(hours=1)


def test_custodian_of_the_vaults_folder_gives_the_same_value(tmp_path):
    local = World.make(tmp_path)
    local.epoch("2016-09-01", "2016-09-03")
    authorization = parse_authorization(local.request(), "request")
    services = local.custodians()
    for service in services:
        service.sync()
    assert {one.held for one in ask_standings(local.vault, authorization, services).values()} == {None}
    signed = local.custodian("judge").countersign(authorization.note.raw, "request")
    local.vault.custodian("judge").requests.keep_signed(signed, local.keys("judge"), local.now, os.urandom)
    found = ask_standings(local.vault, authorization, services)
    merged = parse_authorization(with_countersignatures(authorization, local.state().roster, found).raw, "merged")
    assert signers_of(merged, local.state().roster) == ("judge",)
    assert len(shown_words(local.vault, authorization, found)["judge"].now) == 4


def test_served_custodian_and_desk_as_two_processes_show_the_same_words(world, capsys, tmp_path):
    """``coffer send``, ``review`` at the custodian, ``coffer status``, and the countersignature back without a file."""
    authorization, note = request(world), tmp_path / "request.note"
    note.write_bytes(authorization.note.raw)
    secret, merged = ["--passphrase-file", str(world.path / "passphrase")], tmp_path / "merged.note"
    with world.serving("judge") as judge:
        write_addresses(world, {"judge": judge})
        assert run(["send", str(world.vault.path), str(note)]) == 0
        assert run(["status", str(world.vault.path), str(note), "--json"]) == 0
        told = json.loads(capsys.readouterr().out.partition("\n")[2])["custodians"]
        nonce = world.machine("judge").requests.marks(authorization.commitment, world.keys("judge")).nonce
        assert tuple(told["judge"]["check_words"]) == check_words(authorization, "judge", nonce)
        assert told["judge"]["what"] == "held"
        assert told["dpo"]["what"] == "no answer"
        name = authorization.commitment.hex()[:32]
        folder = str(world.machines["judge"])
        assert run(["custodian", "review", folder, name, *secret]) == 0
        assert " ".join(told["judge"]["check_words"]) in capsys.readouterr().out
        assert run(["custodian", "approve", folder, name, "--yes", *secret]) == 0
        assert run(["status", str(world.vault.path), str(note), "-o", str(merged)]) == 0
        said = capsys.readouterr()
        assert " ".join(told["judge"]["check_words"]) in said.out
        assert run(["custodian", "refuse", folder, name, "--reason", "scope", *secret]) == 0
        assert run(["status", str(world.vault.path), str(note)]) == 0
        assert "withdrawn (scope)" in capsys.readouterr().out
    roster = world.state().roster
    assert signers_of(parse_authorization(merged.read_bytes(), "merged"), roster) == ("judge",)
    assert "33612345678" not in said.out + said.err


def test_reply_of_another_request_is_not_proven(world, tmp_path):
    """``coffer status`` ends with exit code 3, and shows the others."""
    authorization = request(world)
    send(world, authorization, "judge", "dpo")

    class Other:
        name = "judge"

        def standing(self, sealed):
            return world_judge.standing(sealed)[:-1] + b"\0"

    (world_judge, dpo) = followed(world, "judge", "dpo")
    found = ask(world, authorization, Other(), dpo)
    with pytest.raises(NotProven, match="does not unseal"):
        raise found["judge"]
    assert found["dpo"].held is not None
    with pytest.raises(Unavailable, match="not at hand"):
        raise found["regulator"]
    with pytest.raises(NotProven, match="written for another vault"):
        ask_standings(World.make(tmp_path).vault, authorization, [])


def test_retirement_forgets_what_local_custodians_decided_a_quarter_after_it_expired(tmp_path):
    local = World.make(tmp_path)
    authorization = parse_authorization(local.request(), "request")
    signed = local.custodian("judge").countersign(authorization.note.raw, "request")
    requests, keys = local.vault.custodian("judge").requests, local.keys("judge")
    requests.keep_signed(signed, keys, local.now, os.urandom)
    for late, kept in ((dt.timedelta(seconds=-1), 1), (dt.timedelta(0), 0)):
        local.now = authorization.terms.expires + KEPT_AFTER + late
        services = local.custodians("judge")
        services[0].sync()
        run_retirement(local.vault, services, passphrase=lambda _name: PASSPHRASE)
        assert len(requests.decided(keys)) == kept
