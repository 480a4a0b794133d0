"""The protected list and the no-index list: format and parse are inverse, nothing else is taken, columns agree with a loop."""

import pickle

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coffer.custody.protected import CATEGORIES, ProtectedList, format_protected, parse_protected
from coffer.errors import MalformedInput, NotProven
from coffer.identity.identifier import IdentityType, pack_short_code
from coffer.notes.keys import Secret
from coffer.records.no_index import parse_no_index

KEY = Secret(bytes(range(32)), "key")
MEMBERS = st.dictionaries(st.binary(min_size=16, max_size=16), st.sampled_from(CATEGORIES), max_size=6)


def made(members):
    return ProtectedList(key=KEY).with_members(members.items())


def parse(raw, key=KEY, context=b"o\ncustodian a"):
    return parse_protected(raw, key, context=context, place="list")


@given(MEMBERS)
def test_protected_list_is_parsed_back_and_knows_its_members(members):
    found = parse(format_protected(made(members), context=b"o\ncustodian a"))
    assert found == made(members)
    assert [sid for sid in members if not found.has(sid)] == []
    assert not found.without(members).members


@given(MEMBERS, st.data())
def test_no_one_byte_change_of_a_protected_list_is_taken(members, data):
    raw = bytearray(format_protected(made(members), context=b"o\ncustodian a"))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(NotProven, match="not its own, or changed"):
        parse(bytes(raw))


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_no_protected_list(raw):
    with pytest.raises(NotProven, match="not its own, or changed"):
        parse(raw)


@pytest.mark.parametrize("change", [{"key": Secret(bytes(32), "key")}, {"context": b"o\ncustodian b"}])
def test_protected_list_of_another_key_or_custodian_is_not_taken(change):
    raw = format_protected(made({bytes(16): "other"}), context=b"o\ncustodian a")
    with pytest.raises(NotProven, match="not its own, or changed"):
        parse(raw, **change)


@given(st.one_of(st.binary(max_size=80), st.binary(max_size=80).map(lambda rest: b"coffer.no-index/v1\n" + rest)))
def test_arbitrary_bytes_as_a_no_index_list_raise_one_family(raw):
    try:
        parse_no_index(raw, "list")
    except MalformedInput as error:
        assert error.message.startswith("list")  # noqa: PT017 - it may also parse


NUMBERS = [33612345678, 33698765432, 12025550199, 441632960001]
NAMES = ["a@example.org", "b@example.org", "c@example.net"]
SHORT = ["3919", "115"]


@given(
    st.sets(st.sampled_from(NUMBERS)),
    st.sets(st.sampled_from(NAMES)),
    st.sets(st.sampled_from(SHORT)),
    st.lists(
        st.sampled_from(
            [("n", n) for n in [*NUMBERS, 33611111111]]
            + [("m", n) for n in NAMES]
            + [("s", s) for s in SHORT]
            + [("-", None)]
        )
    ),
)
def test_listed_columns_are_those_of_a_loop(numbers, names, short, column):
    lines = [f"tel:+{n}" for n in numbers] + [f"mailto:{n}" for n in names] + [f"short:FR/{s}" for s in short]
    text = "".join(f"2016-09-01 {line} r\n" for line in lines)
    listed = pickle.loads(pickle.dumps(parse_no_index(b"coffer.no-index/v1\n" + text.encode(), "list")))
    types = {"n": IdentityType.E164, "m": IdentityType.EMAIL, "s": IdentityType.SHORT, "-": IdentityType.NONE}
    number = {"n": int, "s": lambda s: pack_short_code("FR", s)}
    found = listed.is_listed(
        np.array([types[kind] for kind, _ in column], np.uint8),
        np.array([number[kind](value) if kind in number else 0 for kind, value in column], np.uint64),
        pa.array([value if kind == "m" else None for kind, value in column], pa.string()),
    )
    assert found.tolist() == [value in numbers | names | short for _, value in column]
