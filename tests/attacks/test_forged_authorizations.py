"""The text that people sign: nothing else is opened, by nobody else, at no other time."""

import base64
import contextlib
import datetime as dt
import os

import pytest
from forging import RECORDS, ROWS, Desk, log_entries, rows_of, signed_note, terms_of

from coffer.authority.authorization import format_terms, parse_authorization
from coffer.authority.countersign import verify_countersigned
from coffer.custody.decide import Reject
from coffer.custody.exchange import CONSTANT_REFUSAL
from coffer.errors import CofferError, MalformedInput, NotProven, Refused, Unavailable
from coffer.ledger.entries import RevokeEntry
from coffer.notes.keys import Secret, SigningKey
from coffer.notes.note import parse_note, sign_note
from world import World

ALL = ("judge", "dpo", "regulator")
PERIOD = b"period: 2016-09-01T00:00:00+00:00 2016-09-04T00:00:00+00:00"


@pytest.fixture
def world(world):
    world.ingest(RECORDS)
    return world


@pytest.fixture(scope="module")
def still(tmp_path_factory):
    """A world that no test changes, and one request of it."""
    made = World.make(tmp_path_factory.mktemp("still"))
    return made, made.authorize(by=ALL)


def test_too_few_signatures_are_refused(world):
    with pytest.raises(Refused, match="signed by judge, expected 2 of judge,dpo,regulator") as refusal:
        world.open(world.authorize(by=("judge",)))
    assert refusal.value.code == "scope"


def test_twin_enough_signatures_open(world):
    assert rows_of(world.open(world.authorize(by=("judge", "dpo")))) == ROWS


def test_signature_of_a_stranger_counts_for_nobody(world):
    note = parse_note(world.authorize(by=("judge",)), "note").with_signature(SigningKey.generate("dpo/auth")).raw
    with pytest.raises(Refused, match="signed by judge, expected"):
        world.open(note)


def test_damaged_signature_of_a_member_spoils_the_note(world):
    note = parse_note(world.authorize(by=ALL), "note")
    line = note.signatures[-1]
    broken = type(line)(name=line.name, key_id=line.key_id, signature=bytes(64))
    raw = type(note)(text=note.text, signatures=(*note.signatures[:-1], broken)).raw
    with pytest.raises(NotProven, match="signature of regulator/auth does not verify"):
        world.open(raw)


def test_note_without_the_requesters_signature_is_refused(world):
    note = parse_note(world.authorize(by=ALL), "note")
    raw = type(note)(text=note.text, signatures=note.signatures[1:]).raw
    with pytest.raises(NotProven, match="not signed by desk"):
        world.open(raw)


def test_requester_that_is_not_in_the_roster_is_refused(world):
    key = SigningKey.generate("desk")
    terms = terms_of(world.request(), requester=key.verify_key)
    note = sign_note(format_terms(terms), key, *(world.custodian(name).keys.auth for name in ALL)).raw
    with pytest.raises(NotProven, match="its requester is not in the roster"):
        world.open(note)


def test_stolen_signing_keys_of_everyone_open_nothing_without_the_approvals_files(world):
    note = signed_note(world, terms_of(world.request()), *ALL)
    verify_countersigned(parse_authorization(note, "note"), world.state().roster)  # the signatures are all good
    desk = Desk(world, note)
    request = desk.labels(desk.intent())
    for name in ALL:
        assert desk.decide(request, name) == Reject(step=4)
        assert desk.ask(request, name) == CONSTANT_REFUSAL
    with pytest.raises(Refused, match="judge: refused: constant, dpo: refused: constant, regulator: refused: constant"):
        world.open(note)


def test_twin_the_same_note_opens_once_the_custodians_approved_it(world):
    note = signed_note(world, terms_of(world.request()), *ALL)
    for name in ALL:
        world.custodian(name).countersign(note, "request")
    assert rows_of(world.open(note)) == ROWS


def test_stolen_keys_of_two_and_one_approval_open_nothing(world):
    note = world.countersign(signed_note(world, terms_of(world.request()), "dpo", "regulator"), "judge")
    with pytest.raises(Refused, match="dpo: refused: constant"):
        world.open(note)


def approvals_of(world, name="judge"):
    return world.vault.path / "custodians" / name / "approvals"


def edited(lines, how, other):
    match how:
        case "changed":
            commitment = lines[0].split(b" ")[2]
            return [lines[0].replace(commitment[:8], b"0" * 8), *lines[1:]]
        case "another time":
            return [lines[0].replace(b"2016-09-05", b"2016-09-04"), *lines[1:]]
        case "added without a key":
            return [*lines, b"approved 2016-09-05T12:00:00Z " + other + b" 0 " + b"0" * 64 + b"\n"]
        case "copied":
            return [*lines, lines[0]]
        case "taken from the middle":
            return lines[1:]
        case "reordered":
            return lines[::-1]
        case _:
            raise AssertionError(how)


@pytest.mark.parametrize(
    "how", ["changed", "another time", "added without a key", "copied", "taken from the middle", "reordered"]
)
def test_approvals_file_edited_by_hand_approves_nothing(world, how):
    first, second = world.authorize(by=ALL), world.authorize(by=ALL)
    unapproved = parse_authorization(world.request(), "note").commitment.hex().encode()
    path = approvals_of(world)
    header, *lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([header, *edited(lines, how, unapproved)]))
    service = world.custodian("judge")
    with pytest.raises(NotProven, match=r"approvals line [123] is not its own"):
        service._folder.approvals(service.keys)
    with pytest.raises(NotProven, match="approvals line"):
        service.countersign(world.request(), "request")
    for note in (first, second):
        assert rows_of(world.open(note, world.custodians("dpo", "regulator"))) == ROWS


def test_step_04_edited_approvals_file_gives_the_constant_refusal(world):
    desk = Desk(world, world.authorize(by=ALL))
    request = desk.labels(desk.intent())
    path = approvals_of(world)
    path.write_bytes(path.read_bytes()[:-9] + b"00000000\n")
    assert desk.ask(request) == CONSTANT_REFUSAL


@pytest.mark.parametrize("kept", [1, 64, 149])
def test_last_line_cut_by_a_crash_leaves_the_earlier_approvals(world, kept):
    first = world.authorize(by=ALL)
    whole = approvals_of(world).read_bytes()
    world.authorize(by=ALL)
    cut = approvals_of(world).read_bytes()
    approvals_of(world).write_bytes(cut[: len(whole) + kept])
    service = world.custodian("judge")
    assert service._folder.approvals(service.keys) == {parse_authorization(first, "note").commitment}
    assert rows_of(world.open(first)) == ROWS
    assert rows_of(world.open(world.authorize(by=ALL))) == ROWS  # and the next approval mends the file


def test_resalted_authorization_has_another_commitment_and_its_signatures_fail(world):
    note = parse_note(world.authorize(by=ALL), "note")
    text = format_terms(terms_of(note.raw, salt=Secret(bytes(32), "salt")))
    resalted = type(note)(text=text, signatures=note.signatures).raw
    assert parse_authorization(resalted, "x").commitment != parse_authorization(note.raw, "x").commitment
    with pytest.raises(NotProven, match="signature of desk does not verify"):
        world.open(resalted)


def test_salt_that_is_not_in_the_signed_text_is_not_taken(still):
    _, note = still
    text, _, signatures = note.partition(b"\n\n")
    salt = next(line for line in text.split(b"\n") if line.startswith(b"salt: "))
    outside = text.replace(salt + b"\n", b"") + b"\n\n" + salt + b"\n" + signatures
    with pytest.raises(MalformedInput, match="signature 1: expected a dash"):
        parse_authorization(outside, "note")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"subject: tel:+33612345678", "subject: tel:+3361234567\N{FULLWIDTH DIGIT EIGHT}".encode()),
        (b"person: A. Example", "person: A. Exa\N{COMBINING ACUTE ACCENT}mple".encode()),
        (b"person: A. Example", "person: A. Ex\N{ZERO WIDTH JOINER}ample".encode()),
        (b"person: A. Example", "person: A. Ex\N{HEBREW LETTER ALEF}ample".encode()),
        (b"person: A. Example", "person: A.\N{NO-BREAK SPACE}Example".encode()),
        (b"authority: Court", "authority: \N{FULLWIDTH LATIN CAPITAL LETTER C}ourt".encode()),
        (b"person: A. Example", "person: A. Ex\N{RIGHT-TO-LEFT OVERRIDE}ample".encode()),
        (b"person: A. Example", b"person: A.\tExample"),
        (b"person: A. Example", b"person: A. Ex\x7fample"),
        (b"person: A. Example", b"person: A. Example\r"),
        (b"person: A. Example", b"person:  A. Example"),
        (b"person: A. Example", b"person: A. Example "),
        (b"person: A. Example", b"person:A. Example"),
        (b"person: A. Example", b"Person: A. Example"),
        (b"person: A. Example", b"person: A. Example\nperson: B. Example"),
        (b"tel:+33612345678", b"tel:33612345678"),
        (b"tel:+33612345678", b"tel:+033612345678"),
        (b"tel:+33612345678", b"tel:+33 612345678"),
        (b"tel:+33612345678", b"TEL:+33612345678"),
        (b"tel:+33612345678", b"tel:+33612345678\nsubject: tel:+33612345678"),
        (b"tel:+33612345678", b"mailto:A@example.org"),
        (b"tel:+33612345678", b"mailto:a@EXAMPLE.org"),
        (b"tel:+33612345678", "mailto:a@ex\N{CYRILLIC SMALL LETTER A}mple.org".encode()),
        (b"max-records: 100", b"max-records: 0100"),
        (b"max-records: 100", b"max-records: +100"),
        (b"max-records: 100", b"max-records: 1e2"),
        (b"max-records: 100", b"max-records: 0"),
        (b"max-records: 100", b"max-records: 1000001"),
        (b"kinds: call", b"kinds: call,call"),
        (b"kinds: call", b"kinds: text,call"),
        (b"kinds: call", b"kinds: call, text"),
        (b"hub: no", b"hub: No"),
        (b"hub: no", b"hub: no\nhub: yes"),
        (PERIOD, PERIOD.replace(b"2016-09-01T", b"2016-9-1T")),
        (PERIOD, PERIOD.replace(b"T00:00:00+00:00 2", b"T00:00:00Z 2")),
        (PERIOD, PERIOD.replace(b"T00:00:00+00:00 2", b"T00:00:00-00:00 2")),
        (PERIOD, PERIOD.replace(b"T00:00:00+00:00 2", b"T00:00:00.0+00:00 2")),
        (PERIOD, PERIOD.replace(b"T00:00:00+00:00 2", b"T00:00+00:00 2")),
        (PERIOD, PERIOD.replace(b"T00:00:00+00:00 2", b" 00:00:00+00:00 2")),
        (PERIOD, PERIOD.replace(b"2016-09-01T", b"2016-09-04T")),
        (PERIOD, PERIOD.replace(b"2016-09-04T", b"2016-12-03T")),
        (PERIOD, PERIOD + b"\n" + PERIOD),
        (PERIOD, PERIOD + b"\ndays: 2016-09-01 2016-09-03"),
        (PERIOD, b"days: 2016-09-01 2016-09-03"),
        (b"not-before: 2016-09-05T12:00:00Z", b"not-before: 2016-09-05 12:00:00Z"),
        (b"not-before: 2016-09-05T12:00:00Z", b"not-before: 2016-09-05T12:00:00+00:00"),
        (b"expires: 2016-09-12T12:00:00Z", b"expires: 2016-10-05T12:00:01Z"),
        (b"expires: 2016-09-12T12:00:00Z", b"expires: 2016-09-05T12:00:00Z"),
        (b"secret-until: 2017-09-05", b"secret-until: 2026-09-14"),
        (b"coffer.authorization/v3", b"coffer.authorization/v2"),
        (b"coffer.authorization/v3", b"coffer.authorization/v4"),
    ],
)
def test_text_that_could_be_read_in_two_ways_is_refused(still, old, new):
    _, note = still
    assert note.count(old) == 1
    with pytest.raises(MalformedInput, match=r"^note: "):
        parse_authorization(note.replace(old, new), "note")


def test_time_at_the_end_of_the_calendar_breaks_no_reader(still):
    _, note = still
    late = note.replace(b"not-before: 2016-09-05T12:00:00Z", b"not-before: 9999-12-31T00:00:00Z")
    terms = parse_authorization(late.replace(b"expires: 2016-09-12T12", b"expires: 9999-12-31T12"), "note").terms
    assert terms.expires - terms.not_before == dt.timedelta(hours=12)


def test_twin_the_text_as_written_parses_to_itself(still):
    _, note = still
    assert format_terms(parse_authorization(note, "note").terms) == parse_note(note, "note").text


def test_upper_case_hex_reordered_lines_and_trailing_line_ends_are_refused(still):
    _, note = still
    text, _, signatures = note.partition(b"\n\n")
    lines = text.split(b"\n")
    swapped = [lines[0], lines[2], lines[1], *lines[3:]]
    for changed in (
        b"\n".join([*lines[:3], lines[3][:4] + lines[3][4:].upper(), *lines[4:]]),
        b"\n".join(swapped),
        text + b"\nprotected: no",
        b"\n" + text,
        b" " + text,
    ):
        with pytest.raises(MalformedInput, match=r"^note: line \d+"):
            parse_authorization(changed + b"\n\n" + signatures, "note")
    with pytest.raises(MalformedInput, match=r"line \d+ is empty"):
        parse_authorization(note + b"\n", "note")


def test_no_changed_byte_of_the_signed_text_is_accepted(still):
    world, note = still
    roster = world.state().roster
    size = len(parse_note(note, "note").text)
    verify_countersigned(parse_authorization(note, "note"), roster)
    for at in range(size):
        changed = note[:at] + bytes([note[at] ^ 1]) + note[at + 1 :]
        with pytest.raises((MalformedInput, NotProven), match=r"^note: "):
            verify_countersigned(parse_authorization(changed, "note"), roster)


def test_arbitrary_bytes_are_malformed_and_nothing_worse(still):
    _, note = still
    for at in range(0, len(note), 7):
        for junk in (b"\x00", b"\xff", b"\n", b"\n\n", base64.b64encode(os.urandom(9))):
            with contextlib.suppress(MalformedInput):  # whatever it raises else fails the test
                parse_authorization(note[:at] + junk + note[at + len(junk) :], "note")
        with pytest.raises(MalformedInput, match=r"^note: "):
            parse_authorization(note[:at] + b"\x00" + note[at + 1 :], "note")


@pytest.mark.parametrize(
    ("moment", "said"),
    [
        (dt.timedelta(seconds=-1), "is not in force yet"),
        (dt.timedelta(days=7), "has expired"),
        (dt.timedelta(days=300), "has expired"),
    ],
)
def test_outside_its_time_it_opens_nothing(world, moment, said):
    note = world.authorize(by=ALL)
    world.now += moment
    with pytest.raises((Refused, Unavailable), match=f"{said}|its seal key is not here") as refusal:
        world.open(note)
    assert getattr(refusal.value, "code", "time") == "time"


def test_twin_within_its_last_second_it_opens(world):
    note = world.authorize(by=ALL)
    world.now += dt.timedelta(days=7, seconds=-1)
    assert rows_of(world.open(note)) == ROWS


@pytest.mark.parametrize("name", ALL)
def test_revoked_by_any_custodian_it_opens_nothing(world, name):
    note = world.authorize(by=ALL)
    with world.vault.writing() as state:
        world.vault.append([world.custodian(name).revocation_entry(note, "request")], state)
    with pytest.raises((Refused, Unavailable), match=r"revoked|its seal key is not here"):
        world.open(note)
    with pytest.raises(Refused, match="revoked") as refusal:
        world.custodian("judge").countersign(note, "request")
    assert refusal.value.code == "time"


def test_revocation_by_no_custodian_has_no_effect(world):
    note = world.authorize(by=ALL)
    commitment = parse_authorization(note, "note").commitment
    log_entries(world, RevokeEntry(authorization=commitment), key=world.vault.operator_key("desk"))
    assert rows_of(world.open(note)) == ROWS


def test_hub_needs_the_signature_of_every_custodian_of_the_rule(world):
    with pytest.raises(Refused, match=r"expected all of dpo,judge,regulator, since it says hub: yes") as refusal:
        world.open(world.authorize(by=("judge", "dpo"), is_hub=True))
    assert refusal.value.code == "scope"


def test_twin_hub_with_every_signature_opens(world):
    assert rows_of(world.open(world.authorize(by=ALL, is_hub=True))) == ROWS


def test_note_of_another_vault_is_refused_by_custodian_and_client(world, tmp_path):
    other = World.make(tmp_path / "other")
    foreign = other.authorize(by=ALL)
    with pytest.raises(Refused, match="written for another vault"):
        world.custodian("judge").countersign(foreign, "request")
    with pytest.raises(CofferError, match="written for another vault"):
        world.open(foreign)


def test_custodian_that_refused_does_not_approve_later(world):
    note = world.request()
    with world.vault.writing() as state:
        world.vault.append([world.custodian("judge").refusal_entry(note, "merit", "request")], state)
    with pytest.raises(Refused, match="judge has refused it"):
        world.countersign(note, "judge")
    assert rows_of(world.open(world.countersign(note, "dpo", "regulator"), world.custodians())) == ROWS


def test_custodian_that_refused_in_the_log_does_not_answer_even_if_it_had_approved(world):
    world.ingest("+33612345678,+33698765432,2016-09-01 10:00:00,60\n")
    note = world.authorize()
    twin = world.authorize()
    for name in ("judge", "dpo"):
        with world.vault.writing() as state:
            world.vault.append([world.custodian(name).refusal_entry(note, "scope", "request")], state)
    with pytest.raises(Refused, match="too few answered"):
        world.open(note)
    assert world.open(twin).records > 0


def test_revocation_by_a_clock_that_is_behind_is_refused_and_not_reported_as_done(world):
    note = world.authorize()
    world.now += dt.timedelta(hours=2)
    world.epoch("2016-09-04", "2016-09-04")
    world.now -= dt.timedelta(hours=1)
    with pytest.raises(Unavailable, match="clock: the log's newest entry is dated"):
        world.custodian("judge").revocation_entry(note, "request")
    world.now += dt.timedelta(hours=1)
    with world.vault.writing() as state:
        world.vault.append([world.custodian("judge").revocation_entry(note, "request")], state)
    assert len(world.state().revoked) == 1
