"""A TOML file is read strictly, and no message about it repeats a value."""

import pytest

from coffer.errors import MalformedInput
from coffer.toml import parse_toml

NUMBER = "33612345678"


def read(text, **options):
    """A table as a program reads it: a name, a whole number, and a table within."""
    top = parse_toml(text.encode("utf-8", "surrogateescape"), "x.toml", **options)
    top.literal("format", "x/v1")
    inner = top.table("who")
    found = (inner.text("name"), top.get("count", int, 0))
    inner.end()
    top.end()
    return found


GOOD = 'format = "x/v1"\ncount = 3\n[who]\nname = "judge"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD + 'name = "dpo"\n', "not TOML at line 5, column 13"),
        (GOOD + "[who]\n", "not TOML at line 5, column 5"),
        (GOOD + f"[who.more]\na = {NUMBER}\n", r"\[who\]: more: unknown key"),
        (GOOD + f'"{NUMBER}" = 1\n', r"\[who\]: an odd name: unknown key"),
        (GOOD.replace("count = 3", "count = true"), "count: found true or false, expected a whole number"),
        (GOOD.replace("count = 3", f'count = "{NUMBER}"'), "count: found a text, expected a whole number"),
        (GOOD.replace("count = 3", "count = 2016-09-01"), "count: found a time, expected a whole number"),
        (GOOD.replace("[who]", f"[who-{NUMBER}]"), "who: missing"),
        (GOOD.replace('name = "judge"', ""), r"\[who\]: name: missing"),
        (GOOD.replace("x/v1", "x/v2"), "format: expected x/v1"),
        (GOOD + f"a = '{NUMBER}", "not TOML at end of document"),
        (GOOD + f"a = {NUMBER}{NUMBER * 500}\n", "not TOML"),
        (GOOD + "a = " + "[" * 3_000 + "\n", "not TOML"),
        ("\udcff" + GOOD, "not TOML: not UTF-8"),
    ],
)
def test_mistake_is_told_with_its_place_and_without_values(text, said):
    with pytest.raises(MalformedInput, match=r"^x\.toml: " + said) as error:
        read(text)
    assert NUMBER not in error.value.message
    assert read(GOOD) == ("judge", 3)


def test_encoding_and_hint_are_those_of_the_file():
    with pytest.raises(MalformedInput, match=r"^x\.toml: not TOML: not ASCII") as error:
        read("# é\n" + GOOD, encoding="ascii", hint="write a table")
    assert error.value.hint == "write a table"
    assert read("# é\n" + GOOD) == ("judge", 3)
