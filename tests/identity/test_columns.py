import numpy as np
import pyarrow as pa
import pytest

from coffer.identity.columns import Fault, IdentityRules, parse_identities
from coffer.identity.habits import Habits
from coffer.identity.identifier import IdentityType, pack_short_code, unpack_short_code
from coffer.identity.numbering import home_plan


def parse(values, country="FR", kind=1, *, local=False):
    rules = IdentityRules(habits=Habits(home=home_plan(country, "test")), local_identities=local)
    return parse_identities(pa.array(values, pa.string()), np.full(len(values), kind, np.uint8), rules)


def test_a_long_column_keeps_every_digit():
    # The sum of a million numbers passes 2^53: through a float the last digits would be lost without a word.
    found = parse(["+33612345679", "+8613912345678"] * 500_000)
    assert set(found.number.tolist()) == {33612345679, 8613912345678}
    assert not found.fault.any()


@pytest.mark.parametrize(
    ("country", "written", "number"),
    [
        ("FR", "0612345678", 33612345678),
        ("FR", "+33 6 12 34 56 78", 33612345678),
        ("FR", "0033612345678", 33612345678),
        ("FR", "33612345678", 33612345678),
        ("IN", "(080)35121497", 918035121497),
        ("IN", "98453 94494", 919845394494),
        ("US", "(202) 555-0123", 12025550123),
        ("US", "011 33 612345678", 33612345678),
        ("BR", "01511987654321", 5511987654321),
        ("IT", "0612345678", 390612345678),
        ("RU", "89161234567", 79161234567),
        ("DE", "030123456", 4930123456),
    ],
)
def test_numbers_as_people_write_them(country, written, number):
    found = parse([written], country)
    assert (found.type[0], found.number[0], found.fault[0]) == (IdentityType.E164, number, Fault.NONE)


@pytest.mark.parametrize(
    ("written", "fault"),
    [
        ("+" + "336123456789" * 3, Fault.IMPOSSIBLE_LENGTH),
        ("06 12 34 O6 78", Fault.NOT_A_NUMBER),
        ("06+12345678", Fault.NOT_A_NUMBER),
        ("sip:bob", Fault.NOT_A_NUMBER),
        ("()", Fault.NOT_A_NUMBER),
    ],
)
def test_what_is_no_number_is_a_fault_and_no_identity(written, fault):
    found = parse([written])
    assert (found.type[0], found.fault[0]) == (IdentityType.NONE, fault)


@pytest.mark.parametrize("kind", [1, 2])
@pytest.mark.parametrize("local", [False, True])
@pytest.mark.parametrize("mark", ["", "+"])
@pytest.mark.parametrize(
    "part", [".0", ".00", ".000000", ".0000000000", ",0", ",00", ".5", ".50", ".000001", ",5", ".1234"]
)
def test_decimal_part_of_a_number_is_dropped_if_it_is_zeros_and_else_a_fault(part, mark, local, kind):
    found = parse([f"{mark}33612345678{part}", "+33612345679"], kind=kind, local=local)
    number, fault = (33612345678, Fault.NONE) if not part.strip(".,0") else (0, Fault.NOT_A_NUMBER)
    assert found.number.tolist() == [number, 33612345679]
    assert (found.fault.tolist(), found.text.null_count) == ([fault, Fault.NONE], 2)


@pytest.mark.parametrize(
    ("country", "written", "number"),
    [
        ("FR", "06.12.34.56.78", 33612345678),
        ("FR", "+336.12345678", 33612345678),
        ("US", "+1.2025550123", 12025550123),
        ("US", "202.555.0100", 12025550100),
        ("DE", "0171.1234567", 491711234567),
        ("DE", "0049171.1234567", 491711234567),
    ],
)
def test_dot_between_parts_of_a_number_is_no_decimal_point(country, written, number):
    assert parse([written], country).number.tolist() == [number]


def test_short_code_with_a_decimal_part_is_no_longer_one():
    assert unpack_short_code(int(parse(["112.00"], "DE").number[0])) == ("DE", "112")
    assert parse(["112.5"], "DE").fault.tolist() == [Fault.NOT_A_NUMBER]


@pytest.mark.parametrize("written", ["", "anonymous", "Restricted", " unavailable ", "-1"])
def test_a_withheld_caller_is_no_fault(written):
    found = parse([written])
    assert (found.type[0], found.fault[0]) == (IdentityType.NONE, Fault.NONE)


def test_short_codes_keep_leading_zeros_and_country():
    found = parse(["3650", "112"])
    assert [unpack_short_code(int(n)) for n in found.number] == [("FR", "3650"), ("FR", "112")]
    assert unpack_short_code(pack_short_code("IN", "00123")) == ("IN", "00123")


def test_letters_are_senders_in_texts_and_opaque_only_where_the_feed_says_so():
    assert parse(["BANK"], kind=2).type[0] == IdentityType.SENDER
    assert parse(["bob"], kind=1, local=True).type[0] == IdentityType.OPAQUE
    assert parse(["bob"], kind=1).fault[0] == Fault.NOT_A_NUMBER


def test_mail_addresses_are_canonical():
    found = parse(["Bob.X+a@EXAMPLE.org", "x@bücher.example", "no", "<>"], kind=3)
    assert found.text.to_pylist() == ["bob.x+a@example.org", "x@xn--bcher-kva.example", None, None]
    assert found.fault.tolist() == [0, 0, Fault.NOT_AN_ADDRESS, 0]
