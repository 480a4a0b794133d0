"""People and cases as values."""

import os

import pytest
from making import NOW, passkey

from coffer.desk import case as cases
from coffer.desk import edits
from coffer.desk.case import Did, NewEvent
from coffer.desk.people import MAX_PASSKEYS, Person, PersonId, Role, parse_name
from coffer.errors import MalformedInput


@pytest.mark.parametrize("name", ["", " a", "a\n", "a\u202eb", "a\u200bb", "x" * 81])
def test_name_that_shows_as_another_is_refused(name):
    with pytest.raises(MalformedInput, match="characters that can be seen"):
        parse_name(name)
    assert parse_name("Zoë Ελένη") == "Zoë Ελένη"


def test_person_has_at_most_ten_passkeys():
    fields = {"id": PersonId("0" * 32), "name": "N", "role": Role.CLERK, "added": NOW}
    assert len(Person(**fields, passkeys=tuple(passkey() for _ in range(MAX_PASSKEYS))).passkeys) == MAX_PASSKEYS
    with pytest.raises(MalformedInput, match="11 passkeys"):
        Person(**fields, passkeys=tuple(passkey() for _ in range(11)))


@pytest.mark.parametrize("value", ["A. Example", "+33612345678", "a b", "", "x" * 65, True, 1.5, None])
def test_value_of_an_event_is_a_number_or_a_fixed_word(value):
    with pytest.raises(AssertionError, match="numbers and fixed words"):
        NewEvent(did=Did.NOTED, values={"x": value})
    assert NewEvent(did=Did.NOTED, values={"x": 5, "y": "sent-request"}).texts == {}


def test_file_name_that_misleads_is_written_out():
    made = edits.new_document(
        b"x", id="0" * 32, kind=cases.DocumentKind.ORDER, name="order\u202efdp.exe", by=None, now=NOW
    )
    assert made.about.name == "order\\u{202e}fdp.exe"


def test_nothing_secret_is_shown_by_repr():
    key = passkey("label of phone")
    person = Person(
        id=PersonId("0" * 32), name="Bumblebee", role=Role.CLERK, added=NOW, mailbox="b@c.example", passkeys=(key,)
    )
    made = edits.make_case(
        id=os.urandom(16).hex(),
        number="12/0417",
        authority="Court",
        order_class=cases.CaseClass.URGENT,
        received=NOW,
        due=NOW,
        assigned=None,
    )
    document = edits.new_document(
        b"x", id="0" * 32, kind=cases.DocumentKind.ORDER, name="jacaranda.pdf", by=None, now=NOW
    )
    shown = repr((person, made, document))
    for secret in ("Bumblebee", "b@c.example", "label of phone", "12/0417", "Court", "jacaranda"):
        assert secret not in shown
    assert "Role.CLERK" in shown
