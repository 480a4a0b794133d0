"""What an order in XML proposes to a page: a draft for each note that it needs, and everything else by its line."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from coffer.desk.draft import Draft
from coffer.desk.proposal import Besides, Line, propose, texts_of
from coffer.errors import MalformedInput, Refused
from coffer.web.desk.proposed import besides_words
from coffer.web.desk.typed import TextsRead, fill_from_order, texts_for_people
from coffer.web.ground.languages import LANGUAGES
from coffer.web.ground.wording import Wording
from epoc_forms import CONTENT, EMERGENCY, FORM_ID, SUBSCRIBER, TRAFFIC, evidence, form1, form2, later_form
from hi1_messages import DOCUMENT, ORDER, PRESERVES, create, document, keep, message, order, task, value

OTHER = ("2016-09-10T06:00:00+02:00", "2016-09-10T09:00:00+02:00")
TYPED = Draft(person="A. Example", purpose="p", authority="typed", basis="Art. 60-1", issued_in="home")


def test_a_form_fills_the_draft_and_what_it_leaves_out_is_said():
    raw = form1(
        evidence(data=TRAFFIC + CONTENT),
        evidence(2, "IPV_4", "192.0.2.1"),
        evidence(3, value="+33698765432", ranges=[OTHER]),
        evidence(4, "EMAIL", "a@corp.example"),
        deadline=EMERGENCY,
    )
    made = propose(raw, TYPED, "order")
    draft = made.draft
    assert ([one.text for one in draft.subjects], draft.kinds) == (["tel:+33612345678"], ("call", "text"))
    assert [(one.first, one.last) for one in draft.spans] == [
        ("2016-09-01T00:00:00+02:00", "2016-09-03T00:00:00+02:00")
    ]
    assert (draft.authority, draft.issued_by, draft.issued_in, draft.person) == (
        "Staatsanwaltschaft Musterstadt",
        "prosecutor",
        "union",
        "A. Example",
    )
    assert draft.basis == f"Art. 60-1; 12 Js 345/16; EPOC EPOC-DE-FR-2016-09-05-0001-1/{FORM_ID} identifier 1"
    assert [(line.says, line.values.get("id"), line.values.get("reason")) for line in made.besides] == [
        (Besides.LACKING, "1", "DATA_NOT_HELD"),
        (Besides.LACKING, "2", "DATA_NOT_HELD"),
        (Besides.EMERGENCY, None, None),
    ]
    assert [(part.ids, part.draft.part, part.draft.kinds) for part in made.parts] == [
        (("1",), 1, ("call", "text")),
        (("3",), 2, ("call", "text")),
        (("4",), 3, ("email",)),
    ]
    assert [span.first for span in made.parts[1].draft.spans] == [OTHER[0]]
    assert not any(text in repr(made.besides) for text in ("33612345678", "33698765432", "a@corp", "192.0.2"))


def test_every_line_has_its_words_in_every_language():
    values = {"id": "1", "what": "Content", "reason": "X", "count": 2, "moment": dt.datetime(2016, 9, 5, tzinfo=dt.UTC)}
    said = {}
    for language in LANGUAGES:
        words = Wording(language, ZoneInfo("UTC"), ("ground", "desk"))
        said[language] = [besides_words(Line(says=says, values=values), words) for says in Besides]
    assert len({line for lines in said.values() for line in lines}) == len(LANGUAGES) * len(Besides)


def test_tasks_fill_the_draft_as_a_form_does():
    made = propose(order(task(), task(2, values=value(text="33698765432"))), TYPED, "order")
    assert [one.text for one in made.draft.subjects] == ["tel:+33612345678", "tel:+33698765432"]
    assert made.draft.basis.endswith(f"HI1 {ORDER} identifier 1,2")
    assert (made.is_hold, [line.says for line in made.besides]) == (False, [Besides.TEN_DAYS])


def test_the_form_of_a_message_is_compared_or_nothing_is_proposed():
    for raw, why in (
        (form1(), None),
        (form2(), "the form in it asks for something else than the tasks"),
        (b"<!DOCTYPE message>" + form1(), "action 2: not compared with the tasks: has a document type"),
    ):
        filled = fill_from_order(TYPED, order(documents=(document(raw),)), found_by=frozenset())
        assert (filled.is_read, filled.why_not is None) == (why is None, why is None)
        assert why is None or why in filled.why_not.message
        assert filled.is_read or filled.draft == TYPED


def test_a_form_in_another_encoding_is_read_or_said_to_be_none():
    raw = ("\ufeff" + form1().decode()).encode("utf-16-le")
    filled = fill_from_order(TYPED, raw, found_by=frozenset())
    assert (filled.is_read, [one.text for one in filled.draft.subjects]) == (True, ["tel:+33612345678"])
    for unread in (raw[:-1], ('<?xml version="1.0" encoding="IBM037"?>' + form1().decode()).encode("cp037")):
        assert "not well-formed XML" in fill_from_order(TYPED, unread, found_by=frozenset()).why_not.message
    assert fill_from_order(TYPED, b"%PDF-1.7", found_by=frozenset()).why_not is None


def test_a_national_order_leaves_what_was_typed():
    approval = "<auth:AuthorisationApprovalDetails/>"
    made = propose(order(legal="", priority="", approval=approval), TYPED, "order")
    assert (made.draft.authority, made.draft.issued_in, made.draft.issued_by) == ("typed", "home", "")


def test_orders_to_preserve_propose_a_hold():
    assert propose(form2(), TYPED, "order").is_hold
    made = propose(order(keep(), legal=PRESERVES), TYPED, "order")
    assert (made.is_hold, [line.says for line in made.besides]) == (True, [Besides.UNTIL])


def test_every_text_that_nothing_is_made_of_is_shown():
    more = "<f:SectionM><f:OtherInformation>Only outgoing calls.</f:OtherInformation></f:SectionM>"
    raw = form1(evidence(data=TRAFFIC + SUBSCRIBER), more=more)
    texts = {one.path: one.text for one in texts_of(raw, "order")}
    assert "Only outgoing calls." in texts.values()
    assert texts["identifier 1 Subscriber"] == "USER_INFORMATION"
    said = {one.text for one in texts_of(order(documents=(document(raw),)), "order")}
    assert said
    assert texts_for_people(b"%PDF-1.7") == texts_for_people(b"<html/>") == TextsRead()


def test_order_that_fits_into_one_note_has_one_draft_of_no_part():
    (part,) = propose(form1(), TYPED, "order").parts
    assert part.draft.part == 0


@pytest.mark.parametrize(
    ("raw", "error", "says"),
    [
        (later_form(6), Refused, "it names nobody itself"),
        (message(create(DOCUMENT)), Refused, "it asks for no records"),
        (
            form1(evidence(kind="IPV_4", value="192.0.2.1")),
            Refused,
            "nothing of it can be asked: identifier 1: DATA",
        ),
        (order(task(more="<task:HandlingProfile/>")), MalformedInput, "HandlingProfile: an element that is not read"),
        (b"<html/>", MalformedInput, "not the root of a form, expected message"),
    ],
)
def test_what_proposes_nothing_says_why(raw, error, says):
    with pytest.raises(error, match=says):
        propose(raw, TYPED, "order")


def test_what_has_its_note_is_left_out_and_the_next_part_is_proposed():
    raw = form2(evidence(), evidence(2, value="+33698765432", ranges=[OTHER]), evidence(3, "EMAIL", "a@corp.example"))
    made, ids = [], []
    for _ in range(3):
        proposal = propose(raw, TYPED, "order", made=made)
        made.append(proposal.draft.basis)
        ids.append((proposal.draft.basis.rpartition(" ")[2], [part.is_made for part in proposal.parts]))
    assert ids == [("1", [False, False, False]), ("2", [True, False, False]), ("3", [True, True, False])]
    with pytest.raises(Refused, match="a note was made of each part of it"):
        propose(raw, TYPED, "order", made=made)
    assert propose(raw, TYPED, "order", made=["Art. 60-1; another order"]).draft.basis == made[0]
