"""TOML tables read strictly: every key must be asked for, and each must have the expected type."""

from collections.abc import Mapping
from typing import Any, cast

from coffer.errors import MalformedInput


class Table:
    """One TOML table; every key must be asked for before ``end``. ``place`` begins every message."""

    def __init__(self, values: Mapping[str, Any], place: str) -> None:
        self.values = values
        self.place = place
        self._seen: set[str] = set()

    def get(self, key: str, kind: type | tuple[type, ...], default: object = None) -> Any:  # noqa: ANN401 - narrowed by kind
        """The value of a key.

        Raises:
            MalformedInput: it is missing and has no default, or has another type.
        """
        self._seen.add(key)
        if key not in self.values:
            if default is None:
                raise MalformedInput(f"{self.place}: {key}: missing")
            return default
        value = self.values[key]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise MalformedInput(f"{self.place}: {key}: a value of another type than expected")
        return value

    def text(self, key: str, default: str | None = None) -> str:
        """A string."""
        return cast("str", self.get(key, str, default))

    def texts(self, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
        """A string or a list of at least one, each not empty."""
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

    def table(self, key: str) -> "Table":
        """A table within, which must be there."""
        return Table(self.get(key, dict), f"{self.place}: [{key}]")

    def choice(self, key: str, choices: tuple[str, ...], default: str) -> str:
        """One of some words."""
        value = self.text(key, default)
        if value not in choices:
            raise MalformedInput(f"{self.place}: {key}: expected one of {', '.join(choices)}")
        return value

    def end(self) -> None:
        """Refuse keys that nobody asked for."""
        unknown = sorted(set(self.values) - self._seen)
        if unknown:
            raise MalformedInput(
                f"{self.place}: {unknown[0]}: unknown key", hint=f"known here: {', '.join(sorted(self._seen))}"
            )
