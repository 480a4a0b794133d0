"""However an address is written, ingest, custodians and the auditor take it for one mailbox, or for none; none of it steers whoever reads an answer."""

import random

import pytest

from coffer.errors import MalformedInput
from coffer.identity.identifier import parse_email, parse_subject
from coffer_audit.answer.authorization import parse_subject as audited_subject
from coffer_audit.cli import main as audit
from coffer_audit.errors import AuditError
from world import World, feed

FOUND = "victim@example.org"
CASES = 20_000
PARTS = list("abAZ.@\"\\(),:;<>[]!#$%&'*+-/=?^_`{|}~09 ")
DOMAINS = (
    *(
        "example.org",
        "example.org.",
        "EXAMPLE.org",
        "a",
        "xn--strae-oqa.de",
        "a--b.org",
        "ab--c.org",
        "a_b.org",
        "-a.org",
        "a-.org",
    ),
    *("a..org", "1.2.3.4", "x" * 63 + ".org", "x" * 64 + ".org", ".org", ("y" * 60 + ".") * 4 + "org", "[1.2.3.4]"),
)


@pytest.fixture
def world(tmp_path):
    made = World.make(tmp_path)
    made.epoch("2016-09-01", "2016-09-03")
    return made


def opened(world, subject=f"mailto:{FOUND}"):
    answer = world.open(world.authorize(subjects=[subject], kinds="email"))
    return answer, [line.split(",")[3] for line in answer.records_csv.decode().splitlines()[1:]]


@pytest.mark.parametrize(
    "written",
    [
        FOUND,
        f"{FOUND}.",
        "VICTIM@EXAMPLE.ORG",
        '"victim"@example.org',
        "<victim@example\uff0eorg>",
        " victim@example.org ",
    ],
)
def test_one_mailbox_is_one_identity_for_ingest_custodians_and_auditor(world, written, capsys):
    quoted = written.replace('"', '""')
    summary = world.ingest(f'"{quoted}",a@example.org,2016-09-01 10:00:00,0\n', by=feed(kind="email"))
    assert summary.files[0].kept == 1
    answer, peers = opened(world)
    assert peers == ["mailto:a@example.org"]
    code = audit(["answer", str(world.write_answer(answer)), "--vault", str(world.vault.path)])
    assert code == 0, capsys.readouterr().out


@pytest.mark.parametrize(
    "written", ["victim+tag@example.org", "vic.tim@example.org", "victim%40@example.org", "victim@example.org.uk"]
)
def test_another_mailbox_is_another_identity(world, written):
    world.ingest(f"{written},a@example.org,2016-09-01 10:00:00,0\n", by=feed(kind="email"))
    assert opened(world)[1] == []


@pytest.mark.parametrize("seed", range(2))
def test_custodians_and_auditor_read_the_same_addresses(seed):
    """But for the validity of an A-label, which the auditor has no tables to judge."""
    dice, accepted = random.Random(seed), 0
    for _ in range(CASES):
        local = "".join(dice.choice(PARTS) for _ in range(dice.randrange(1, 7)))
        text = (
            f"mailto:{local}@{dice.choice(DOMAINS)}"
            if dice.random() < 0.6
            else f'mailto:"{local}"@{dice.choice(DOMAINS)}'
        )
        ours, theirs = (sid_of(read, text) for read in (lambda line: parse_subject(line, "x"), audited_subject))
        assert ours == theirs, text
        accepted += ours is not None
    assert accepted > CASES // 20


def sid_of(read, text):
    try:
        return read(text).sid
    except (MalformedInput, AuditError):
        return None


@pytest.mark.parametrize(
    "sender",
    [
        "evil\u202e4321\u202c@example.org",
        "q\x9b2J\x9b31mforged@example.org",
        "a\u200bb@example.org",
        "a\ufe0f@x.example",
    ],
)
def test_address_with_what_is_not_shown_is_a_counted_reject(world, sender):
    summary = world.ingest(
        f"{sender},{FOUND},2016-09-01 10:00:00,0\n\u6f22@example.org,{FOUND},2016-09-01 10:00:01,0\n",
        by=feed(kind="email"),
    )
    assert dict(summary.files[0].rejected) == {"address-controls": 1}
    assert opened(world)[1] == ["mailto:\u6f22@example.org"], "the twin: letters of any script are sealed and shown"


@pytest.mark.parametrize(
    "sender", ["evil\u202e4321\u202c@example.org", "q\x9b31m@example.org", "\u6f22" * 30 + "@example.org"]
)
def test_peer_that_steers_is_written_out_by_both_programs(world, sender, monkeypatch, capsys):
    """As a faithless ingester would seal it; the last is cut within a character."""
    monkeypatch.setattr("coffer.identity.columns.parse_email", lambda text, _: text)
    world.ingest(f"{sender},{FOUND},2016-09-01 10:00:00,0\n", by=feed(kind="email"))
    answer, peers = opened(world)
    assert "\\u{" in peers[0]
    assert not {"\u202e", "\u202c", "\x9b"} & set(peers[0])
    code = audit(["answer", str(world.write_answer(answer)), "--vault", str(world.vault.path)])
    assert code == 0, capsys.readouterr().out


def test_form_is_its_own_form():
    for text in ('"A.b"@Example.org.', '"a,b"@x.org', r'"a\"b"@x.org', "<a@x.org>", "a..b@x.org", "\u6f22@x.org"):
        form = parse_email(text, "address")
        assert parse_email(form, "address") == form
