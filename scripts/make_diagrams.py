"""Draw the packages of ``docs/diagrams.md`` from the layers of ``.importlinter``.

With ``--check`` it compares instead: ``.venv/bin/python scripts/make_diagrams.py [--check]``
"""

import argparse
import configparser
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "diagrams.md"
BEGIN, END = "<!-- packages: made by scripts/make_diagrams.py -->\n", "<!-- packages: end -->\n"


def layers() -> list[list[str]]:
    """The layers of the contract, the highest first, each with its packages."""
    parser = configparser.ConfigParser()
    parser.read(ROOT / ".importlinter", "utf-8")
    lines = parser["importlinter:contract:layers"]["layers"].split("\n")
    return [[name.strip().removeprefix("coffer.") for name in line.split("|")] for line in lines if line.strip()]


def packages() -> str:
    """The diagram: a box for each layer, and an arrow to the next layer that it may import.

    It may import all layers below that one too.
    """
    lines = ["```mermaid", "flowchart TB"]
    rows = layers()
    lines += [f"  layer{number}[{' · '.join(row)}]" for number, row in enumerate(rows)]
    lines += [f"  layer{number} --> layer{number + 1}" for number in range(len(rows) - 1)]
    lines += ["  auditor[coffer_audit: shares nothing with the rest]", "```"]
    return "\n".join(lines) + "\n"


def drawn(page: str) -> str:
    """The page with a new diagram of the packages."""
    before, rest = page.split(BEGIN, 1)
    return before + BEGIN + packages() + END + rest.split(END, 1)[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    is_check, page = parser.parse_args().check, PAGE.read_text("utf-8")
    if not is_check:
        PAGE.write_text(drawn(page), encoding="utf-8")
    elif drawn(page) != page:
        sys.exit(f"{PAGE.name}: its packages are not those of .importlinter: run this script without --check")


if __name__ == "__main__":
    main()
