"""The folder of a continuing order's answers: whose it is, and the list ``deliveries.csv``."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from coffer import wire
from coffer.authority.authorization import Authorization
from coffer.cli.console import read_file, say
from coffer.disk import Disk
from coffer.errors import MalformedInput
from coffer.procedures.opening.continuing import Opened
from coffer.visible import counted

MANIFEST: Final = "deliveries.csv"
"""What was delivered so far, one part a line, in the folder of the answers."""
MISSING: Final = "missing"
"""The folder of a part that the log has and the folder of answers has not."""
_COLUMNS: Final = ("sequence_number", "last_sequence", "folder", "intent", "close", "records", "days_opened", "sha256")


def answers_in(folder: Path, authorization: Authorization) -> dict[int, Path]:
    """The answers of an order in its folder, by intent.

    Raises:
        MalformedInput: an answer of another authorization, or of no continuing order, lies there.
    """
    answers: dict[int, Path] = {}
    for path in sorted(path for path in folder.glob("[0-9]*") if (path / "answer.json").is_file()):
        answer = answer_at(path)
        if answer["authorization"] != authorization.commitment.hex():
            raise MalformedInput(
                f"{path.name}: an answer of another authorization", hint="give each order a folder of its own (-o)"
            )
        answers[answer["intent"]] = path
    return answers


def answer_at(path: Path) -> Mapping[str, Any]:
    """The document ``answer.json`` of a part; raises ``MalformedInput`` where it is none."""
    try:
        answer = json.loads(read_file(str(path / "answer.json")))
        assert isinstance(answer, dict)
        answer["continues"]["number"], answer["intent"], answer["authorization"]
    except (ValueError, AssertionError, KeyError, TypeError):
        raise MalformedInput(
            f"{path.name}: not an answer of coffer open --since-last", hint="keep other folders elsewhere"
        ) from None
    return answer


def write_manifest(folder: Path, authorization: Authorization, parts: Sequence[Opened], *, is_over: bool) -> None:
    """Write anew which parts the log has, each with the hash of its answer in the folder, or as missing.

    Nothing is written where no part was ever delivered. ``is_over``: it is certain that no part follows.
    """
    answers = answers_in(folder, authorization)
    if not answers and not (folder / MANIFEST).is_file():
        return
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for part in parts:
        last = "yes" if is_over and part is parts[-1] else "no"
        writer.writerow((part.part.number, last, *_described(part, answers.get(part.opening.index))))
    Disk().write(folder / MANIFEST, out.getvalue().encode("ascii"), private=True)
    missing = [str(part.part.number) for part in parts if part.opening.index not in answers]
    if missing:
        say(f"{counted(len(missing), 'part')} that the log has and {folder.name} has not: {', '.join(missing)}")


def _described(part: Opened, path: Path | None) -> tuple[object, ...]:
    """Folder, intent, close, records, days and hash of a part; of a missing one what the log says."""
    if path is None:
        close, days = part.opening.close, " ".join(day.isoformat() for day in part.days)
        records = 0 if close is None else close.records
        return MISSING, part.opening.index, part.opening.close_index, records, days, ""
    answer, raw = answer_at(path), read_file(str(path / "answer.json"))
    days = " ".join(answer["days_opened"])
    return path.name, answer["intent"], answer["close"], answer["records"], days, wire.digest(raw).hex()
