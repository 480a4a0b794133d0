"""Handsets and SIMs: one value and columns judge alike, and what people type has one spelling."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coffer.errors import MalformedInput
from coffer.identity.mobile import (
    country_of_imsi,
    luhn_digit,
    mccs,
    names_handset,
    names_subscription,
    whole_imei,
)  # fmt: skip
from coffer.identity.mobile_columns import handsets, mcc_of, subscriptions, unmarked
from coffer.identity.numbering import VERSION, is_country, versions
from coffer.identity.typed import parse_typed_subject

DIGITS = st.one_of(
    st.from_regex("[0-9]{14,16}", fullmatch=True),
    st.from_regex("(?:35|01|86|00|02|12345678)[0-9]{12}", fullmatch=True).map(lambda text: text[:14]),
    st.from_regex("(?:35|01|10|99999999)[0-9]{12}", fullmatch=True).map(lambda text: text[:14] + luhn_digit(text[:14])),
    st.from_regex("(?:[0-9]{8}|01234567|9{8})(?:[0-9]{6}|0{6})[0-9]{1,2}", fullmatch=True),
    st.sampled_from(["0" * 15, "1" * 14, "35" * 7 + "0"]),
)


@given(st.lists(DIGITS, min_size=1, max_size=20))
def test_columns_of_imeis_are_judged_as_one_value_is(values):
    column = np.array([int("1" + value) for value in values], np.uint64)
    expected = []
    for value in values:
        body = value[:14]
        is_spare = len(value) == 15 and value[14] == "0" and names_handset(body)  # as a network writes it
        expected.append(int(body) if is_spare or whole_imei(value, len(value)) else 0)
    assert handsets(column).tolist() == expected
    assert unmarked(column).tolist() == [int(value) for value in values]
    assert handsets(np.zeros(3, np.uint64)).tolist() == [0, 0, 0] == unmarked(np.zeros(3, np.uint64)).tolist()


@given(
    st.lists(st.from_regex("[1-9][0-9]{5,14}|208[0-9]{12}|901[0-9]{11}|208010000000000", fullmatch=True), min_size=1)
)
def test_columns_of_imsis_are_judged_as_one_value_is(values):
    column = np.array([int(value) for value in values], np.uint64)
    good = [int(value) if names_subscription(value) else 0 for value in values]
    assert subscriptions(column).tolist() == good
    known = [value for value in values if names_subscription(value)]
    assert mcc_of(np.array([int(value) for value in known], np.uint64)).tolist() == [int(value[:3]) for value in known]


def test_every_version_of_the_tables_has_its_country_codes():
    for version in versions():
        assert len(mccs(version)) > 200
        assert [country for country in mccs(version).values() if not is_country(country)] == []
    assert {country_of_imsi(f"{mcc}011234567890", VERSION) for mcc in (340, 647, 901)} == {None}


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        ("IMEI 49-015420-323751-8", "imei:490154203237518"),
        ("TAC 49015420 SNR 323751", "imei:490154203237518"),
        ("tac: 49015420, snr=323751", "imei:490154203237518"),
        ("IMEISV 49015420 323751 77", "imei:490154203237518"),
        ("imei:490154203237518", "imei:490154203237518"),
        ("IMSI 208 01 1234567890", "imsi:208011234567890"),
        ("imsi=655011234567890", "imsi:655011234567890"),
    ],
)
def test_people_write_them_in_their_own_way(typed, line):
    assert parse_typed_subject(typed, "FR", "subject").format() == line


def test_hint_for_an_imei_without_its_check_digit_can_be_followed():
    """A network's record ends with 0 instead of the check digit: 14 digits are written in two parts."""
    with pytest.raises(MalformedInput, match="no handset has this IMEI") as error:
        parse_typed_subject("IMEI 490154203237510", "FR", "subject")
    assert error.value.hint.endswith("write its first 14 digits as TAC 49015420 SNR 323751")
    assert parse_typed_subject("TAC 49015420 SNR 323751", "FR", "subject").value == "490154203237518"


def test_a_mistyped_imei_is_no_strangers_handset():
    """A digit left out or typed twice leaves 14 or 16, in which nothing could be seen to be wrong."""
    right = "490154203237518"
    assert parse_typed_subject(f"IMEI {right}", "FR", "subject").value == right
    dropped = {right[:at] + right[at + 1 :] for at in range(15)}
    inserted = {right[:at] + digit + right[at:] for at in range(16) for digit in "0123456789"}
    for digits in sorted(dropped | inserted):
        for word in ("IMEI ", "imei:"):
            with pytest.raises(MalformedInput, match=r"no IMEI has 1[46] digits, expected 15"):
                parse_typed_subject(word + digits, "FR", "subject")


@pytest.mark.parametrize(
    "typed",
    [
        "TAC 49015420 SNR 32375",
        "TAC 4901542 SNR 323751",
        "TAC 490154203 SNR 23751",
        "IMEISV 49015420323751",
        "IMEISV 49015420323751777",
        "IMEI 490154203237510",
        "IMEI",
        "IMEI +490154203237518",
        "IMEISV 490154203237518",
        "IMSI 20801",
        "490154203237518",
    ],
)
def test_what_may_be_mistyped_is_refused_and_not_repeated(typed):
    with pytest.raises(MalformedInput, match="subject: no") as error:
        parse_typed_subject(typed, "FR", "subject")
    assert "2032" not in str(error.value)
