"""Columns of identities: the same alone or among others, and what libphonenumber says of every country's numbers."""

# ruff: noqa: FBT003

import numpy as np
import phonenumbers
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from phonenumbers import PhoneNumberType

from coffer.errors import MalformedInput
from coffer.identity.columns import Fault, IdentityRules, parse_identities, sids
from coffer.identity.habits import Habits
from coffer.identity.identifier import IdentityType, pack_short_code, parse_email, parse_subject, unpack_short_code
from coffer.identity.numbering import home_plan, locate, place_of, plans
from coffer.identity.uris import address_within

HOMES = ("FR", "IN", "US", "DE", "IT", "BR", "GB", "CN", "AR", "MX")
values = st.one_of(
    st.from_regex(r"(\+|00|0|\+33|0033|91|)[0-9 ./()-]{0,18}", fullmatch=True),
    st.text("0123456789+- ", max_size=22),
    st.text(max_size=20),
    st.sampled_from(
        [
            "",
            " ",
            "-1",
            "+",
            "ANONYMOUS",
            "Withheld",
            "CORP",
            "a@b.example",
            "é@b.example",
            "112",
            "36500",
            "1" * 15,
            "1" * 16,
            "0" * 19,
            "9" * 20,
            "+" + "9" * 40,
            "\u0661\u0662\u0663",
        ]
    ),
)


def rules_of(country, is_local):
    return IdentityRules(habits=Habits(home=home_plan(country, "home")), local_identities=is_local)


def rows_of(found):
    return list(
        zip(found.type.tolist(), found.number.tolist(), found.text.to_pylist(), found.fault.tolist(), strict=True)
    )


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(values, st.integers(0, 3)), max_size=12), st.sampled_from(HOMES), st.booleans())
@example([], "FR", False)
def test_a_column_is_read_as_its_values_one_by_one(items, country, is_local):
    rules = rules_of(country, is_local)
    column, kinds = pa.array([text for text, _ in items], pa.string()), np.array([kind for _, kind in items], np.uint8)
    whole = rows_of(parse_identities(column, kinds, rules))
    alone = [rows_of(parse_identities(column.slice(i, 1), kinds[i : i + 1], rules))[0] for i in range(len(items))]
    copied = [rows_of(parse_identities(pa.array([text]), np.array([kind], np.uint8), rules))[0] for text, kind in items]
    assert whole == alone == copied
    for kind, number, text, fault in whole:
        assert (kind == 0) or fault == 0
        assert (text is not None) == (kind in {2, 4, 5, 6})
        if kind == IdentityType.E164:
            assert parse_subject(f"tel:+{number}", "subject").value == str(number)
        if kind == IdentityType.SHORT:
            assert pack_short_code(*unpack_short_code(number)) == number


domains = st.one_of(
    st.sampled_from(
        ("x.example", "X.Example", "x.example.", "xn--bcher-kva.example", "a_b.example", "localhost", "-a.b")
    ),
    st.sampled_from(("a..b", ".a.b", "xn--.b", f"{'d' * 63}.b", f"{'d' * 64}.b", "d.b" * 63, "1.2", "x.b\u00fccher")),
    st.text("aB0-._", max_size=9),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.text('aB0.+!_-"\\\\ @<>(,\u00e9\t', max_size=4), st.integers(0, 66), domains), max_size=6))
def test_addresses_in_a_column_are_read_as_one_by_one(items):
    written = [f"{local}{'x' * more}@{domain}" for local, more, domain in items] or [""]
    found = parse_identities(pa.array(written), np.full(len(written), 3, np.uint8), rules_of("FR", False))
    expected = []
    for text in written:
        try:
            expected.append(parse_email(address_within(text.strip(" ")), "address") if text else None)
        except MalformedInput:
            expected.append(None)
    assert found.text.to_pylist() == expected
    assert (
        (found.fault > 0) == [bool(text) and form is None for text, form in zip(written, expected, strict=True)]
    ).all()


def numbers_of_the_world():
    kinds = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE, PhoneNumberType.TOLL_FREE, PhoneNumberType.VOIP)
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        for kind in kinds:
            number = phonenumbers.example_number_for_type(region, kind)
            if number is not None:
                yield region, number


def test_every_countrys_example_numbers_are_those_of_libphonenumber():
    found = list(numbers_of_the_world())
    texts = [phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) for _, number in found]
    assert len(found) > 600
    for written in (
        texts,
        [phonenumbers.format_number(n, phonenumbers.PhoneNumberFormat.INTERNATIONAL) for _, n in found],
    ):
        read = parse_identities(pa.array(written), np.full(len(written), 1, np.uint8), rules_of("FR", False))
        assert [f"+{n}" for n in read.number.tolist()] == texts
        assert set(read.type.tolist()) == {IdentityType.E164}
    for text in texts:
        assert parse_subject(f"tel:{text}", "subject").format() == f"tel:{text}"


def test_every_countrys_national_numbers_are_those_of_libphonenumber():
    """A national number at home is completed to the same E.164 number or, where it cannot be made certain, kept as dialled; never to another one."""
    uncertain = wrong = 0
    found = list(numbers_of_the_world())
    for region, number in found:
        text = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
        if any(letter.isalpha() for letter in text):
            continue
        expected = int(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)[1:])
        (row,) = rows_of(parse_identities(pa.array([text]), np.array([1], np.uint8), rules_of(region, False)))
        uncertain += row[0] in (IdentityType.DIALLED, IdentityType.SHORT)
        wrong += row[0] == IdentityType.E164 and row[1] != expected
    assert wrong == 0
    assert uncertain < 0.1 * len(found)


@pytest.mark.parametrize("text", ["+1", "+999123456", "+0", "+", "+33", "+336123456789"])
def test_impossible_numbers_are_no_numbers_to_both(text):
    read = parse_identities(pa.array([text]), np.array([1], np.uint8), rules_of("FR", False))
    assert read.type[0] == IdentityType.DIALLED if len(text) > 1 else read.fault[0] == Fault.NOT_A_NUMBER
    with pytest.raises(MalformedInput, match=r"^subject: "):
        parse_subject(f"tel:{text}", "subject")


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(values, st.integers(1, 3)), min_size=1, max_size=8))
def test_sids_of_a_column_are_those_of_its_subject_lines(items):
    found = parse_identities(
        pa.array([text for text, _ in items]), np.array([kind for _, kind in items], np.uint8), rules_of("FR", True)
    )
    high, low = sids(found.type, found.number, found.text, feed="pbx", home="FR")
    schemes = {1: "tel:+{0}", 2: "mailto:{1}", 4: "sender:{1}", 5: "opaque:pbx/{1}", 6: "dialled:FR/{1}"}
    for at, (kind, number, text, _) in enumerate(rows_of(found)):
        raw = int(high[at]).to_bytes(8, "big") + int(low[at]).to_bytes(8, "big")
        if kind == 0:
            assert raw == bytes(16)
        elif kind == IdentityType.SHORT:
            country, digits = unpack_short_code(number)
            assert raw == parse_subject(f"short:{country}/{digits}", "s").sid
        elif kind != IdentityType.EMAIL or text.isascii():
            assert raw == parse_subject(schemes[kind].format(number, text), "s").sid


@given(st.text("0123456789", min_size=1, max_size=15))
@example("0" * 15)
@example("33612345678")
@example("9" * 15)
def test_plan_of_one_number_is_that_of_an_array_of_it(digits):
    found = locate(np.array([int(digits)], np.uint64), np.array([len(digits)]))
    expected = (plans().country_names[int(found.country[0])], bool(found.is_known[0]), bool(found.is_possible[0]))
    assert tuple(place_of(digits)) == expected
