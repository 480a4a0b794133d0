"""The settings of ``coffer watch``: a table for each watched folder, and for each topic. Pure.

Implements ``docs/formats/watch.md``.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Final

from coffer.errors import MalformedInput
from coffer.procedures.watch.topics.settings import WatchedTopic, is_topic, parse_topic, verify_distinct
from coffer.toml import Table, parse_toml

SETTINGS: Final = "watch.toml"
FORMAT: Final = "coffer.watch/v1"
MAX_FOLDERS: Final = 100
MAX_SECONDS: Final = 86_400
MAX_FILES: Final = 10_000
"""Files of one batch. Each is a fingerprint of a millisecond or more, and an error in one makes the batch start anew."""
MAX_BYTES: Final = 2**40
_NAME: Final = re.compile("[a-z][a-z0-9-]{0,39}")
_SUFFIX: Final = re.compile(r"\.[A-Za-z0-9._-]{1,20}")


class After(StrEnum):
    """What becomes of a file once the log has its records."""

    KEEP = "keep"
    MOVE = "move"
    DELETE = "delete"


class Order(StrEnum):
    """By what files are ordered."""

    NAME = "name"
    MTIME = "mtime"


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedFolder:
    """What the settings say of one folder.

    ``name``: of its table. ``feed``, ``path``, ``to``: paths as they were written, relative to the settings' folder.
    ``settle_s``: how long a file must not have changed. ``marker``: the suffix of the empty file beside it that says
    that it is complete; empty: none is waited for. ``batch_s``: seconds between two batches, unless one is full.
    ``to``: where files are moved. ``grows``: writers add lines to files, which are read meanwhile. ``is_daily``: a file
    is due for each day.
    """

    name: str
    feed: str
    path: str
    glob: tuple[str, ...]
    settle_s: int
    marker: str
    order: Order
    batch_files: int
    batch_bytes: int
    batch_s: int
    after: After
    to: str
    grows: bool
    is_daily: bool

    def is_wanted(self, name: str) -> bool:
        """Whether a name is one of this folder's files. Names that begin with a dot never are."""
        if name.startswith(".") or (self.marker and name.endswith(self.marker)):
            return False
        return any(fnmatchcase(name, pattern) for pattern in self.glob)


def parse_settings(raw: bytes, place: str) -> tuple[WatchedFolder | WatchedTopic, ...]:
    """The watched folders and topics, in the order of the file.

    Raises:
        MalformedInput: it is not written as ``docs/formats/watch.md`` says.
    """
    table = parse_toml(raw, place, hint="coffer watch --help shows one")
    table.literal("format", FORMAT)
    names = [name for name in table.values if name != "format"]
    if not 1 <= len(names) <= MAX_FOLDERS:
        raise MalformedInput(
            f"{place}: {len(names)} tables, expected one for each of 1 to {MAX_FOLDERS} folders and topics"
        )
    for name in names:
        if not _NAME.fullmatch(name):
            raise MalformedInput(
                f"{place}: a table has an odd name",
                hint="expected a to z, 0 to 9 and -, a letter first, such as [calls]",
            )
    tables = {name: table.table(name) for name in names}
    watched = tuple(
        parse_topic(name, one) if is_topic(one) else _parse_folder(name, one) for name, one in tables.items()
    )
    verify_distinct([one for one in watched if isinstance(one, WatchedTopic)], place)
    table.end()
    return watched


def _parse_folder(name: str, table: Table) -> WatchedFolder:
    grows = table.boolean("grows", default=False)
    marker = table.text("marker", "")
    folder = WatchedFolder(
        name=name,
        feed=table.text("feed"),
        path=table.text("path"),
        glob=table.texts("glob", ()) or ("*",),
        settle_s=table.number("settle_seconds", 0, MAX_SECONDS, 0 if marker else 30),
        marker=marker,
        order=Order(table.choice("order", tuple(Order), Order.NAME)),
        batch_files=table.number("batch_files", 1, MAX_FILES, 1_000),
        batch_bytes=table.number("batch_bytes", 1, MAX_BYTES, 2**30),
        batch_s=table.number("batch_seconds", 0, MAX_SECONDS, 60),
        after=After(table.choice("after", tuple(After), After.KEEP)),
        to=table.text("to", ""),
        grows=grows,
        is_daily=table.boolean("daily", default=False),
    )
    table.end()
    _verify(folder, table.place)
    return folder


def _verify(folder: WatchedFolder, place: str) -> None:
    """Prove that the keys of a table fit together."""
    if not folder.feed or not folder.path:
        raise MalformedInput(f"{place}: {'path' if folder.feed else 'feed'}: is empty")
    if any("/" in pattern for pattern in folder.glob):
        raise MalformedInput(f"{place}: glob: holds a slash", hint="only names in the folder itself are compared")
    if folder.marker and not _SUFFIX.fullmatch(folder.marker):
        raise MalformedInput(f'{place}: marker: expected a suffix such as ".done"')
    if (folder.after is After.MOVE) != bool(folder.to):
        raise MalformedInput(f'{place}: to: expected exactly where after = "move", which names a folder')
    if folder.grows and folder.after is not After.KEEP:
        raise MalformedInput(
            f'{place}: after: a file that grows stays where its writer has it: expected "keep"',
            hint="let log rotation remove old files, or watch the rotated ones as a folder of their own",
        )
    if folder.grows and folder.marker:
        raise MalformedInput(f"{place}: marker: a file that grows is never complete: leave one of the two out")
