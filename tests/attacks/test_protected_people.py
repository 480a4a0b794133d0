"""Protected lists and the no-index list: who is on one is not opened by a few, and the list tells nobody (docs/formats/people.md)."""

import os
from dataclasses import replace

import pytest
from forging import ROWS, SUBJECT, Desk, rows_of

from coffer.custody.decide import Decline, Grant, decide
from coffer.custody.exchange import Code
from coffer.custody.protected import CATEGORIES, ProtectedList
from coffer.errors import MalformedInput, NotProven, Refused
from coffer.identity.identifier import parse_subject
from coffer.procedures.ingest import run as run_ingest
from world import PASSPHRASE, World, feed

ALL = ("judge", "dpo", "regulator")
SID = parse_subject(SUBJECT, "subject").sid
RECORDS = (
    "+33612345678,+33698765432,2016-09-01 10:00:00,60\n"
    "+33698765432,+33612345678,2016-09-02 11:00:00,5\n"
    "anonymous,+33612345678,2016-09-02 12:00:00,0\n"
)


@pytest.fixture
def world(world):
    world.ingest(RECORDS)
    return world


def protect(world, *subjects, name="judge", category="journalist"):
    folder = world.vault.custodian(name)
    keys = folder.unlock(PASSPHRASE)
    sids = [(parse_subject(text, "subject").sid, category) for text in subjects]
    folder.write_protected(folder.protected(keys).with_members(sids))


def protected_file(world, name="judge"):
    return world.vault.path / "custodians" / name / "protected"


def test_protected_person_is_not_opened_by_two_of_three(world):
    for name in ALL:
        protect(world, SUBJECT, name=name)
    with pytest.raises(Refused, match="refused: scope") as found:
        world.open(world.authorize(by=("judge", "dpo")))
    assert found.value.code == "scope"
    assert rows_of(world.open(world.authorize(by=ALL))) == ROWS


def test_one_custodians_list_binds_that_custodian_alone(tmp_path):
    everyone = (*ALL, "cnctr")
    world = World.make(tmp_path, custodians=everyone, rules=[("base", "2 of judge,dpo,regulator,cnctr")])
    world.epoch("2016-09-01", "2016-09-02")
    world.ingest(RECORDS)
    protect(world, SUBJECT, name="judge")
    answer = world.open(world.authorize(by=ALL))
    assert (answer.custodians["judge"], answer.custodians["dpo"]) == ("refused: scope", "answered")
    assert rows_of(answer) == ROWS
    assert world.open(world.authorize(by=everyone)).custodians["judge"] == "answered"


def test_somebody_elses_protection_changes_nothing(world):
    for name in ALL:
        protect(world, "tel:+33698765432", name=name)
    assert rows_of(world.open(world.authorize(by=("judge", "dpo")))) == ROWS


def test_reply_about_a_protected_person_is_that_of_any_scope_refusal_to_the_byte(world):
    """The same request to a custodian that protects the subject, and to one whose own rule does not allow it."""
    desk = Desk(world, world.authorize(by=("judge", "dpo")))
    request = desk.labels(desk.intent())
    protect(world, SUBJECT, name="judge")
    sealed = [world.custodian("judge").answer(desk.sealed(request))]
    refused = desk.ask(request)
    outside = desk.labels(desk.intent(), desk.cell(line=2))
    sealed.append(world.custodian("judge").answer(desk.sealed(outside)))
    other = desk.ask(outside)
    assert refused[:-64] == b"COFERR01\x01" + request.hash + bytes([Code.SCOPE])
    assert other[:-64] == b"COFERR01\x01" + outside.hash + bytes([Code.SCOPE])
    assert len(sealed[0]) == len(sealed[1])


@pytest.mark.parametrize("listed", [[], [SID], [bytes(16)] * 3], ids=["empty", "on it", "others"])
def test_as_much_is_computed_whoever_is_on_the_list(world, listed):
    desk = Desk(world, world.authorize(by=("judge", "dpo"), subjects=[SUBJECT, "tel:+33698765432"]))
    request = desk.labels(desk.intent(), desk.cell(1), desk.cell(1, line=2), desk.cell(2), desk.cell(2, line=2))
    asked = []
    decider = desk.decider()
    decider = replace(decider, is_protected=lambda sid: asked.append(sid) or sid in listed)
    decision = decide(request, world.state(), decider)
    assert asked == [subject.sid for subject in desk.authorization.terms.subjects]
    assert isinstance(decision, Decline if SID in listed else Grant)


def test_file_of_the_list_holds_no_identity_and_another_custodians_hash_is_another(world):
    for name in ("judge", "dpo"):
        protect(world, SUBJECT, name=name)
    raw, other = protected_file(world).read_bytes(), protected_file(world, "dpo").read_bytes()
    assert b"33612345678" not in raw
    assert SID not in raw
    assert SID.hex().encode() not in raw
    assert raw.splitlines()[1] != other.splitlines()[1]
    assert raw.splitlines()[1].endswith(b" journalist")


def _cut(raw):
    lines = raw.splitlines(keepends=True)
    return b"".join([*lines[:1], *lines[2:]])


EDITS = {
    "removed": lambda _raw: None,
    "emptied": lambda _raw: b"",
    "a line cut": _cut,
    "category changed": lambda raw: raw.replace(b"journalist", b"lawyer"),
    "mac of nothing": lambda raw: raw[: raw.rfind(b"mac: ")] + b"mac: " + b"0" * 64 + b"\n",
    "a byte added": lambda raw: raw + b"\n",
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_protected_list_edited_by_hand_answers_nothing(world, edit):
    protect(world, SUBJECT)
    desk = Desk(world, world.authorize(by=ALL))
    request = desk.labels(desk.intent())
    path = protected_file(world)
    raw = path.read_bytes()
    assert desk.ask(request).startswith(b"COFRSP01")
    changed = edit(raw)
    path.unlink() if changed is None else path.write_bytes(changed)
    assert desk.ask(request) == b"COFREF01"
    with pytest.raises(NotProven, match="protected list: not its own, or changed"):
        world.custodian("judge").verify_ready()
    path.write_bytes(raw)
    assert desk.ask(request).startswith(b"COFRSP01")


def test_list_of_another_custodian_put_in_its_place_answers_nothing(world):
    protect(world, "tel:+33698765432", name="dpo")
    protected_file(world).write_bytes(protected_file(world, "dpo").read_bytes())
    desk = Desk(world, world.authorize(by=ALL))
    request = desk.labels(desk.intent())
    assert desk.ask(request) == b"COFREF01"
    assert desk.ask(request, "dpo").startswith(b"COFRSP01")


def test_list_survives_a_change_of_the_wrapping_key(world):
    protect(world, SUBJECT)
    service = world.custodian("judge")
    service._ring.rotate(PASSPHRASE, os.urandom)
    again = world.custodian("judge")
    assert again._folder.protected(again.keys).has(SID)


def test_counts_say_how_many_and_repr_nothing(world):
    protect(world, SUBJECT, "tel:+33698765432", category="doctor")
    protect(world, SUBJECT, category="lawyer")
    folder = world.vault.custodian("judge")
    found = folder.protected(folder.unlock(PASSPHRASE))
    assert found.counts() == {"lawyer": 1, "doctor": 1}
    assert repr(found) == "<protected list of 2>"
    assert found.without([SID]).counts() == {"doctor": 1}
    assert set(found.counts()) < set(CATEGORIES)
    assert isinstance(found, ProtectedList)


# The no-index list.

HELPLINE, MAIL = "tel:+33800840800", "mailto:tips@newsroom.example"
LIST = f"coffer.no-index/v1\n2016-09-01 {HELPLINE} violence against women\n2016-09-01 short:FR/3919 helpline\n2016-09-02 {MAIL} newsroom\n"


@pytest.fixture
def listing(world):
    (world.vault.path / "no-index.txt").write_text(LIST)
    return world


CALLS = (
    "+33611111111,+33800840800,2016-09-01 10:00:00,60\n"
    "+33611111111,3919,2016-09-01 11:00:00,61\n"
    "+33611111111,+33622222222,2016-09-01 12:00:00,62\n"
    "+33800840800,+33622222222,2016-09-01 13:00:00,63\n"
)


def test_nobody_learns_who_called_a_helpline(listing):
    summary = listing.ingest(CALLS, name="help.csv")
    assert (summary.files[0].kept, summary.files[0].unindexed) == (4, 3)
    assert summary.no_index.lines == 3
    for subject in (HELPLINE, "short:FR/3919"):
        assert rows_of(listing.open(listing.authorize(subjects=[subject]))) == []


def test_caller_of_a_helpline_keeps_the_call_and_not_whom(listing):
    listing.ingest(CALLS, name="help.csv")
    caller, called = "tel:+33611111111", "tel:+33622222222"
    assert rows_of(listing.open(listing.authorize(subjects=[caller]))) == [
        f"{caller},call,out,,2016-09-01T10:00:00Z,60,true,,",
        f"{caller},call,out,,2016-09-01T11:00:00Z,61,true,,",
        f"{caller},call,out,{called},2016-09-01T12:00:00Z,62,true,,",
    ]
    assert rows_of(listing.open(listing.authorize(subjects=[called]))) == [
        f"{called},call,in,{caller},2016-09-01T12:00:00Z,62,true,,",
        f"{called},call,in,,2016-09-01T13:00:00Z,63,true,,",
    ]


def test_sealers_side_by_side_follow_the_list_too(listing, monkeypatch):
    monkeypatch.setattr(run_ingest, "PARALLEL_BYTES", 0)
    path = listing.path / "help.csv"
    path.write_text(CALLS)
    summary = run_ingest.run_ingest(
        listing.vault,
        feed(),
        [str(path)],
        on_progress=lambda **_: None,
        on_rejects=lambda *_: None,
        workers=2,
    )
    assert summary.files[0].unindexed == 3
    assert rows_of(listing.open(listing.authorize(subjects=[HELPLINE]))) == []


def test_without_the_list_the_same_records_are_opened(world):
    assert world.ingest(CALLS, name="help.csv").no_index is None
    assert len(rows_of(world.open(world.authorize(subjects=[HELPLINE])))) == 2


def test_mail_to_a_newsroom_leaves_no_row_of_it_and_no_address_in_the_senders(listing):
    mails = (
        "a@example.org,tips@newsroom.example,2016-09-01 10:00:00,0\na@example.org,b@example.org,2016-09-01 11:00:00,0\n"
    )
    listing.ingest(mails, name="mails.csv", by=feed(kind="email", name="mail"))
    opened = {
        subject: [
            row.split(",")[3] for row in rows_of(listing.open(listing.authorize(subjects=[subject], kinds="email")))
        ]
        for subject in (MAIL, "mailto:a@example.org")
    }
    assert opened == {MAIL: [], "mailto:a@example.org": ["", "mailto:b@example.org"]}


FORWARDED = """
[feed]
name = "forwarded"
format = "csv"
home_country = "FR"
time_zone = "UTC"
kind = "call"
[csv]
header = false
date_format = "%Y-%m-%d %H:%M:%S"
[columns]
a = 0
b = 1
forwarded = 2
start = 3
duration_s = 4
"""


def test_call_forwarded_to_a_helpline_shows_it_nowhere(listing):
    listing.ingest("+33611111111,+33622222222,+33800840800,2016-09-01 10:00:00,60\n", name="f.csv", by=feed(FORWARDED))
    called = "tel:+33622222222"
    rows = [row.split(",")[2:4] for row in rows_of(listing.open(listing.authorize(subjects=[called])))]
    assert rows == [["forwarded", ""], ["in", "tel:+33611111111"]]
    assert rows_of(listing.open(listing.authorize(subjects=[HELPLINE]))) == []


def test_tally_counts_a_call_to_a_helpline_as_any_other(world, tmp_path):
    import datetime as dt

    from coffer.procedures.reports.totals import make_report

    def total():
        day = dt.date(2016, 9, 1)
        return make_report(world.vault, world.state(), first=day, last=day, by=["destination"], country="FR").total

    before = total()
    (world.vault.path / "no-index.txt").write_text(LIST)
    world.ingest(CALLS, name="help.csv")
    assert total() - before == 4


BAD_LISTS = {
    "another version": "coffer.no-index/v2\n",
    "no reason": f"coffer.no-index/v1\n2016-09-01 {HELPLINE}\n",
    "no day": f"coffer.no-index/v1\n{HELPLINE} helpline\n",
    "listed twice": f"coffer.no-index/v1\n2016-09-01 {HELPLINE} a\n2016-09-02 {HELPLINE} b\n",
    "a sender": "coffer.no-index/v1\n2016-09-01 sender:BANK bank\n",
    "no last line end": f"coffer.no-index/v1\n2016-09-01 {HELPLINE} a",
    "not a number": "coffer.no-index/v1\n2016-09-01 tel:0800840800 a\n",
}


@pytest.mark.parametrize("text", BAD_LISTS.values(), ids=BAD_LISTS)
def test_ingest_does_not_begin_with_a_list_it_cannot_read(world, text):
    path = world.vault.path / "no-index.txt"
    path.write_text(text)
    size = world.state().size
    with pytest.raises(MalformedInput, match=r"^no-index\.txt") as found:
        world.ingest(CALLS, name="help.csv")
    assert "33800840800" not in found.value.message
    assert world.state().size == size
    path.write_text(LIST)
    assert world.ingest(CALLS, name="help.csv").files[0].unindexed == 3
