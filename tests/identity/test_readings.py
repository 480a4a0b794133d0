"""Which reading of dialled digits is taken: exactly one that can exist, or none. Each wrong value has a twin that differs in one thing and is taken."""

import numpy as np
import phonenumbers
import pyarrow as pa
import pytest

from coffer.identity import readings
from coffer.identity.columns import Fault, IdentityRules, parse_identities
from coffer.identity.habits import Habits
from coffer.identity.identifier import IdentityType, parse_subject, unpack_short_code
from coffer.identity.numbering import home_plan


def read(written, home="DE", *, kind=1, local=False, style="any", outside=()):
    """What a value is: a number as int, dialled digits as text, a short code as country/digits, None if withheld, else the fault."""
    habits = Habits(home=home_plan(home, "test"), style=style, outside=outside)
    rules = IdentityRules(habits=habits, local_identities=local)
    found = parse_identities(pa.array([written]), np.full(1, kind, np.uint8), rules)
    match IdentityType(int(found.type[0])):
        case IdentityType.E164:
            return int(found.number[0])
        case IdentityType.DIALLED | IdentityType.OPAQUE:
            return found.text[0].as_py()
        case IdentityType.SHORT:
            return "/".join(unpack_short_code(int(found.number[0])))
    return Fault(int(found.fault[0])) or None


@pytest.mark.parametrize("written", ["+49 (0)30 123456", "0049(0)30123456", "0049 030 123456", "+49 030 123456"])
def test_a_trunk_digit_behind_the_calling_code_makes_no_number_that_cannot_exist(written):
    assert read(written) == 4930123456


def test_a_zero_that_belongs_to_the_number_stays():
    assert read("+39 06 12345678") == read("0039 06 12345678") == 390612345678


@pytest.mark.parametrize(
    ("written", "number"), [("33612345678", 33612345678), ("442079460000", 442079460000), ("43664123456", 43664123456)]
)
def test_international_digits_without_a_plus_are_not_sealed_as_national(written, number):
    """In Germany nearly any digits are a national number too: only the feed can say which is meant."""
    assert read(written) == written
    assert read(written, style="e164-no-plus") == number
    assert read(written, style="national") == int(f"49{written}")
    assert read(f"+{written}") == number


def test_each_style_takes_only_what_it_says():
    digits = {"01701234567": 491701234567, "1701234567": "1701234567", "33612345678": 33612345678}
    for written, expected in digits.items():
        assert read(written, style="e164-no-plus") == expected
    assert read("01701234567", style="international") == "01701234567"
    assert read("00491701234567", style="international") == 491701234567
    assert read("1701234567", style="national") == 491701234567


def test_a_number_behind_an_outside_line_is_found_only_if_the_feed_says_so():
    assert read("9030123456") == "9030123456"
    assert read("9030123456", outside=("9",)) == 4930123456
    assert read("90033612345678", outside=("9",)) == 33612345678
    assert read("9110", outside=("9",)) == "DE/9110", "short as it stands: as anybody dials"
    assert read("0110", outside=("0",)) == "DE/110"


def test_digits_with_two_readings_through_an_outside_line_are_kept_as_dialled():
    """Behind a 0 for the line 030... is Berlin; but 00 30 210 1234567 is Athens."""
    assert read("00302101234567") == 302101234567
    assert read("00302101234567", outside=("0",)) == "00302101234567"


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("+999123456", "999123456"),
        ("061234567", "061234567"),
        ("+33612", "33612"),
        ("+33 612 345 678 90123 45678", "336123456789012345678"),
        ("0", "0"),
        ("11 493012345", "11493012345"),
    ],
)
def test_digits_that_are_no_number_are_kept_as_dialled_and_found_by_their_subject(written, kept):
    assert read(written, "FR") == kept
    assert parse_subject(f"dialled:FR/{kept}", "subject").country() == "FR"


def test_a_dialled_identity_of_another_home_is_another_identity():
    assert parse_subject("dialled:FR/0612", "s").sid != parse_subject("dialled:DE/0612", "s").sid


def test_more_digits_than_anybody_dials_are_a_reject():
    assert read("1" * 32) == "1" * 32
    assert read("1" * 33) == Fault.IMPOSSIBLE_LENGTH


@pytest.mark.parametrize(
    ("written", "short"),
    [("110", "DE/110"), ("112", "DE/112"), ("116117", "DE/116117"), ("11833", "DE/11833"), ("22922", "DE/22922")],
)
def test_emergency_and_service_numbers_stay_short_codes(written, short):
    assert read(written) == short
    assert read(written, style="e164-no-plus") == read(written, style="international") == short


@pytest.mark.parametrize("written", ["08001234567", "+4980012345678", "0137 1234567", "0700 12345678"])
def test_service_numbers_of_a_plan_are_numbers(written):
    assert isinstance(read(written), int)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("sip:+4930111111@198.51.100.7:5060;user=phone", 4930111111),
        ("+4930111111@198.51.100.7", 4930111111),
        ('"Anna B" <sip:+4930111111@pbx.example>', 4930111111),
        ("<sips:%2B4930111111@pbx.example>;tag=77", 4930111111),
        ("tel:+49-30-111111", 4930111111),
        ("tel:30111111;phone-context=+49", 4930111111),
        ("+4930111111;verstat=TN-Validation-Passed", 4930111111),
        ("+4930111111;npdi=yes;rn=+4930999999", 4930111111),
        ("030111111@pbx.example", 4930111111),
        ("sip:112@pbx.example", "DE/112"),
        ("sip:anonymous@anonymous.invalid", None),
        ("anonymous@anonymous.invalid", None),
    ],
)
def test_a_number_in_a_uri_is_no_address_and_no_opaque_identity(written, expected):
    assert read(written) == read(written, local=True) == read(written, kind=2) == expected


def test_a_name_in_a_uri_stays_a_local_identity():
    assert read("anna@pbx.example", local=True) == "anna@pbx.example"
    assert read("anna@pbx.example") == Fault.NOT_A_NUMBER


def test_an_address_of_a_mail_stays_an_address():
    found = parse_identities(
        pa.array(["+4930111111@example.org"]),
        np.full(1, 3, np.uint8),
        IdentityRules(habits=Habits(home=home_plan("DE", "test")), local_identities=False),
    )
    assert (found.type[0], found.text[0].as_py()) == (IdentityType.EMAIL, "+4930111111@example.org")


def test_the_library_is_asked_once_a_distinct_value_and_remembered_within_bounds(monkeypatch):
    """Carrier codes are the library's matter; a file of one number a million times must not cost a million calls."""
    calls = []
    original = phonenumbers.parse
    monkeypatch.setattr(phonenumbers, "parse", lambda *args: calls.append(args) or original(*args))
    readings._ask_one.cache_clear()
    habits = Habits(home=home_plan("BR", "test"))
    rules = IdentityRules(habits=habits, local_identities=False)
    column = pa.array(["01511987654321", "011987654321"] * 5_000)
    for _ in range(2):
        found = parse_identities(column, np.ones(len(column), np.uint8), rules)
    assert set(found.number[::2].tolist()) == {5511987654321}
    assert len(calls) == 2
    assert readings._ask_one.cache_info().maxsize == 65_536
