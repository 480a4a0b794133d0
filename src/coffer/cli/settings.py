"""The settings of ``coffer.toml``: what there is, what each may be, and which value counts. Pure.

The environment counts before the file, the file before what is built in; an option of the command counts before all.
Implements ``docs/configuration.md``.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from coffer.errors import MalformedInput
from coffer.serving.listen import parse_listen
from coffer.toml import nearest, parse_toml

FILE: Final = "coffer.toml"
FORMAT: Final = "coffer.settings/v1"
_PREFIX: Final = "COFFER_"
_NUMBER: Final = re.compile(r"(0|[1-9][0-9]{0,8})(\.[0-9]{1,3})?")

Value = str | int | float | bool


class Kind(StrEnum):
    """What a value is; the value of a kind is how a message calls it."""

    TEXT = "a text"
    PATH = "a path"
    ADDRESS = "host:port"
    YES_NO = "true or false"
    WHOLE = "a whole number"
    NUMBER = "a number"


_TYPES: Final[Mapping[Kind, tuple[type, ...]]] = {
    Kind.YES_NO: (bool,),
    Kind.WHOLE: (int,),
    Kind.NUMBER: (int, float),
}
"""Of every other kind a value is a string."""


class Source(StrEnum):
    """Where a value comes from."""

    BUILT_IN = "default"
    FILE = "file"
    ENVIRONMENT = "environment"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting.

    ``table``, ``key``: where it stands in the file. ``default``: what holds without it; None: nothing. ``low``,
    ``high``: bounds of a number. ``words``: what a text may be; empty: anything. ``parameter``: how the command calls
    it, if not by the key.
    """

    table: str
    key: str
    meaning: str
    kind: Kind = Kind.TEXT
    default: Value | None = None
    low: float = 0
    high: float = 0
    words: tuple[str, ...] = ()
    parameter: str = ""

    @property
    def variable(self) -> str:
        """The variable of the environment that overrides it."""
        return f"{_PREFIX}{self.table}_{self.key}".replace("-", "_").upper()

    @property
    def name(self) -> str:
        """Table and key, as people write them together."""
        return f"{self.table}.{self.key}"

    @property
    def expected(self) -> str:
        """What a value must be, for messages and the page."""
        if self.words:
            return " or ".join(self.words)
        return f"{self.kind}, {self.low:.10g} to {self.high:.10g}" if self.high else str(self.kind)

    def verified(self, value: object, place: str) -> Value:
        """The value, if it is one of this setting.

        Raises:
            MalformedInput: another type, out of bounds, or no word of it. No value is repeated: it may be a secret.
        """
        is_right = isinstance(value, _TYPES.get(self.kind, (str,))) and isinstance(value, bool) == (
            self.kind is Kind.YES_NO
        )
        if is_right and isinstance(value, str):
            is_right = bool(value) and value.isprintable() and (not self.words or value in self.words)
        if is_right and self.high:
            assert isinstance(value, int | float), "bounds are of numbers"
            is_right = self.low <= value <= self.high
        if not is_right:
            raise MalformedInput(f"{place}: expected {self.expected}")
        assert isinstance(value, str | int | float), "bool is an int"
        if self.kind is Kind.ADDRESS:
            parse_listen(str(value), place)
        return value

    def parsed(self, text: str) -> Value:
        """The value of its variable. Raises as ``verified``."""
        value: Value = text
        if self.kind is Kind.YES_NO:
            value = {"true": True, "false": False}.get(text, text)
        elif self.kind in {Kind.WHOLE, Kind.NUMBER} and (match := _NUMBER.fullmatch(text)):
            value = float(text) if match[2] else int(text)
        return self.verified(value, self.variable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """A setting with the value that counts, and where that is from."""

    setting: Setting
    value: Value | None
    source: Source


_VAULT: Final = "The vault's folder; then the command needs no argument."
_LOCAL_KEYS: Final = "File with the passphrase of custodians in the folder."
_METRICS: Final = "Where figures are served for Prometheus, on this machine only; nowhere without it."

SETTINGS: Final = (
    Setting(table="log", key="format", words=("text", "json"), default="text", meaning="How lines on stderr are."),
    Setting(table="serve", key="vault", kind=Kind.PATH, meaning=_VAULT),
    Setting(
        table="serve",
        key="window",
        kind=Kind.ADDRESS,
        default="127.0.0.1:8080",
        parameter="listen",
        meaning="Where the public window and the log listen.",
    ),
    Setting(table="serve", key="window-origin", parameter="origin", meaning="What browsers type for the window."),
    Setting(table="serve", key="operator", meaning="Who keeps the vault, as people call it."),
    Setting(table="serve", key="desk", kind=Kind.ADDRESS, meaning="Where the desk listens; no desk without it."),
    Setting(table="serve", key="desk-origin", meaning="What the people of the desk type."),
    Setting(table="serve", key="desk-certificate", kind=Kind.PATH, meaning="Certificate of the desk, PEM."),
    Setting(table="serve", key="desk-key", kind=Kind.PATH, meaning="Key of that certificate, PEM."),
    Setting(table="serve", key="database", meaning="URL of the desk's database; else a file in the vault."),
    Setting(table="serve", key="home", default="", meaning="Country of numbers that are typed without +."),
    Setting(
        table="serve",
        key="deadline",
        kind=Kind.NUMBER,
        default=30.0,
        low=0.1,
        high=3600,
        parameter="deadline_s",
        meaning="Seconds that an opening at the desk waits for custodians.",
    ),
    Setting(table="serve", key="passphrase-file", kind=Kind.PATH, meaning=_LOCAL_KEYS),
    Setting(table="serve", key="metrics", kind=Kind.ADDRESS, meaning=_METRICS),
    Setting(table="watch", key="vault", kind=Kind.PATH, meaning=_VAULT),
    Setting(table="watch", key="settings", kind=Kind.PATH, meaning="What to watch; else watch.toml of the vault."),
    Setting(table="watch", key="metrics", kind=Kind.ADDRESS, meaning=_METRICS),
    Setting(
        table="watch",
        key="every",
        kind=Kind.NUMBER,
        default=5.0,
        low=0.1,
        high=3600,
        parameter="every_s",
        meaning="Seconds between two looks.",
    ),
    Setting(
        table="watch",
        key="workers",
        kind=Kind.WHOLE,
        low=1,
        high=64,
        meaning="How many read and seal at once; else one for each core.",
    ),
    Setting(
        table="watch",
        key="hold-rows",
        kind=Kind.WHOLE,
        low=100_000,
        high=2**26,
        default=3_000_000,
        parameter="held_rows",
        meaning="Rows that each worker holds before it seals them.",
    ),
    Setting(table="backup", key="vault", kind=Kind.PATH, meaning=_VAULT),
    Setting(table="backup", key="target", kind=Kind.PATH, meaning="The folder of the backup, as its second argument."),
    Setting(
        table="custodian",
        key="folder",
        kind=Kind.PATH,
        meaning="The custodian's folder; then the command needs no argument.",
    ),
    Setting(
        table="custodian", key="listen", kind=Kind.ADDRESS, meaning="Where it listens; else as custodian.toml says."
    ),
    Setting(
        table="custodian",
        key="plain",
        kind=Kind.YES_NO,
        default=False,
        meaning="Plain http, behind a proxy on this machine.",
    ),
    Setting(
        table="custodian",
        key="epoch-ahead",
        kind=Kind.WHOLE,
        default=40,
        low=0,
        high=3_700,
        meaning="Days for which keys are made ahead.",
    ),
    Setting(
        table="custodian",
        key="page",
        kind=Kind.ADDRESS,
        meaning="Where the page of its people listens; else as custodian.toml says.",
    ),
    Setting(table="custodian", key="page-origin", meaning="What its people type; else as custodian.toml says."),
    Setting(table="custodian", key="passphrase-file", kind=Kind.PATH, meaning="File with the custodian's passphrase."),
    Setting(table="custodian", key="metrics", kind=Kind.ADDRESS, meaning=_METRICS),
    Setting(
        table="witness",
        key="folder",
        kind=Kind.PATH,
        meaning="The witness's folder; then the command needs no argument.",
    ),
    Setting(
        table="witness", key="listen", kind=Kind.ADDRESS, default="127.0.0.1:8711", meaning="Where the witness listens."
    ),
    Setting(table="witness", key="metrics", kind=Kind.ADDRESS, meaning=_METRICS),
)
"""In the order of the page. The tables but ``log`` are the commands whose options they set."""
TABLES: Final = tuple(dict.fromkeys(setting.table for setting in SETTINGS))
COMMANDS: Final = {"serve": (), "watch": (), "backup": (), "custodian": ("serve",), "witness": ("serve",)}
"""The commands that take settings; for a group, which of its commands."""


def parse_file(raw: bytes, place: str, *, absolute: Callable[[str], str]) -> Mapping[str, Value]:
    """The values of the file, by name.

    ``absolute``: makes a path of the file one that holds in any folder.

    Raises:
        MalformedInput: an unknown table or key, or a value that its setting does not take.
    """
    document = parse_toml(raw, place)
    document.literal("format", FORMAT)
    values: dict[str, Value] = {}
    for name in TABLES:
        if name not in document.values:
            continue
        table = document.table(name)
        for setting in _of(name):
            if setting.key in table.values:
                value = setting.verified(table.take(setting.key), f"{table.place}: {setting.key}")
                values[setting.name] = absolute(str(value)) if setting.kind is Kind.PATH else value
        table.end(setting.key for setting in _of(name))
    document.end(TABLES)
    return values


def parse_environment(environment: Mapping[str, str]) -> Mapping[str, Value]:
    """The values of the variables of settings, by name. Any other variable is left alone.

    Raises:
        MalformedInput: a variable begins as those of a table and is none, or its value is not one of its setting.
    """
    by_variable = {setting.variable: setting for setting in SETTINGS}
    values: dict[str, Value] = {}
    for variable, text in environment.items():
        if variable in by_variable:
            values[by_variable[variable].name] = by_variable[variable].parsed(text)
        elif variable.startswith(tuple(f"{_PREFIX}{table.upper()}_" for table in TABLES)):
            hint = f"{nearest(variable, by_variable)}coffer config lists them"
            raise MalformedInput(f"{variable[:60]}: no such setting", hint=hint)
    return values


def resolve(file: Mapping[str, Value], environment: Mapping[str, Value]) -> tuple[Resolved, ...]:
    """Every setting with the value that counts, in the order of ``SETTINGS``."""
    resolved = []
    for setting in SETTINGS:
        value, source = setting.default, Source.BUILT_IN
        for values, name in ((file, Source.FILE), (environment, Source.ENVIRONMENT)):
            if setting.name in values:
                value, source = values[setting.name], name
        resolved.append(Resolved(setting=setting, value=value, source=source))
    return tuple(resolved)


def defaults_of(resolved: tuple[Resolved, ...]) -> dict[str, Any]:
    """What was set, as the library of the command line takes it: by command, then by parameter."""
    defaults: dict[str, Any] = {}
    for one in resolved:
        setting = one.setting
        if one.source is Source.BUILT_IN or setting.table not in COMMANDS:
            continue
        within = defaults
        for word in (setting.table, *COMMANDS[setting.table]):
            within = within.setdefault(word, {})
        within[setting.parameter or setting.key.replace("-", "_")] = one.value
    return defaults


def shown(value: Value | None) -> str:
    """A value as the file has it, without quotes; a hyphen for none."""
    return str(value).lower() if isinstance(value, bool) else "-" if value in {None, ""} else str(value)


def format_table() -> str:
    """The table as docs/configuration.md has it."""
    rows = [
        f"| `{one.name}` | `{one.variable}` | {one.expected} | {shown(one.default)} | {one.meaning} |"
        for one in SETTINGS
    ]
    head = ["| setting | variable | expected | default | what it says |", "|---|---|---|---|---|"]
    return "\n".join([*head, *rows]) + "\n"


def _of(table: str) -> list[Setting]:
    return [setting for setting in SETTINGS if setting.table == table]
