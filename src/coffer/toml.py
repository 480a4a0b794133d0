"""TOML files, read strictly: every key must be known, occur once, and have the expected type.

The library parses the text and refuses a repeated key. A message gives the place and what was expected, but no value,
because a file may hold secrets that belong in no log. msgspec would refuse the same, but its messages do not name a
table that has a name of its own, such as a custodian's.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

from coffer.errors import MalformedInput
from coffer.wire import verify_format

_SHOWN: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}")
"""Names of keys that a message repeats. Any other may be a value in the wrong place."""
_TYPES: Final = {
    str: "a text",
    int: "a whole number",
    bool: "true or false",
    list: "a list",
    dict: "a table",
    float: "a number",
}


def parse_toml(raw: bytes, place: str, *, hint: str = "", encoding: str = "utf-8") -> "Table":
    """The document as a table; ``place`` begins every message about it.

    Raises:
        MalformedInput: it is not TOML in that encoding, or has a key twice.
    """
    try:
        return Table(tomllib.loads(raw.decode(encoding)), place)
    except UnicodeDecodeError:
        raise MalformedInput(f"{place}: not TOML: not {encoding.upper()}", hint=hint) from None
    except (ValueError, RecursionError) as error:  # also a number of 5,000 digits, or a thousand brackets
        # Take only the position from the library's message, because the rest may quote the file.
        at = re.search(r"at line [0-9]+, column [0-9]+|at end of document", str(error))
        raise MalformedInput(f"{place}: not TOML{f' {at[0]}' if at else ''}", hint=hint) from None


class Table:
    """One TOML table; every key must be asked for before ``end``. ``place`` begins every message."""

    def __init__(self, values: Mapping[str, Any], place: str) -> None:
        self.values = values
        self.place = place
        self._seen: set[str] = set()

    def get(self, key: str, kind: type | tuple[type, ...], default: object = None) -> Any:  # noqa: ANN401 - narrowed by kind
        """The value of a key, or its default if the key is missing.

        Raises:
            MalformedInput: the key is missing and has no default, or the value has another type.
        """
        self._seen.add(key)
        if key not in self.values:
            if default is None:
                raise MalformedInput(f"{self.place}: {key}: missing")
            return default
        value = self.values[key]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise MalformedInput(
                f"{self.place}: {_shown(key)}: found {_name_of(type(value))}, expected {_names_of(kind)}"
            )
        return value

    def take(self, key: str) -> object:
        """The value of a key that is there, whatever it is; the caller looks at it."""
        self._seen.add(key)
        return self.values[key]

    def text(self, key: str, default: str | None = None) -> str:
        """The string of a key."""
        return cast("str", self.get(key, str, default))

    def literal(self, key: str, expected: str) -> None:
        """Refuse any other string than the expected one, for example that of ``format``.

        The format of another release is named.
        """
        verify_format(self.text(key), expected, f"{self.place}: {key}")

    def texts(self, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
        """The strings of a key: one, or a list of at least one, none of them empty."""
        if key not in self.values and not default:
            return ()
        value = self.get(key, (str, list), list(default))
        items = [value] if isinstance(value, str) else value
        if not items or not all(isinstance(item, str) and item for item in items):
            raise MalformedInput(f"{self.place}: {key}: expected a name or a list of names")
        return tuple(items)

    def boolean(self, key: str, *, default: bool | None = None) -> bool:
        """True or false."""
        return cast("bool", self.get(key, bool, default))

    def number(self, key: str, least: int, most: int, default: int) -> int:
        """The whole number of a key, within bounds."""
        value = cast("int", self.get(key, int, default))
        if not least <= value <= most:
            raise MalformedInput(f"{self.place}: {key}: expected a whole number from {least:,} to {most:,}")
        return value

    def table(self, key: str) -> "Table":
        """The table of a key, which must be there."""
        return Table(self.get(key, dict), f"{self.place}: [{_shown(key)}]")

    def choice(self, key: str, choices: tuple[str, ...], default: str) -> str:
        """The word of a key, which must be one of these choices."""
        value = self.text(key, default)
        if value not in choices:
            raise MalformedInput(f"{self.place}: {key}: expected one of {', '.join(choices)}")
        return value

    def end(self, also: Iterable[str] = ()) -> None:
        """Refuse keys that nobody asked for; ``also``: keys that may be there, for the hint."""
        unknown = sorted(set(self.values) - self._seen)
        if unknown:
            known = sorted(self._seen.union(also))
            hint = f"{nearest(_shown(unknown[0]), known)}known here: {', '.join(known)}"
            raise MalformedInput(f"{self.place}: {_shown(unknown[0])}: unknown key", hint=hint)


def nearest(name: str, known: Iterable[str]) -> str:
    """``did you mean 'log'? ``, to begin a hint; empty if no known name is near."""
    from difflib import get_close_matches  # noqa: PLC0415 - only a mistake needs it

    near = get_close_matches(name, list(known), n=1)
    return f"did you mean '{near[0]}'? " if near else ""


def _name_of(kind: type) -> str:
    return _TYPES.get(kind, "a time")


def _names_of(kinds: type | tuple[type, ...]) -> str:
    return " or ".join(_name_of(kind) for kind in (kinds if isinstance(kinds, tuple) else (kinds,)))


def _shown(key: str) -> str:
    return key if _SHOWN.fullmatch(key) else "an odd name"
