"""The tables of numbers that can exist say what the library phonenumbers says; ``scripts/compare_numbering.py`` runs the whole comparison."""

import random
import sys
from importlib import resources
from pathlib import Path

import numpy as np
import phonenumbers
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from coffer.errors import Unavailable
from coffer.identity.numbering import VERSION, can_exist, verify_version, versions
from coffer.identity.validity import are_valid, without_trunk

sys.path.append(str(Path(__file__).parents[2] / "scripts"))

import compare_numbering
import make_validity

SAMPLED = [
    "FR",
    "DE",
    "US",
    "AG",
    "IN",
    "GB",
    "JE",
    "BR",
    "AR",
    "IT",
    "VA",
    "RU",
    "KZ",
    "BY",
    "NF",
    "SG",
    "HU",
    "CN",
    "+800",
    "+881",
    "CI",
]


@pytest.mark.parametrize("name", SAMPLED)
def test_readings_of_a_plan_differ_from_the_library_only_for_known_reasons(name):
    (plan,) = (plan for plan in compare_numbering.plans() if plan[0] == name)
    found = [item[0] for item in compare_numbering.compare(plan, 450, random.Random(7))]
    assert set(found) <= {"same", *compare_numbering.REASONS}
    assert found.count("same") > 300


@pytest.mark.parametrize("code", [33, 44, 1, 800])
def test_the_shipped_steps_are_those_that_the_script_makes(code):
    plan = make_validity.Code(code, make_validity._COUNTRY_CODE_TO_REGION_CODE[code])
    size = len(str(code))
    rows = [(f"{code}{p}", frozenset(size + n for n in lengths)) for p, lengths in plan.rows(plan.build(), "")]
    made = [f"{start},{lengths}" for start, lengths in make_validity.steps(rows)]
    text = resources.files("coffer.identity").joinpath(f"data/valid-{VERSION}.csv").read_text("ascii")
    shipped = [line for line in text.splitlines() if line.startswith(str(code))]
    assert [line for line in made if line.startswith(str(code))] == shipped


@given(st.one_of(st.integers(10**5, 10**15 - 1), st.integers(33600000000, 33799999999)))
@example(33639980001)
@example(33612345678)
def test_one_number_can_exist_as_a_column_says(number):
    digits = str(number)
    (said,) = are_valid(np.array([number], np.uint64), np.array([len(digits)], np.int64))
    assert can_exist(digits) == said


@given(st.integers(0, 10**19 - 1), st.integers(1, 19))
def test_a_number_is_valid_exactly_if_the_library_says_so(value, digits):
    value %= 10**digits
    text = str(value).zfill(digits)
    expected = False
    if digits <= 15 and text[0] != "0":
        for size in (1, 2, 3):
            code, national = int(text[:size]), text[size:]
            if national and code in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
                zeros = len(national) - len(national.lstrip("0"))
                expected |= phonenumbers.is_valid_number(
                    phonenumbers.PhoneNumber(
                        country_code=code,
                        national_number=int(national),
                        italian_leading_zero=zeros > 0,
                        number_of_leading_zeros=zeros or None,
                    )
                )
    assert are_valid(np.array([value], np.uint64), np.array([digits]))[0] == expected


@pytest.mark.parametrize(
    ("written", "rest"),
    [
        ("49030123456", 4930123456),
        ("7849512345", 749512345),
        ("3906123456", 0),
        ("4930123456", 0),
        ("361", 0),
        ("0" * 15, 0),
    ],
)
def test_the_trunk_digit_behind_a_calling_code(written, rest):
    found, digits = without_trunk(np.array([int(written)], np.uint64), np.array([len(written)]))
    assert found[0] == rest
    assert digits[0] == (len(str(rest)) if rest else 0)


def test_every_shipped_version_has_all_it_needs():
    folder = resources.files("coffer.identity").joinpath("data")
    assert versions()[-1] == VERSION
    assert {folder.joinpath(f"numbering-{version}.csv").is_file() for version in versions()} == {True}
    assert all(folder.joinpath(f"{name}-{VERSION}.csv").is_file() for name in ("regions", "valid"))


def test_an_older_unknown_version_is_not_called_newer():
    with pytest.raises(Unavailable, match=r"version 8\.13\.1 is not here") as raised:
        verify_version("8.13.1")
    assert "newer" not in raised.value.hint
