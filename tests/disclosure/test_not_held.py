"""What no record holds is recognised where a number should stand, and the draft of the reply is whole in each language."""

import datetime as dt

import pytest

from coffer.disclosure.letterhead import Letterhead, Party
from coffer.disclosure.not_held import format_not_held
from coffer.disclosure.not_held_texts import TEXTS
from coffer.errors import MalformedInput
from coffer.identity.not_held import REASONS, SAID, NotHeld, recognised
from coffer.identity.typed import parse_typed_subject

TODAY = dt.date(2016, 9, 6)


@pytest.mark.parametrize(
    ("typed", "kind"),
    [
        ("192.0.2.17", NotHeld.IP_ADDRESS),
        ("192.0.2.0/24", NotHeld.IP_ADDRESS),
        ("2001:db8::1", NotHeld.IP_ADDRESS),
        ("ip:192.0.2.17", NotHeld.IP_ADDRESS),
        ("00:1B:44:11:3A:B7", NotHeld.IP_ADDRESS),
        ("001b.4411.3ab7", NotHeld.IP_ADDRESS),
        ("48.8566, 2.3522", NotHeld.PLACE),
        ("48,8566 N 2,3522 E", NotHeld.PLACE),
        ("208-01-1234-5678", NotHeld.PLACE),
        ("FR76 3000 6000 0112 3456 7890 189", NotHeld.PAYMENT),
        ("A. Example", NotHeld.SUBSCRIBER),
        ("Émile Müller-Durand", NotHeld.SUBSCRIBER),
    ],
)
def test_it_is_recognised_and_never_repeated(typed, kind):
    assert recognised(typed) is kind
    with pytest.raises(MalformedInput, match=SAID[kind]) as caught:
        parse_typed_subject(typed, "FR", "--subject 1")
    assert typed not in f"{caught.value.message} {caught.value.hint}"
    assert str(kind) in caught.value.hint


@pytest.mark.parametrize(
    "typed",
    ["+33 6 12 34 56 78", "06 12 34 56 78", "06.12.34.56.78", "(0)6 12/34-56-78", "a.example@mail.example", "112"],
)
def test_numbers_and_addresses_are_still_taken(typed):
    assert recognised(typed) is None


def test_every_language_has_every_word_and_every_kind():
    assert {language: set(words) for language, words in TEXTS.items()} == {key: set(TEXTS["en"]) for key in TEXTS}
    assert set(NotHeld) <= set(TEXTS["en"])
    assert set(NotHeld) == set(REASONS) == set(SAID)


@pytest.mark.parametrize("language", TEXTS)
def test_draft_has_letterhead_what_was_asked_and_nothing_else(language):
    letterhead = Letterhead(provider=Party(name="Telco Example", address=("1 Example Street",)))
    text = format_not_held(
        {NotHeld.PLACE}, language=language, today=TODAY, letterhead=letterhead, authority="Court", received=TODAY
    )
    words = TEXTS[language]
    flat = " ".join(text.split())
    assert text.startswith("Telco Example\n1 Example Street\n\n")
    assert " ".join(words["place"].split()) in flat
    assert words["content"] not in flat
    assert "Court" in text
    assert words["authority"] not in text
    assert words["case"] in text
    assert max(len(line) for line in text.splitlines()) <= 76


def test_draft_without_a_letterhead_begins_with_whom_it_is_to():
    assert format_not_held({NotHeld.CONTENT}, language="en", today=TODAY).startswith("To: [authority]\n")
