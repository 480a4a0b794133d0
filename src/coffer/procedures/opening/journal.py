"""The part of an opening that must survive a crash until its answer is delivered. Pure.

With it the opening is resumed without cost to the budget. It holds no identifier. Implements ``docs/formats/vault.md``,
"Desk".
"""

import json
from dataclasses import dataclass, replace
from typing import Self

from coffer.custody.exchange import NO_SALT, Cell, format_cells, parse_cells
from coffer.disclosure.part import Part, parse_part
from coffer.errors import MalformedInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Journal:
    """An opening in progress.

    ``intent``: the index of its intent in the log. ``result_salt``: 32 B, for the commitment to the result. ``part``:
    which part of a continuing order it opens; None if it opens all that is there. ``owed``: cells that
    the part before left unconfirmed and this one asks again. ``salt``, ``cells``: those of the draw, once it is chosen.
    """

    intent: int
    result_salt: bytes
    part: Part | None = None
    owed: tuple[Cell, ...] = ()
    salt: bytes = NO_SALT
    cells: tuple[Cell, ...] = ()

    def drawing(self, cells: tuple[Cell, ...], salt: bytes) -> Self:
        """The same opening, with its draw chosen."""
        return replace(self, cells=cells, salt=salt)

    def format(self) -> bytes:
        """The file ``COMMITMENT.opening`` of the desk."""
        fields = {"salt": self.salt, "cells": format_cells(self.cells), "result_salt": self.result_salt}
        document: dict[str, object] = {"intent": self.intent} | {name: raw.hex() for name, raw in fields.items()}
        if self.part is not None:
            document["continues"] = self.part.document()
        if self.owed:
            document["owed"] = format_cells(self.owed).hex()
        return json.dumps(document).encode("ascii")

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """The inverse of ``format``; raises ``MalformedInput``."""
        try:
            document = json.loads(raw)
            intent = document["intent"]
            salt, cells, result_salt = (bytes.fromhex(document[name]) for name in ("salt", "cells", "result_salt"))
            chosen = parse_cells(cells, "opening") if cells else ()
            part = parse_part(document.get("continues"), "opening")
            owed = bytes.fromhex(document.get("owed", ""))
            again = parse_cells(owed, "opening") if owed else ()
        except (ValueError, KeyError, TypeError, RecursionError, MalformedInput):
            raise _damaged() from None
        if type(intent) is not int or {len(salt), len(result_salt)} != {len(NO_SALT)}:
            raise _damaged()
        return cls(intent=intent, result_salt=result_salt, part=part, owed=again, salt=salt, cells=chosen)


def _damaged() -> MalformedInput:
    return MalformedInput(
        "opening: the file of the opening in progress is damaged",
        hint="remove it from the vault's desk folder: the opening then begins anew, and draws anew",
    )
