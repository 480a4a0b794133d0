"""After secrecy: what the log shows, who is told, and what a person gets who asks (docs/formats/notice.md)."""

import datetime as dt
import io
import json
import re
from dataclasses import replace

import pytest
from pypdf import PdfReader

from coffer.authority.authorization import parse_authorization
from coffer.authority.ordered import Issuer, OrderClass
from coffer.cli import main
from coffer.disclosure.letterhead import MAX_WINDOW, Letterhead, Party
from coffer.disclosure.notice import (
    concerning,
    find_notices,
    format_letter,
    format_openings,
    letter_document,
    proof_code,
)
from coffer.disclosure.notice_texts import NOTICE_TEXTS
from coffer.disclosure.qr import MAX_DATA_BYTES, qr_svg
from coffer.errors import NotProven, Refused
from coffer.procedures.opening.reveal import HIDDEN_BY_DEFAULT, parse_hidden, reveal_entry, verify_may_reveal
from coffer_audit.cli import main as audit
from world import ordered

SECRET_UNTIL = dt.date(2016, 9, 30)
AFTER = dt.datetime(2016, 10, 1, tzinfo=dt.UTC)
RECORDS = "+33612345678,+33698765432,2016-09-01 10:00:00,60\n+33698765432,+33612345678,2016-09-02 11:00:00,5\n"


@pytest.fixture
def opened(world):
    """A vault in which one person's two records were opened; the note."""
    world.ingest(RECORDS)
    note = world.authorize(by=("judge", "dpo"), secret_until=SECRET_UNTIL, authority="Court of Appeal [b]x[/b]")
    world.open(note)
    (world.path / "request.note").write_bytes(note)
    return world, note


def run(world, monkeypatch, *words):
    monkeypatch.setattr("coffer.cli.console.system_clock", world.clock)
    monkeypatch.chdir(world.path)
    return main.run(list(words))


def notices_of(world):
    kept = [parse_authorization(raw, "desk") for raw in world.vault.desk.kept_notes()]
    return find_notices(kept, world.state(), world.vault.desk.told())


def reveal(world, note, hidden=HIDDEN_BY_DEFAULT):
    body = reveal_entry(parse_authorization(note, "note"), hidden)
    with world.vault.writing() as state:
        verify_may_reveal(parse_authorization(note, "note"), hidden, state, world.now)
        world.vault.append([world.vault.entry(body, world.vault.operator_key("desk"), state)], state)
    return body


def test_authorization_is_not_revealed_on_the_last_day_of_its_secrecy_and_is_the_day_after(opened):
    world, note = opened
    world.now = AFTER - dt.timedelta(seconds=1)
    with pytest.raises(Refused, match="secret until 2016-09-30") as found:
        reveal(world, note)
    assert found.value.code == "time"
    world.now = AFTER
    reveal(world, note)
    assert len(world.state().reveals) == 1
    with pytest.raises(Refused, match="revealed before"):
        reveal(world, note)
    reveal(world, note, hidden=("person",))
    assert audit(["vault", str(world.vault.path)]) == 0


def test_revealed_entry_names_no_person_and_opens_no_hidden_line(opened):
    world, note = opened
    world.now = AFTER
    body = reveal(world, note)
    raw = b"".join(world.vault.log.entries(0, world.state().size))
    assert b"33612345678" not in raw
    assert b"A. Example" not in raw
    assert b"authority: Court of Appeal" in raw
    assert parse_authorization(note, "note").terms.salt.unsafe_bytes().hex().encode() not in raw
    hidden = [line.index for line in body.lines if line.line is None]
    lines = parse_authorization(note, "note").note.text.decode().split("\n")
    assert [lines[index].partition(":")[0] for index in hidden] == ["subject", "person"]


def test_hide_takes_keys_of_lines_and_nothing_else():
    assert parse_hidden("nothing", "--hide") == ()
    assert parse_hidden("person,period", "--hide") == ("person", "period")
    for wrong in ("salt", "person,person", "", "Person"):
        with pytest.raises(Exception, match="--hide: expected keys"):
            parse_hidden(wrong, "--hide")


def test_kept_note_names_nobody_on_the_disk_and_is_refused_when_changed(opened):
    world, note = opened
    path = next((world.vault.path / "desk").glob("*.note"))
    raw = path.read_bytes()
    assert b"33612345678" not in raw
    assert world.vault.desk.kept_notes() == [note]
    path.write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))
    with pytest.raises(NotProven, match="was changed"):
        world.vault.desk.kept_notes()


def test_person_is_due_once_secrecy_ended_and_told_only_when_somebody_says_so(opened, monkeypatch, capsys):
    world, note = opened
    name = parse_authorization(note, "note").commitment.hex()[:32]
    world.now = AFTER - dt.timedelta(seconds=1)
    assert [notice.is_due(world.now) for notice in notices_of(world)] == [False]
    assert run(world, monkeypatch, "notices", "vault", "--write", "early") == 0
    assert not (world.path / "early").exists()
    assert run(world, monkeypatch, "notices", "vault", "--mark-told", name) == 4
    assert "secret, expected due" in capsys.readouterr().err
    world.now = AFTER
    assert [notice.is_due(world.now) for notice in notices_of(world)] == [True]
    assert run(world, monkeypatch, "notices", "vault", "--write", "letters", "--language", "fr") == 0
    assert [notice.is_due(world.now) for notice in notices_of(world)] == [True], "a letter in a folder tells nobody"
    assert run(world, monkeypatch, "notices", "vault", "--write", "again") == 0
    for wrong in ("ff" * 16, name[:31], ""):
        assert run(world, monkeypatch, "notices", "vault", "--mark-told", name, "--mark-told", wrong) == 2
    assert run(world, monkeypatch, "notices", "vault", "--mark-told", name, "--write", "more") == 2
    assert not list((world.vault.path / "desk").glob("*.told"))
    assert run(world, monkeypatch, "notices", "vault", "--mark-told", name) == 0
    assert "1 authorization marked as told\n" in capsys.readouterr().out
    assert run(world, monkeypatch, "notices", "vault", "--mark-told", name) == 4
    assert run(world, monkeypatch, "notices", "vault", "--write", "none") == 0
    assert not (world.path / "none").exists()
    capsys.readouterr()
    assert run(world, monkeypatch, "notices", "vault", "--json") == 0
    listed = json.loads(capsys.readouterr().out)
    assert [(item["persons"], item["status"], item["records"]) for item in listed] == [
        (["A. Example"], "told 2016-10-01", 2)
    ]
    told = next((world.vault.path / "desk").glob("*.told")).read_text()
    assert told == "2016-10-01T00:00:00Z\n"


@pytest.fixture
def proof(opened, monkeypatch):
    """The proof folder of a letter written after the reveal."""
    world, note = opened
    world.now = AFTER
    reveal(world, note)
    assert run(world, monkeypatch, "notices", "vault", "--write", "letters") == 0
    return next((world.path / "letters").glob("*/proof"))


def test_proof_of_a_notice_is_clean_offline_and_says_what_was_opened(proof, opened, capsys):
    world, note = opened
    pins = ["--log-key", world.vault.pins.log_key.format(), "--genesis", world.vault.pins.genesis.hex()]
    assert audit(["notice", str(proof)]) == 0
    capsys.readouterr()
    assert audit(["notice", str(proof), "--json", *pins]) == 0
    totals = json.loads(capsys.readouterr().out)["totals"]
    assert totals["records_drawn"] == 2
    assert totals["authorization"] == parse_authorization(note, "note").commitment.hex()


@pytest.mark.parametrize("what", ["line", "key", "entry", "proof", "checkpoint"])
def test_changed_proof_of_a_notice_is_not_clean(proof, what, capsys):
    path = {"line": "lines.json", "key": "lines.json", "proof": "proofs.json", "checkpoint": "checkpoint"}.get(what)
    if what == "entry":
        path = f"entries/{max(int(p.stem) for p in (proof / 'entries').iterdir())}.note"
    raw = (proof / path).read_bytes()
    document = json.loads(raw) if path.endswith(".json") else None
    if what == "line":
        document["lines"][7][2] = document["lines"][7][2] + "x"
    elif what == "key":
        document["lines"][7][1] = "00" * 32
    elif what == "proof":
        index = max(document, key=int)
        document[index] = document[index][1:]
    changed = json.dumps(document).encode() if document else raw.replace(b"test.example", b"tent.example", 1)
    (proof / path).write_bytes(changed)
    assert audit(["notice", str(proof)]) in (2, 3)
    (proof / path).write_bytes(raw)
    assert audit(["notice", str(proof)]) == 0
    capsys.readouterr()


def text_of(pdf):
    return " ".join(" ".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages).split())


@pytest.mark.parametrize("language", list(NOTICE_TEXTS))
def test_letter_says_who_what_when_and_is_made_of_nothing_else(opened, language):
    world, _ = opened
    (notice,) = notices_of(world)
    letters = [format_letter(notice, language=language, complaints=None, now=AFTER) for _ in range(2)]
    assert letters[0] == letters[1]
    text = text_of(letters[0])
    for part in ("A. Example", "[b]x[/b]", "case 1", "+33612345678", "judge, dpo", NOTICE_TEXTS[language]["rights"]):
        assert part in text
    assert "+33698765432" not in text


@pytest.mark.parametrize("language", list(NOTICE_TEXTS))
def test_letter_does_not_say_opened_where_nothing_was(opened, language):
    (notice,) = notices_of(opened[0])
    assert notice.records > 0
    words, none = NOTICE_TEXTS[language], replace(notice, records=0)
    shown = letter_document(none, language=language, complaints=None, now=AFTER)
    assert shown["title"] == words["title_none"]
    assert words["title"] in text_of(format_letter(notice, language=language, complaints=None, now=AFTER))
    text = text_of(format_letter(none, language=language, complaints=None, now=AFTER))
    assert words["title"] not in text
    assert words["title_none"] in text


@pytest.mark.parametrize("language", list(NOTICE_TEXTS))
def test_texts_have_the_same_keys_in_every_language(language):
    assert NOTICE_TEXTS["en"].keys() == NOTICE_TEXTS[language].keys()
    for key, text in NOTICE_TEXTS["en"].items():
        places = [name for name in ("{authority}", "{day}", "{origin}", "{index}") if name in text]
        assert [name for name in places if name not in NOTICE_TEXTS[language][key]] == []


def test_subject_access_tells_of_openings_that_are_no_longer_secret_and_of_no_other(opened):
    world, _ = opened
    world.open(world.authorize(by=("judge", "dpo"), subjects=["tel:+33698765432"], secret_until=SECRET_UNTIL))
    world.open(world.authorize(by=("judge", "dpo"), secret_until=dt.date(2017, 9, 1), basis="still secret"))
    world.now = AFTER
    asking = parse_authorization(
        world.authorize(
            ordered=ordered(world.now, order_class=OrderClass.ACCESS, issuer=Issuer.PERSON),
            authority="the person concerned",
            secret_until=AFTER.date(),
        ),
        "note",
    )
    found = concerning(notices_of(world), asking, world.now)
    lines = format_openings(found).decode().splitlines()
    spans = "2016-09-01T00:00:00+00:00/2016-09-04T00:00:00+00:00"
    assert lines[1:] == [
        f"{found[0].authorization.commitment.hex()},Court of Appeal [b]x[/b],case 1,test,{spans},call,2016-09-05T12:00:00Z,2,judge dpo"
    ]
    world.now = AFTER - dt.timedelta(seconds=1)
    assert concerning(notices_of(world), asking, world.now) == ()


@pytest.fixture
def two(world):
    """One opening that concerned two persons, A with the first and third number and B with the second."""
    world.ingest(RECORDS)
    note = world.authorize(
        by=("judge", "dpo"),
        subjects=["tel:+33612345678", "tel:+33698765432", "tel:+33600000000"],
        persons=["A. Example", "Βασιλική Παράδειγμα", "A. Example"],
        secret_until=SECRET_UNTIL,
        authority="Cour d’appel de Besançon",  # noqa: RUF001 - as it is written
    )
    world.open(note)
    world.now = AFTER
    return world, note


def test_each_person_gets_a_letter_and_a_proof_of_their_own_lines_only(two, monkeypatch, capsys):
    world, note = two
    reveal(world, note)
    assert run(world, monkeypatch, "notices", "vault", "--write", "letters") == 0
    assert "2 letters written" in capsys.readouterr().out
    name = parse_authorization(note, "note").commitment.hex()[:32]
    own = {
        "1": (["tel:+33612345678", "tel:+33600000000"], ["A. Example"] * 2),
        "2": (["tel:+33698765432"], ["Βασιλική Παράδειγμα"]),
    }
    for number, (subjects, persons) in own.items():
        folder = world.path / "letters" / name / number
        document = json.loads((folder / "proof/lines.json").read_text("utf-8"))
        shown = [line for _, _, line in document["lines"] if line is not None]
        assert [line[9:] for line in shown if line.startswith("subject: ")] == subjects
        assert [line[8:] for line in shown if line.startswith("person: ")] == persons
        text = text_of((folder / "letter.pdf").read_bytes())
        assert persons[0] in text
        assert ("Βασιλική" in text) is (number == "2")
        assert audit(["notice", str(folder / "proof")]) == 0
    assert json.loads((folder / "proof/lines.json").read_text("utf-8"))["format"] == "coffer.notice/v2"


def test_a_proof_whose_hidden_line_was_exchanged_is_not_clean(two, monkeypatch):
    world, _ = two
    assert run(world, monkeypatch, "notices", "vault", "--write", "letters") == 0
    path = next((world.path / "letters").glob("*/2")) / "proof/lines.json"
    document = json.loads(path.read_text("utf-8"))
    hidden = [item for item in document["lines"] if item[2] is None]
    hidden[0][1], hidden[1][1] = hidden[1][1], hidden[0][1]
    path.write_text(json.dumps(document), encoding="utf-8")
    assert audit(["notice", str(path.parent)]) == 3


def test_a_person_who_asks_is_told_their_own_periods_of_an_order_about_several(two):
    world, note = two
    asked = parse_authorization(note, "note")
    terms = replace(asked.terms, subjects=asked.terms.subjects[1:2])
    asking = replace(asked, commitment=bytes(32), terms=terms)
    (notice,) = concerning(notices_of(world), asking, world.now)
    assert (notice.lines, notice.persons) == ((2,), ("Βασιλική Παράδειγμα",))


HEAD = Letterhead(
    provider=Party(name="Telco Example", address=("1 Example Street",), contact=("desk@telco.example",)),
    supervisor=Party(name="Supervisors of Exampleland", address=("2 Example Square",)),
    window="https://window.telco.example",
)


@pytest.mark.parametrize("language", list(NOTICE_TEXTS))
def test_letter_has_the_addresses_of_provider_and_supervisory_authority(opened, language):
    (notice,) = notices_of(opened[0])
    text = text_of(format_letter(notice, language=language, complaints=None, now=AFTER, letterhead=HEAD))
    for party in (HEAD.provider, HEAD.supervisor):
        assert [line for line in party.lines if line not in text] == []
    said = NOTICE_TEXTS[language]["code"].format(index=notice.openings[0].index)
    assert re.sub(r"[\s\u00ad-]", "", said) in re.sub(r"[\s\u00ad-]", "", text), "but for the hyphens at line ends"
    assert text.startswith("Telco Example 1 Example Street desk@telco.example")


def test_code_of_a_letter_leads_to_the_entry_and_carries_the_commitment(opened):
    (notice,) = notices_of(opened[0])
    commitment, index = notice.authorization.commitment.hex(), notice.openings[0].index
    assert proof_code(notice, HEAD) == f"https://window.telco.example/log/{index}#{commitment}".encode()
    assert proof_code(notice, None).decode() == (
        f"coffer.notice/v2\norigin: test.example/vault\nauthorization: {commitment}\nentry: {index}\n"
    )
    shown = letter_document(notice, language="en", complaints=None, now=AFTER, letterhead=HEAD)
    assert shown["code"] == qr_svg(proof_code(notice, HEAD))


def test_longest_code_fits():
    window, origin = "x" * MAX_WINDOW, "o" * 128
    longest = f"coffer.notice/v2\norigin: {origin}\nauthorization: {'f' * 64}\nentry: {2**63}\n"
    assert max(len(longest), len(f"{window}/log/{2**63}#{'f' * 64}")) <= MAX_DATA_BYTES
