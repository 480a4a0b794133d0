"""A limit that is raised: what signatures, approvals and time an amendment needs, each attack with its succeeding twin."""

import datetime as dt
from dataclasses import replace

import pytest
from forging import RECORDS, SUBJECT, Desk, log_entries, rows_of, signed_note, terms_of

from clerking import Bench
from coffer.authority.amended import amended_bytes, parse_amended
from coffer.authority.authorization import parse_authorization
from coffer.authority.countersign import verify_countersigned
from coffer.cli.main import run
from coffer.custody.decide import Decline, Grant, Reject
from coffer.custody.exchange import Code
from coffer.errors import MalformedInput, Refused
from coffer.identity.identifier import parse_subject
from coffer.ledger.entries import RevokeEntry
from coffer.notes.keys import Secret
from coffer.procedures.opening.amend import amend_request
from coffer.procedures.opening.kept import is_living, read_kept
from coffer_audit.cli import main as audit
from elsewhere import Elsewhere
from world import World

ALL = ("judge", "dpo", "regulator")


def amendment_of(world, note, limit=3, by=ALL):
    made = amend_request(
        world.vault, note, max_records=limit, authority="Court of Appeal", basis="Act 1; extended", files=()
    )
    return world.countersign(made.note.raw, *by)


@pytest.fixture(scope="module")
def still(tmp_path_factory):
    """A desk with two records drawn of two, and three needed; an amendment that all approved; nothing changes it."""
    world = World.make(tmp_path_factory.mktemp("still"))
    world.epoch("2016-09-01", "2016-09-02")
    world.ingest(RECORDS)
    note = world.authorize(by=ALL, max_records=2)
    desk = Desk(world, note)
    amendment = amendment_of(world, note)
    intent = desk.intent()
    draw = desk.draw(intent, [desk.cell(1, count=1), desk.cell(2, count=2)])
    return desk, amendment, intent, draw


def asked(still, note, **changes):
    desk, _, intent, draw = still
    request = desk.data(intent, draw, desk.cell(1, count=1), desk.cell(2, count=2), note=note)
    return desk.decide(request, **changes)


def test_twin_amendment_that_all_approved_raises_the_limit(still):
    desk, amendment, *_ = still
    assert isinstance(asked(still, desk.note + amendment), Grant)


def test_without_the_amendment_the_limit_is_the_old_one(still):
    assert asked(still, still[0].note) == Decline(step=11, code=Code.BUDGET)


def forged(still, names=ALL, **changes):
    """An amendment with other lines, signed by the custodians' keys, and approved by all of them too."""
    desk, amendment, *_ = still
    return signed_note(desk.world, terms_of(amendment, **changes), *names)


def approving(still, *notes):
    """The same decision by a custodian whose approvals hold these notes, so that no other check hides behind them."""
    desk = still[0]
    own = {parse_authorization(note, "note").commitment for note in (desk.note, *notes)}
    return {"approvals": own}


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("lower", {"max_records": 1}),
        ("the same", {"max_records": 2}),
        ("another subject", {"subjects": (parse_subject("tel:+33698765432", "x"),)}),
        ("more kinds", {"kinds": ("call", "text", "email")}),
        ("longer", {"expires": dt.datetime(2016, 9, 20, tzinfo=dt.UTC)}),
        ("another purpose", {"purpose": "something else"}),
        ("a hub", {"is_hub": True}),
        ("of another request", {"amends": bytes(32)}),
    ],
)
def test_amendment_that_says_something_else_is_refused_at_step_3(still, name, changes):
    other = forged(still, **changes)
    assert asked(still, still[0].note + other, **approving(still, other)) == Reject(step=3), name
    raised = forged(still, max_records=4)  # the twin
    assert isinstance(asked(still, still[0].note + raised, **approving(still, raised)), Grant)


def test_amendment_alone_opens_nothing(still):
    assert asked(still, still[1]) == Reject(step=3)
    with pytest.raises(MalformedInput, match="amendment alone"):
        parse_amended(still[1], "note")


def test_two_amendments_behind_a_request_are_refused(still):
    assert asked(still, still[0].note + still[1] + still[1]) == Reject(step=3)


def test_amendment_that_this_custodian_did_not_approve_is_refused_whoever_signed(still):
    raised = forged(still, max_records=1000)
    assert asked(still, still[0].note + raised) == Reject(step=4)


@pytest.mark.parametrize("names", [(), ("judge",)])
def test_amendment_with_too_few_signatures_is_refused(still, names):
    raised = forged(still, names, max_records=5)
    assert asked(still, still[0].note + raised, **approving(still, raised)) == Reject(step=5)
    enough = forged(still, ("judge", "regulator"), max_records=5)
    assert isinstance(asked(still, still[0].note + enough, **approving(still, enough)), Grant)


def test_amendment_of_a_protected_subject_needs_every_signature_as_the_request_does(still):
    sid = parse_subject(SUBJECT, "x").sid
    two = forged(still, ("judge", "dpo"), max_records=6)
    protecting = approving(still, two) | {"is_protected": lambda one: one == sid}
    assert asked(still, still[0].note + two, **protecting) == Decline(step=10, code=Code.SCOPE)
    every = forged(still, max_records=6)
    assert isinstance(asked(still, still[0].note + every, **(protecting | approving(still, every))), Grant)


def test_amendment_is_not_replayed_on_a_new_request(still):
    desk, amendment, *_ = still
    new = parse_authorization(desk.note, "note").terms
    other = signed_note(desk.world, replace(new, salt=Secret(bytes(32), "salt")), *ALL)
    assert asked(still, other + amendment, **approving(still, other, amendment)) == Reject(step=3)


@pytest.fixture
def amended(world):
    world.ingest(RECORDS)
    note = world.authorize(by=ALL, max_records=2)
    return world, note, amendment_of(world, note)


@pytest.mark.parametrize("which", ["request", "amendment"])
@pytest.mark.parametrize("how", ["revoked", "refused", "expired"])
def test_amendment_ends_with_its_request_and_by_itself(amended, how, which):
    world, note, amendment = amended
    desk = Desk(world, note)
    desk.note = note + amendment
    assert isinstance(desk.decide(desk.labels(desk.intent())), Grant)  # the twin
    commitment = parse_authorization(note if which == "request" else amendment, "note").commitment
    request = desk.labels(desk.intent())
    auth = world.custodian("judge").keys.auth
    if how == "revoked":
        log_entries(world, RevokeEntry(authorization=commitment), key=auth)
    elif how == "refused":
        with world.vault.writing() as state:
            named = note if which == "request" else amendment
            world.vault.append([world.custodian("judge").refusal_entry(named, "merit", "request")], state)
    now = world.now + dt.timedelta(days=8) if how == "expired" else world.now
    own = {parse_authorization(one, "note").commitment for one in (note, amendment)}
    assert desk.decide(request, now=now, approvals=own) == Reject(step=6)  # whatever the own folder says


def test_nothing_is_amended_after_the_request_ended(amended):
    world, note, _ = amended
    terms = {"max_records": 5, "authority": "Court", "basis": "b", "files": ()}
    for limit in (1, 2, 1_000_001):
        with pytest.raises(MalformedInput, match="--max-records"):
            amend_request(world.vault, note, **(terms | {"max_records": limit}))
    assert amend_request(world.vault, note, **terms).terms.max_records == 5
    world.now += dt.timedelta(days=8)
    with pytest.raises(Refused, match="expired"):
        amend_request(world.vault, note, **terms)


def test_opening_over_the_budget_goes_on_after_the_amendment_and_its_answer_proves_itself(amended, tmp_path, capsys):
    world, note, amendment = amended
    with pytest.raises(Refused, match="3 found"):
        world.open(note)
    answer = world.open(amended_bytes([(amendment, "a"), (note, "b")]))
    assert len(rows_of(answer)) == 3
    folder = world.write_answer(answer)
    assert audit(["answer", str(folder), "--vault", str(world.vault.path)]) == 0
    few = signed_note(world, terms_of(amendment), "judge")
    for name, changed in {"without": note, "unsigned": note + few}.items():
        (folder / "evidence" / "authorization.note").write_bytes(changed)
        assert audit(["answer", str(folder), "--vault", str(world.vault.path)]) == 3, name
    capsys.readouterr()


def test_highest_amendment_counts_and_copies_are_joined(amended):
    world, note, amendment = amended
    higher = amendment_of(world, note, limit=7, by=("judge",))
    rest = world.countersign(parse_authorization(higher, "x").note.raw, "dpo")
    joined = parse_amended(amended_bytes([(note, "a"), (amendment, "b"), (higher, "c"), (rest, "d")]), "note")
    assert joined.limit == 7
    assert {line.name for line in joined.amendment.note.signatures} == {"desk", "judge/auth", "dpo/auth"}


def test_commands_amend_countersign_and_open(world, tmp_path, monkeypatch, capfd):
    world.ingest(RECORDS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COFFER_PASSPHRASE", "correct horse")
    monkeypatch.setattr("coffer.cli.console.system_clock", lambda: world.now)
    (tmp_path / "r.note").write_bytes(world.authorize(by=ALL, max_records=2))
    vault = str(world.vault.path)
    command = ["amend", vault, "r.note", "--authority", "Court", "--basis", "b", "-o", "a.note"]
    assert run([*command, "--max-records", "2"]) == 2
    assert run([*command, "--max-records", "3"]) == 0
    opening = ["open", vault, "r.note", "a.note", "-o", "answer"]
    assert run(opening) == 4
    assert run(["show", "a.note"]) == 0
    assert "raises its limit" in capfd.readouterr().out
    for name in ALL[:2]:
        assert run(["countersign", vault, "a.note", "--as", name, "--yes"]) == 0
    assert run(opening) == 0
    assert run(["disclose", "answer", "--vault", vault, "--format", "json,csv", "-o", "forms"]) == 0
    world.now += dt.timedelta(days=4_000)  # secrecy is over
    capfd.readouterr()
    assert run(["reveal", vault, "r.note"]) == 0
    assert "reveal the amendment too" in capfd.readouterr().err
    assert run(["reveal", vault, "a.note"]) == 0
    assert "reveal the amendment too" not in capfd.readouterr().err


def test_people_of_a_custodian_agree_to_an_amendment_by_passkey_on_their_page(tmp_path):
    bench = Bench.make(Elsewhere.make_elsewhere(tmp_path).with_records(), people=1, required=1)
    note = bench.request(max_records=2)
    terms = {"max_records": 3, "authority": "Court of Appeal", "basis": "extended", "files": ()}
    amendment = amend_request(bench.world.vault, note, **terms).note.raw
    for one in (note, amendment):
        bench.take(one)
        assert bench.commitment(one) not in bench.in_force()
        bench.agree(one, 1)
        assert bench.commitment(one) in bench.in_force()


def test_desk_keeps_an_amendment_and_asks_about_it_as_long_as_its_request_can_be_opened(amended):
    world, note, amendment = amended
    commitment = parse_authorization(amendment, "note").commitment
    for expected in (True, False):
        state = world.state()
        kept = read_kept(world.vault, commitment, state)
        assert is_living(kept, state, world.now) is expected
        world.vault.desk.remove_seal_key(parse_authorization(note, "note").commitment)


def test_opening_without_the_amendment_does_not_end_what_the_amendment_allows(tmp_path):
    """Drawing exactly the old limit left no key for the order that the court had extended."""
    world = World.make(tmp_path)
    world.epoch("2016-09-01", "2016-09-02")
    lines = [f"{SUBJECT.removeprefix('tel:')},+33698765432,2016-09-01 {hour}:00:00,60\n" for hour in (10, 11)]
    world.ingest("".join(lines))
    order = {"subjects": [SUBJECT], "days": [("2016-09-01", "2016-09-02")], "kinds": "call", "by": ALL}
    note = world.authorize(max_records=2, **order)
    commitment = parse_authorization(note, "note").commitment
    amendment = amendment_of(world, note, limit=4)
    world.open(note)
    with pytest.raises(Refused, match="all 2 that it allows were drawn"):
        world.open(note)
    assert world.vault.desk.has_seal_key(commitment)
    amended = amended_bytes([(note, "note"), (amendment, "amendment")])
    assert len(rows_of(world.open(amended))) == 2
    assert not world.vault.desk.has_seal_key(commitment)  # the twin: nothing is left under the amendment either


def test_higher_amendment_without_signatures_is_named_as_what_lacks_them(still):
    desk, amendment, *_ = still
    made = {"authority": "Court of Appeal", "basis": "extended", "files": ()}
    higher = amend_request(desk.world.vault, desk.note, max_records=50, **made).note.raw
    both = [(desk.note, "note"), (amendment, "amendment")]
    roster = desk.world.state().roster
    with pytest.raises(Refused, match=r"^amendment: .*signed by no custodian") as error:
        verify_countersigned(parse_amended(amended_bytes([*both, (higher, "higher")]), "note"), roster)
    assert "without this amendment" in error.value.hint
    assert verify_countersigned(parse_amended(amended_bytes(both), "note"), roster).signers == ALL
