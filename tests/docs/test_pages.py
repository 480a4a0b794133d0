"""The pages are the specification: they stand alone, their examples are real bytes, and code cites nothing that is not here."""

import re
from pathlib import Path

import pytest

import reference as ref

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
NORMATIVE = sorted([*DOCS.glob("formats/*.md"), *DOCS.glob("procedures/*.md")])
CODE = sorted(
    path
    for folder in ("src", "tests", "scripts", "bench", "auditor")
    for path in (ROOT / folder).rglob("*.py")
    if path != Path(__file__) and "vectors" not in path.parts
)
ELSEWHERE = re.compile(
    r"\b(?:SPEC|THREATS|DESIGN|ORDERS|WITNESS|ETSI|FORMATS|STYLE)\.md\b|[Ss]pecification,? (?:section|step)"
    r"|specification's section|\((?:THREATS|SPEC) |[;(] ?THREATS\b|\bhouse style\b"
)
"""How a comment cites a document that this repository does not have."""
FORBIDS_THEM = {"test_told_right.py"}
WIDTH = 120


def cited_elsewhere(text):
    return [match[0] for match in ELSEWHERE.finditer(text)]


def test_nothing_cites_a_document_that_is_not_here():
    paths = [path for path in (*CODE, *PAGES) if path.name not in FORBIDS_THEM]
    assert len(paths) > 200
    assert {path: found for path in paths if (found := cited_elsewhere(path.read_text("utf-8")))} == {}


@pytest.mark.parametrize(
    "text",
    [
        "Source: specification, section 5.",
        "the checks of the specification's section 7",
        "(THREATS H4)",
        "first; THREATS C3",
        "see STYLE.md",
        "Specification, section 7",
    ],
)
def test_twin_such_a_citation_is_found(text):
    assert cited_elsewhere(text) != []


def test_every_page_that_code_cites_exists():
    cited = {page: path.name for path in CODE for page in re.findall(r"docs/[a-z0-9/_-]+\.md", path.read_text("utf-8"))}
    assert len(cited) >= 20
    assert {page: by for page, by in cited.items() if not (ROOT / page).is_file()} == {}


@pytest.mark.parametrize("path", NORMATIVE, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_page_of_the_specification_says_its_purpose(path):
    text = path.read_text("utf-8")
    assert "**Purpose.** " in text.split("\n## ", 1)[0] or path.name == "README.md"


@pytest.mark.parametrize("folder", ["formats", "procedures"])
def test_every_page_is_in_its_folders_list(folder):
    listed = re.findall(r"^\| \[([a-z0-9-]+\.md)\]", (DOCS / folder / "README.md").read_text("utf-8"), re.MULTILINE)
    there = {path.name for path in (DOCS / folder).glob("*.md")} - {"README.md"}
    assert len(listed) == len(there)
    assert set(listed) == there


def test_every_domain_separator_is_in_the_list_and_no_other():
    table = (DOCS / "formats" / "README.md").read_text("utf-8").split("| `T(...)` |", 1)[1].split("\n\n", 1)[0]
    listed = {name for row in table.splitlines() for name in re.findall(r"`([a-z-]+)`", row)}
    used = {
        name
        for path in CODE
        if "src" in path.parts and "coffer" in path.parts
        for name in re.findall(r'\b(?:tag|_derived)\("([a-z-]+)"', path.read_text("utf-8"))
    }
    assert len(used) > 30
    assert listed == used


def hex_of(text):
    """Runs of hex digits of at least eight bytes in code blocks; digits set apart by single spaces are one run."""
    found = []
    for line in text.splitlines():
        if line.startswith("    "):
            found += [run.replace(" ", "") for run in re.findall(r"\b[0-9a-f]{2,}(?: [0-9a-f]{2,})*\b", line)]
    return [run for run in found if len(run) >= 16 and not run.isdigit()]


def example_row():
    """What segment.md shows of one row, made by the reference from the keys of its vectors."""
    lines = (ROOT / "tests/vectors/segments/prf-data.txt").read_text().splitlines()
    fields = {}
    for key, _, value in (line.partition(": ") for line in lines):
        fields.setdefault(key, []).append(value)
    seg_id, sid = bytes.fromhex(fields["seg-id"][0]), bytes.fromhex(fields["sid"][0])
    assert sid == ref.sid_of_subject("tel:+33612345678")
    keys = [
        ref.effective_key(seg_id, int(mask), bytes.fromhex(key))
        for mask, key in zip(fields["mask"], fields["subkey"], strict=True)
    ]
    core = ref.core(
        peer_type=1, peer=33698765432, second=36_000, duration_s=60, direction=0, is_answered=True, is_last=True
    )
    extra = ref.extra(1, cell=int.from_bytes(ref.pack_cell(208, 1, 7, 99), "big"))
    row = ref.seal_row(keys, ref.permutation_key(seg_id), sid=sid, kind=1, rank=0, plain=core + extra)
    return " ".join(part.hex() for part in (core, extra, row, row[:8]))


def test_examples_of_pages_are_real_bytes():
    real = "\n".join(path.read_text("utf-8", "replace") for path in (ROOT / "tests/vectors").rglob("*.txt"))
    real = f"{real} {real.replace(' ', '')} {example_row()}"
    shown = {path.name: hex_of(path.read_text("utf-8")) for path in NORMATIVE}
    assert sum(map(len, shown.values())) > 25
    invented = [(name, run) for name, runs in shown.items() for run in runs if run not in real]
    assert invented == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(DOCS)))
def test_vectors_named_on_a_page_exist(path):
    named = re.findall(r"tests/vectors/[a-z0-9/-]+\.txt", path.read_text("utf-8"))
    assert [name for name in named if not (ROOT / name).is_file()] == []


def too_wide(text):
    """Lines over 120 columns that could be broken: no table, heading or code, and more than one word, span or link."""
    wide, is_fenced = [], False
    for line in text.splitlines():
        is_fenced ^= line.startswith("```")
        if len(line) <= WIDTH or is_fenced or line.startswith(("|", "#", "    ")):
            continue
        words = re.sub(r"`[^`]*`|\[[^\]]*\]\([^)]*\)", "x", line.strip().lstrip("-0123456789. ")).split()
        if len(words) > 1:
            wide.append(line)
    return wide


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(DOCS)))
def test_lines_of_a_page_wrap(path):
    assert [line[:60] for line in too_wide(path.read_text("utf-8"))] == []


def test_twin_a_wide_line_is_found_and_a_table_is_not():
    assert too_wide("word " * 30) == ["word " * 30]
    assert too_wide("- word " + "word " * 30) != []
    assert too_wide("| word " * 30) == []
    assert too_wide("    code " * 20) == []
    assert too_wide(f"[link](https://example.org/{'x' * 120})") == []
