"""A European Preservation Order by the commands: held, extended, replied to, and never longer than it orders."""

import datetime as dt

import pytest
from lxml import etree

from coffer.authority.hold import parse_hold
from coffer.cli.main import run
from coffer.disclosure.epoc import hi1
from coffer.disclosure.epoc.reading import parse_form
from coffer.errors import MalformedInput
from epoc_forms import CONTENT, FORM_ID, TRAFFIC, evidence, form1, form2, later_form
from holds import RECORDS, kept

NAMES = {"c": hi1.COMMON, "t": hi1.TASK}
DAYS_60 = dt.timedelta(days=60)
PROVIDER = ["--provider", "FR/provider-1"]


@pytest.fixture
def story(world, monkeypatch):
    monkeypatch.chdir(world.path)
    monkeypatch.setenv("COFFER_PASSPHRASE", "correct horse")
    monkeypatch.setattr("coffer.cli.console.system_clock", world.clock)
    world.epoch("2016-09-01", "2016-09-03")
    world.ingest(RECORDS)
    return world


def put(world, raw, name="form.xml"):
    (world.path / name).write_bytes(raw)
    return name


def make(world, raw, output, *options):
    asked = ["--purpose", "test", "--person", "A. Example"]
    return run(["hold", "make", "vault", "--from-order", put(world, raw), *asked, *options, "-o", output])


def extend(world, raw, output, *options, note="hold.note"):
    return run(["hold", "extend", "vault", note, "--from-order", put(world, raw, "more.xml"), *options, "-o", output])


def read(world, name):
    return parse_hold((world.path / name).read_bytes(), name)


def joined(world, hold):
    assert set(kept(world, hold, "judge", "dpo").values()) == {""}


def task_values(path):
    tree = etree.fromstring(path.read_bytes())
    statuses = tree.xpath("//c:Value[../c:Name='LPTaskStatus']/text()", namespaces=NAMES)
    return statuses, tree.xpath("//t:PreservationExpiration/text()", namespaces=NAMES)


def test_each_part_that_needs_one_becomes_a_hold_of_sixty_days_and_the_rest_is_listed(story, capfd):
    order = form2(evidence(data=TRAFFIC + CONTENT), evidence(2, "EMAIL", "a@corp.example"), evidence(3, "USER_ID", "x"))
    assert make(story, order, "holds") == 0
    out, err = capfd.readouterr()
    assert "identifier 1, Content: DATA_NOT_HELD" in err
    assert "identifier 3, all: DATA_NOT_HELD" in err
    assert "TELEPHONY_IDENTIFIERS" in out
    notes = [read(story, f"holds/hold-0{number}.note").terms for number in (1, 2)]
    assert [note.kinds for note in notes] == [("call", "text"), ("email",)]
    assert {note.until for note in notes} == {story.now + DAYS_60}
    assert notes[0].basis.endswith(f"/{FORM_ID} identifier 1")
    assert [note.ordered.files[0].is_of(order) for note in notes] == [True, True]
    assert len(story.state().holds) == 2


@pytest.mark.parametrize(
    ("raw", "options", "code", "message"),
    [
        (form1(), [], 4, "Form 1, a European Production Order: no order to preserve"),
        (later_form(6), [], 4, "Form 6, which extends a preservation: no order to preserve"),
        (form2(evidence(kind="IPV_4", value="192.0.2.1")), [], 4, "nothing of it can be asked of this vault"),
        (form2(), ["--until", "9999-01-01"], 2, "--until: later than form.xml orders, expected at most 20"),
        (form2(), ["--subject", "tel:+33698765432"], 2, "--subject: not beside --from-order"),
        (form2(), ["--authority", "Somebody"], 2, "names the issuing authority itself"),
        (form2(), ["--kinds", "email"], 4, "--kinds: none of call,text"),
        (form2(), ["--received", "2010-01-01T00:00:00Z"], 4, "H1"),
    ],
)
def test_what_no_hold_may_be_made_of_logs_and_writes_nothing(story, capfd, raw, options, code, message):
    assert make(story, raw, "hold.note", *options) == code
    assert message in capfd.readouterr().err
    assert not (story.path / "hold.note").exists()
    assert story.state().holds == {}


def test_form_6_extends_by_thirty_days_from_the_old_end_and_its_reply_says_so(story, capfd):
    assert make(story, form2(), "hold.note") == 0
    first = read(story, "hold.note")
    joined(story, first)
    story.now += dt.timedelta(days=40)
    form6 = later_form(6, parent=FORM_ID, says="<f:ExtendedBy>P45D</f:ExtendedBy>")
    assert extend(story, form6, "more.note") == 0
    assert "the form says 45 days: 30 are the most" in capfd.readouterr().err
    more = read(story, "more.note")
    assert more.terms.until == first.terms.until + dt.timedelta(days=30)
    reply = ["reply", "more.xml", "--hold", "more.note", "--vault", "vault", *PROVIDER, "-o"]
    assert run([*reply, "early"]) == 0
    assert "too few custodians joined it so far" in capfd.readouterr().err
    joined(story, more)
    assert run([*reply, "late"]) == 0
    ends = [task_values(story.path / folder / "status.xml") for folder in ("early", "late")]
    assert [statuses for statuses, _ in ends] == [["Preserved", "Preserved"]] * 2
    assert [until for _, until in ends] == [[one.terms.until.isoformat()] for one in (first, more)]
    assert extend(story, form6, "again.note") == 4


def test_form_6_of_fewer_days_extends_by_fewer(story):
    assert make(story, form2(), "hold.note") == 0
    first = read(story, "hold.note")
    joined(story, first)
    form6 = later_form(6, parent=FORM_ID, says="<f:ExtendedBy>P7D</f:ExtendedBy>")
    assert extend(story, form6, "more.note", "--until", "9999-01-01") == 2
    assert extend(story, form6, "more.note") == 0
    assert read(story, "more.note").terms.until == first.terms.until + dt.timedelta(days=7)
    with pytest.raises(MalformedInput, match="ExtendedBy: expected a number of days"):
        parse_form(later_form(6, says="<f:ExtendedBy>P1M</f:ExtendedBy>"), "form.xml")


def test_form_5_keeps_for_as_long_as_a_hold_may_last_and_says_what_to_do(story, capfd):
    assert make(story, form2(), "hold.note") == 0
    joined(story, read(story, "hold.note"))
    story.now += dt.timedelta(days=1)
    assert extend(story, later_form(5, parent=FORM_ID), "more.note") == 0
    assert "90 days at most, so extend it again" in capfd.readouterr().err
    assert read(story, "more.note").terms.until == story.now + dt.timedelta(days=90)


def test_attack_form_6_of_another_order_extends_nothing(story, capfd):
    assert make(story, form2(), "hold.note") == 0
    joined(story, read(story, "hold.note"))
    assert extend(story, later_form(6), "more.note") == 4
    assert "follows another order than the hold's" in capfd.readouterr().err
    assert extend(story, later_form(6, parent=FORM_ID), "more.note") == 0


def test_reply_says_of_each_identifier_how_its_hold_stands(story, capfd):
    order = form2(evidence(data=TRAFFIC + CONTENT), evidence(2, "EMAIL", "a@corp.example"))
    assert make(story, order, "holds") == 0
    joined(story, read(story, "holds/hold-01.note"))
    both = ["--hold", "holds/hold-01.note", "--hold", "holds/hold-02.note", "--vault", "vault"]
    assert run(["reply", "form.xml", *both[:2], *both[4:], "-o", "r"]) == 4
    assert "identifier 2: no hold is about all that was asked" in capfd.readouterr().err
    assert run(["reply", "form.xml", *both, "-o", "early"]) == 0
    statuses, until = task_values(story.path / "early/status.xml")
    assert statuses == ["Preserved", "AwaitingPreservation", "Preserved"]
    assert len(until) == 1
    form3 = etree.fromstring((story.path / "early/form3.xml").read_bytes())
    assert form3.xpath("//*[local-name()='Preserved']/text()") == ["true"]
    story.now += dt.timedelta(days=4)
    assert run(["reply", "form.xml", *both, "-o", "late"]) == 0
    assert task_values(story.path / "late/status.xml")[0][:2] == ["Preserved", "PreservationNotAvailable"]
    form3 = (story.path / "late/form3.xml").read_text()
    assert "Traffic: too few custodians kept it in time" in form3


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--hold", "hold.note"], 2, "--hold: without --vault"),
        (["--answer", "x", "--vault", "vault"], 4, "it asks for no records"),
        (["--hold", "other.note", "--vault", "vault"], 3, "does not name this form as its order"),
    ],
)
def test_reply_that_rests_on_no_hold_of_the_form_is_not_made(story, capfd, options, code, message):
    assert make(story, form2(), "hold.note") == 0
    assert make(story, form2(evidence(value="+33698765432")), "other.note") == 0
    put(story, form2())
    assert run(["reply", "form.xml", *options, "-o", "r"]) == code
    assert message in capfd.readouterr().err
    assert not (story.path / "r").exists()


def test_list_says_what_was_sealed_since_and_can_still_be_kept(story, capsys):
    assert make(story, form2(), "hold.note") == 0
    capsys.readouterr()
    assert run(["hold", "list", "vault"]) == 0
    assert "sealed since" not in capsys.readouterr().err
    story.ingest("+33612345678,+33698765432,2016-09-02 09:00:00,60\n", name="late.csv")
    assert run(["hold", "list", "vault"]) == 0
    index = story.state().hold_of(read(story, "hold.note").commitment).index
    assert f"entry {index}: 1 segment sealed since: coffer hold keep VAULT NOTE" in capsys.readouterr().err
