"""An answer as files in the case, and what a page shows of it. Pure."""

import csv
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass

from coffer.disclosure.package import zip_files
from coffer.errors import NotProven


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What an answer says, for people who decide in which form it leaves.

    ``rows``: the first ones, under ``columns``. ``unconfirmed``: cells of ``cells`` about which nothing is certain.
    ``conduct``: by custodian. ``days``: UTC days that were opened.
    """

    records: int
    outside_period: int
    superseded: int
    repeated: int
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    cells: int
    unconfirmed: int
    conduct: Mapping[str, str]
    days: int

    def __repr__(self) -> str:
        return f"<preview of {self.records} records>"


def pack_answer(files: Mapping[str, bytes]) -> bytes:
    """The files of an answer as one document: a zip that is not compressed."""
    return zip_files({name: files[name] for name in sorted(files)})


def unpack_answer(content: bytes) -> dict[str, bytes]:
    """The inverse of ``pack_answer``."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return {info.filename: archive.read(info) for info in archive.infolist()}
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError):
        raise NotProven("answer: the document in the case is not an answer") from None


def preview_of(files: Mapping[str, bytes], *, most: int) -> Preview:
    """The preview of an answer's files.

    It proves nothing: the forms are made of what ``verify_disclosure`` proved.
    """
    answer = json.loads(files["answer.json"])
    columns, *rows = list(csv.reader(io.StringIO(files["records.csv"].decode("utf-8", "replace"))))
    cells = answer["cells"]
    return Preview(
        records=answer["records"],
        outside_period=answer["outside_period"],
        superseded=answer["superseded_records"],
        repeated=answer["repeated_records"],
        columns=tuple(columns),
        rows=tuple(tuple(row) for row in rows[:most]),
        cells=len(cells),
        unconfirmed=sum(cell["status"] == "unconfirmed" for cell in cells),
        conduct=dict(answer["custodians"]),
        days=len(answer["days_opened"]),
    )
