"""The whole path: every kind of record and identity through every form, and deliveries that fail."""

import datetime as dt
import json

import pytest
from etsi_client import import_rows, local
from lxml import etree

from coffer.cli.main import run
from coffer.disclosure import pdf
from coffer.disk import Disk
from coffer_audit.cli import main as audit
from world import FEED, feed

LONG = "\N{LATIN SMALL LETTER E WITH ACUTE}" * 20 + "." + "x" * 20
EMAILS = f"""\
a@corp.example,b@corp.example,2016-09-01 10:00:00,
{LONG}@corp.example,a@corp.example,2016-09-02 10:00:00,
a@corp.example,x{LONG}@corp.example,2016-09-02 10:00:00,
"""
LOCAL = FEED.replace('name = "calls"', 'name = "pbx"').replace('["cell"]', "[]\nlocal_identities = true")


@pytest.fixture
def story(story):
    """A vault with calls, texts, e-mails and local identities, and the working folder beside it."""
    story.ingest("anonymous,+33612345678,2016-09-01 10:00:00,60\n+33612345678,+33698765432,2016-09-01 11:00:00,5\n")
    story.ingest(
        "BANK,+33612345678,2016-09-01 12:00:00,\n36500,+33612345678,2016-09-02 12:00:00,\n",
        by=feed(name="texts", kind="text"),
        name="t.csv",
    )
    story.ingest("ext 201,+33612345678,2016-09-03 12:00:00,7\n", by=feed(LOCAL), name="p.csv")
    story.ingest(EMAILS, by=feed(name="mail", kind="email"), name="e.csv")
    return story


def write(world, name, **changes):
    (world.path / name).write_bytes(world.authorize(**changes))


def test_every_kind_of_identity_goes_through_every_form_and_a_clean_audit(story, capfd):
    subjects = ["tel:+33612345678", "mailto:a@corp.example", "opaque:pbx/ext 201", "sender:BANK", "short:FR/36500"]
    write(story, "r.note", subjects=subjects, kinds="call,text,email")
    assert run(["open", "vault", "r.note", "-o", "answer", "--format", "csv,etsi,pdf,json", "--language", "fr"]) == 0
    assert run(["disclose", "answer", "--vault", "vault", "--package", "case.zip"]) == 0
    assert audit(["answer", "case.zip", "--vault", "vault"]) == 0
    capfd.readouterr()
    rows = import_rows((story.path / "answer/disclosure/etsi/response-0001.xml").read_bytes())
    records = json.loads((story.path / "answer/disclosure/records.json").read_text("ascii"))["records"]
    # 5 rows of the number, 3 of the address, 1 each of the local identity, the sender and the short code.
    assert len(records) == 11
    assert len(rows) == 8 * 2 + 3
    assert {record["peer"] for record in records if record["kind"] == "email"} >= {"mailto:b@corp.example"}
    assert (story.path / "answer/disclosure/record.pdf").read_bytes().startswith(b"%PDF-1.7")


def test_a_form_that_cannot_be_made_writes_nothing_and_the_opening_goes_on_without_it(story, monkeypatch, capfd):
    write(story, "r.note")
    monkeypatch.setattr(pdf, "MAX_RECORDS", 0)
    for options in (["--format", "pdf"], ["--package", "case.zip"]):
        before = sorted(path.name for path in story.path.iterdir())
        assert run(["open", "vault", "r.note", "-o", "answer", *options]) == 4
        assert "leave pdf out" in capfd.readouterr().err
        assert sorted(path.name for path in story.path.iterdir()) == before
    assert run(["open", "vault", "r.note", "-o", "answer", "--format", "etsi", "--package", "case.zip"]) == 0
    assert audit(["answer", "case.zip", "--vault", "vault"]) == 0
    assert len(story.state().openings) == 1
    assert not (story.path / "answer/disclosure").exists()


def test_a_delivery_that_fails_leaves_no_package(story, monkeypatch, capfd):
    write(story, "r.note")

    def fail(self, path, files):
        raise KeyboardInterrupt

    monkeypatch.setattr(Disk, "write_folder", fail)
    before = sorted(path.name for path in story.path.iterdir())
    assert run(["open", "vault", "r.note", "-o", "answer", "--package", "case.zip"]) == 130
    assert sorted(path.name for path in story.path.iterdir()) == before


def test_what_lies_beside_an_answer_is_neither_disclosed_nor_packed(story, capfd):
    write(story, "r.note")
    assert run(["open", "vault", "r.note", "-o", str(story.path / "answer")]) == 0
    (story.path / "answer/notes.txt").write_text("a private remark")
    (story.path / "answer/evidence/more.txt").write_text("a private remark")
    assert run(["disclose", str(story.path / "answer"), "--vault", "vault", "--package", "case.zip"]) == 0
    raw = (story.path / "case.zip").read_bytes()
    assert b"private remark" not in raw
    assert b"notes.txt" not in raw
    assert audit(["answer", "case.zip"]) == 0


FAILED = ("-o", "answer", "--format", "etsi")


def failure(path):
    """The reason in a message that a request failed."""
    root = etree.fromstring(path.read_bytes())
    assert not [e for e in root.iter() if local(e) in ("responsePayload", "ResponseRecord")]
    return next(e.text for e in root.iter() if local(e) == "responseFailed")


def test_request_for_more_than_the_limit_gives_a_message_that_it_failed_and_no_data(story, capfd):
    write(story, "r.note", max_records=1)
    assert run(["open", "vault", "r.note", *FAILED]) == 4
    assert failure(story.path / "answer-failed.xml") == "more records than the order allows; no data is sent"
    assert not (story.path / "answer").exists()
    assert "answer-failed.xml: the ETSI response that says so" in capfd.readouterr().err
    assert run(["open", "vault", "r.note", *FAILED]) == 4  # nothing is overwritten
    assert (story.path / "answer-failed-2.xml").exists()


def test_twin_request_within_the_limit_gives_records(story):
    write(story, "r.note", max_records=10)
    assert run(["open", "vault", "r.note", *FAILED]) == 0
    assert import_rows((story.path / "answer/disclosure/etsi/response-0001.xml").read_bytes())
    assert not (story.path / "answer-failed.xml").exists()


def test_request_that_failed_gives_no_message_to_whom_none_was_promised(story):
    write(story, "r.note", max_records=1)
    assert run(["open", "vault", "r.note", "-o", "answer", "--format", "pdf"]) == 4
    assert not list(story.path.glob("*.xml"))


def test_request_that_custodians_refuse_gives_a_message_that_it_failed(story):
    note = story.authorize()
    for name in ("judge", "dpo"):
        with story.vault.writing() as state:
            story.vault.append([story.custodian(name).refusal_entry(note, "scope", "request")], state)
    (story.path / "r.note").write_bytes(note)
    assert run(["open", "vault", "r.note", *FAILED]) == 4
    assert failure(story.path / "answer-failed.xml").startswith("refused by custodians")


def test_request_that_is_not_signed_by_enough_yet_has_not_failed(story):
    write(story, "r.note", by=("judge",))
    assert run(["open", "vault", "r.note", *FAILED]) == 4
    assert not list(story.path.glob("*.xml"))


def test_request_that_expired_gives_a_message_that_it_failed(story):
    write(story, "r.note")
    story.now += dt.timedelta(days=7)
    assert run(["open", "vault", "r.note", *FAILED]) == 4
    assert "not in force any more" in failure(story.path / "answer-failed.xml")


def test_country_that_nothing_says_is_asked_for_before_anything_is_opened(story, capfd):
    write(story, "r.note", subjects=["mailto:a@corp.example"], kinds="email")
    assert run(["open", "vault", "r.note", *FAILED]) == 2
    assert "say the authority's own, like FR: --etsi-country" in capfd.readouterr().err
    assert story.state().openings == {}
    assert run(["open", "vault", "r.note", *FAILED, "--etsi-country", "FR"]) == 0
