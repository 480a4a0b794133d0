"""A European Preservation Order by the commands: held, extended, replied to, and never longer than it orders."""

import datetime as dt

import pytest
from lxml import etree

from coffer.authority.hold import parse_hold
from coffer.cli.main import run
from coffer.disclosure.epoc.reading import parse_form
from coffer.errors import MalformedInput
from epoc_forms import CONTENT, FORM_ID, TRAFFIC, evidence, form1, form2, later_form
from holds import RECORDS, kept
from ordering import put, texts, values

DAYS_60 = dt.timedelta(days=60)
PROVIDER = ["--provider", "FR/provider-1"]


@pytest.fixture
def story(story):
    story.epoch("2016-09-01", "2016-09-03")
    story.ingest(RECORDS)
    return story


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
    return values(path, "LPTaskStatus"), texts(path, "//t:PreservationExpiration")


def reply_to_later(world, output, *notes):
    """The statuses and ends of the reply to the Form 5 or 6 that was given last."""
    held = [word for note in notes for word in ("--hold", note)]
    assert run(["reply", "more.xml", *held, "--vault", "vault", *PROVIDER, "-o", output]) == 0
    return task_values(world.path / output / "status.xml")


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
        (form2(), ["--until", "9999-01-01"], 2, "--until: later than order.xml orders, expected at most 20"),
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
    assert reply_to_later(story, "early", "more.note") == (["AwaitingPreservation"], [])
    assert "too few custodians joined it so far" in capfd.readouterr().err
    assert not (story.path / "early/form3.xml").exists()
    joined(story, more)
    assert reply_to_later(story, "late", "more.note") == (["Preserved"] * 2, [more.terms.until.isoformat()])
    assert extend(story, form6, "again.note") == 4


def test_form_6_that_too_few_approved_in_time_is_not_executed_and_what_was_kept_stays(story):
    assert make(story, form2(), "hold.note") == 0
    first = read(story, "hold.note")
    joined(story, first)
    form6 = later_form(6, parent=FORM_ID, says="")
    assert extend(story, form6, "more.note") == 0
    story.now += dt.timedelta(days=4)
    assert reply_to_later(story, "lapsed", "more.note") == (["PreservationNotAvailable"], [])
    form3 = etree.fromstring((story.path / "lapsed/form3.xml").read_bytes())
    (said,) = form3.xpath("//*[local-name()='ExplanationOrOtherReason']/text()")
    assert f"it is preserved until {first.terms.until:%Y-%m-%dT%H:%M:%SZ}, as before" in said
    assert form3.xpath("//*[local-name()='Preserved']/text()") == ["true"]
    assert extend(story, form6, "again.note") == 0
    joined(story, read(story, "again.note"))
    assert reply_to_later(story, "extended", "again.note")[0] == ["Preserved"] * 2
    assert run(["hold", "release", "vault", "hold.note"]) == 0
    assert reply_to_later(story, "released", "again.note") == (["Cancelled"], [])


def two_notes(world):
    """One identifier whose times need two holds, which custodians joined."""
    hours = [f"2016-09-0{day}T{hour:02d}" for day in (1, 2) for hour in range(0, 22, 2)]
    order = form2(evidence(ranges=tuple((f"{hour}:00:00Z", f"{hour}:10:00Z") for hour in hours)))
    assert make(world, order, "holds") == 0
    for number in (1, 2):
        joined(world, read(world, f"holds/hold-0{number}.note"))


def test_of_several_notes_of_an_identifier_the_worst_counts_for_a_later_form_in_any_order(story):
    two_notes(story)
    form6 = later_form(6, parent=FORM_ID, says="")
    for number in (1, 2):
        assert extend(story, form6, f"more-{number}.note", note=f"holds/hold-0{number}.note") == 0
    joined(story, read(story, "more-1.note"))
    for number, notes in enumerate((["more-1.note", "more-2.note"], ["more-2.note", "more-1.note"])):
        assert reply_to_later(story, f"early-{number}", *notes)[0] == ["AwaitingPreservation"]
    joined(story, read(story, "more-2.note"))
    assert reply_to_later(story, "late", *notes)[0] == ["Preserved"] * 2


def test_every_hold_of_the_order_that_is_in_force_is_asked_for_and_one_that_ended_counts(story, capfd):
    two_notes(story)
    assert extend(story, later_form(6, parent=FORM_ID, says=""), "more-1.note", note="holds/hold-01.note") == 0
    joined(story, read(story, "more-1.note"))
    reply = ["reply", "more.xml", "--hold", "more-1.note", "--vault", "vault", *PROVIDER, "-o", "r"]
    assert run(reply) == 4
    assert "identifier 1: a hold of it is in force, and no note that extends it" in capfd.readouterr().err
    assert run(["hold", "release", "vault", "holds/hold-02.note"]) == 0
    assert reply_to_later(story, "r", "more-1.note") == (["Cancelled"], [])


def test_order_that_is_given_again_gets_a_hold_only_for_what_lapsed_or_has_none(story, capfd):
    order = form2(evidence(), evidence(2, "EMAIL", "a@corp.example"))
    assert make(story, order, "holds") == 0
    joined(story, read(story, "holds/hold-01.note"))
    assert make(story, order, "again") == 4
    assert "order.xml: a hold was made of each part of it" in capfd.readouterr().err
    story.now += dt.timedelta(days=4)
    assert make(story, order, "again.note") == 0
    assert "identifier 1: a hold was made of it before: none is made again" in capfd.readouterr().err
    assert read(story, "again.note").terms.kinds == ("email",)
    assert len(story.state().holds) == 3


def test_desk_forgets_the_note_of_a_hold_that_ended_long_ago(story):
    assert make(story, form2(), "hold.note") == 0
    hold = read(story, "hold.note")
    (path,) = (story.path / "vault/desk").glob("*.hold")
    assert hold.terms.subjects[0].format().encode() not in path.read_bytes()
    late = hold.terms.until + dt.timedelta(days=92)
    story.vault.desk.remove_ended_holds({hold.commitment: late}, late)
    assert story.vault.desk.kept_holds() == [hold.note.raw]
    story.vault.desk.remove_ended_holds({}, late)
    assert story.vault.desk.kept_holds() == []


@pytest.mark.parametrize("size", [1, 380, 450])
def test_hold_of_an_order_with_a_long_file_reference_can_be_extended(story, size):
    order = form2().replace(b"12 Js 345/16", b"R" * size)
    if make(story, order, "hold.note") == 2:  # no room in the note itself
        assert size == 450
        return
    joined(story, read(story, "hold.note"))
    assert extend(story, later_form(6, parent=FORM_ID, says=""), "more.note") == 0
    basis = read(story, "more.note").terms.basis
    assert basis.startswith("R" * min(size, 300))
    assert ("..." in basis) == (size > 300)
    joined(story, read(story, "more.note"))
    assert reply_to_later(story, "r", "more.note")[0] == ["Preserved"] * 2


def test_attack_typed_basis_that_reads_like_the_reference_of_an_order_extends_nothing(story, capfd):
    assert make(story, form2(), "hold.note") == 0
    joined(story, read(story, "hold.note"))
    form6 = later_form(6, parent=FORM_ID, says="")
    assert extend(story, form6, "more.note", "--basis", f"EPOC X/{FORM_ID} identifier 77") == 2
    assert "reads like the reference of another order" in capfd.readouterr().err
    assert extend(story, form6, "more.note", "--basis", "case 7, extended") == 0
    assert read(story, "more.note").terms.basis.startswith("case 7, extended; EPOC EPOCPR-")
    assert reply_to_later(story, "r", "more.note")[0] == ["AwaitingPreservation"]


def test_form_6_of_fewer_days_extends_by_fewer(story):
    assert make(story, form2(), "hold.note") == 0
    first = read(story, "hold.note")
    joined(story, first)
    form6 = later_form(6, parent=FORM_ID, says="<f:ExtendedBy>P7D</f:ExtendedBy>")
    assert extend(story, form6, "more.note", "--until", "9999-01-01") == 2
    assert extend(story, form6, "more.note") == 0
    assert read(story, "more.note").terms.until == first.terms.until + dt.timedelta(days=7)
    with pytest.raises(MalformedInput, match="ExtendedBy: expected a number of days"):
        parse_form(later_form(6, says="<f:ExtendedBy>P1M</f:ExtendedBy>"), "order.xml")


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
    assert run(["reply", "order.xml", *both[:2], *both[4:], "-o", "r"]) == 4
    assert "identifier 2: no hold is about all that was asked" in capfd.readouterr().err
    assert run(["reply", "order.xml", *both, "-o", "early"]) == 0
    statuses, until = task_values(story.path / "early/status.xml")
    assert statuses == ["Preserved", "AwaitingPreservation", "Preserved"]
    assert len(until) == 1
    form3 = etree.fromstring((story.path / "early/form3.xml").read_bytes())
    assert form3.xpath("//*[local-name()='Preserved']/text()") == ["true"]
    story.now += dt.timedelta(days=4)
    assert run(["reply", "order.xml", *both, "-o", "late"]) == 0
    assert task_values(story.path / "late/status.xml")[0][:2] == ["Preserved", "PreservationNotAvailable"]
    form3 = (story.path / "late/form3.xml").read_text()
    assert "Traffic: there were no records of these days and kinds to keep" in form3  # the vault has no e-mail


@pytest.mark.parametrize(
    ("day", "said", "section_g"),
    [
        ("2016-08-20", "there were no records of these days and kinds to keep", "such data are not held here"),
        ("2016-09-01", "too few custodians kept it in time", "records are kept for their own time only"),
    ],
)
def test_reply_to_a_hold_that_lapsed_says_whether_there_was_anything_to_keep(story, capfd, day, said, section_g):
    order = form2(evidence(ranges=((f"{day}T10:00:00Z", f"{day}T11:00:00Z"),)))
    assert make(story, order, "hold.note") == 0
    named = ["--hold", "hold.note", "--vault", "vault"]
    capfd.readouterr()
    assert run(["reply", "order.xml", *named, "-o", "early"]) == 0
    assert ("so that nobody can keep it" in capfd.readouterr().err) == (day == "2016-08-20")
    story.now += dt.timedelta(days=4)
    assert run(["reply", "order.xml", *named, "-o", "late"]) == 0
    assert task_values(story.path / "late/status.xml")[0][:1] == ["PreservationNotAvailable"]
    form3 = (story.path / "late/form3.xml").read_text()
    assert [said in form3, section_g in form3] == [True, True]
    assert ("DATA_NOT_HELD" in form3, "DE_FACTO_IMPOSSIBILITY" in form3) == (
        day == "2016-08-20",
        day == "2016-09-01",
    )


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
    assert run(["reply", "order.xml", *options, "-o", "r"]) == code
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
    assert f"entry {index}: 1 segment sealed since: coffer hold keep vault NOTE" in capsys.readouterr().err
