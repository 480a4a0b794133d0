"""Whether a vault answers the planted records: ``python bench/truths.py VAULT DATA WORK``.

Opens all planted subjects of a simulation under one authorization, with the commands that a desk and custodians use,
and compares every field of every record with ``truths.json``. Prints how many subjects and records were right. A
difference is an error that names the subject's place in the file.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
from pathlib import Path

COFFER = str(Path(sys.executable).parent / "coffer")
ENVIRONMENT = os.environ | {"COFFER_PASSPHRASE": os.environ.get("COFFER_PASSPHRASE", "bench")}
FIRST, LAST = "2012-12-10", "2013-01-08"
FIELDS = ("kind", "direction", "peer", "start_utc", "duration_s", "answered", "cell")


def run(*arguments: str) -> None:
    subprocess.run([COFFER, *arguments], env=ENVIRONMENT, check=True, capture_output=True)


def text(value: object) -> str:
    """A value as records.csv writes it."""
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, what in (
        ("vault", "the vault"),
        ("data", "a folder that coffer simulate made"),
        ("work", "an empty folder"),
    ):
        parser.add_argument(name, type=Path, help=what)
    given = parser.parse_args()
    vault, data, work = given.vault, given.data, given.work
    truths = json.loads((data / "truths.json").read_text())["subjects"]
    note, answer = work / "truths.note", work / "truths"
    subjects = [item for truth in truths for item in ("--subject", truth["subject"])]
    order = ["--authority", "bench", "--basis", "bench", "--purpose", "bench", "--person", "bench", "-o", str(note)]
    limits = ["--days", FIRST, LAST, "--kinds", "call,text", "--max-records", "1000000", "--hub"]
    run("request", str(vault), *subjects, *limits, *order)
    for path in sorted((vault / "custodians").iterdir()):
        run("countersign", str(vault), str(note), "--as", path.name, "--yes")
    run("open", str(vault), str(note), "-o", str(answer))
    rows: dict[str, list[tuple[str, ...]]] = {truth["subject"]: [] for truth in truths}
    with (answer / "records.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            rows[row["subject"]].append(tuple(row[name] for name in FIELDS))
    for number, truth in enumerate(truths):
        expected = sorted(tuple(text(record[name]) for name in FIELDS) for record in truth["records"])
        opened = sorted(rows[truth["subject"]])
        if opened != expected:
            sys.exit(f"planted subject {number}: {len(opened)} records, expected {len(expected)}, or other fields")
    print(f"{len(truths)} planted subjects answered right, {sum(map(len, rows.values()))} records in all")


if __name__ == "__main__":
    main()
