import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "attacks.md"
NUMBERS = [f"{letter}{n}" for letter, count in (("C", 5), ("H", 10), ("M", 13), ("L", 5)) for n in range(1, count + 1)]


def rows():
    found = re.findall(r"^\| ([CHML]\d+) \| (.+) \| (.+) \| (.+) \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    return {number: cells for number, *cells in found}


def test_every_number_of_the_review_has_one_line_in_order():
    assert list(rows()) == NUMBERS


def test_every_test_named_on_the_page_exists():
    named = set(re.findall(r"`(test_\w+)`", PAGE.read_text("utf-8")))
    written = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^ *def (test_\w+)\(", path.read_text("utf-8"), re.MULTILINE)
    }
    assert len(named) >= 60
    assert named - written == set()


def test_every_line_names_a_test_or_says_why_there_is_none():
    for number, cells in rows().items():
        assert "`test_" in cells[-1] or "none" in cells[-1], number


def test_every_gap_has_a_consequence_and_a_reason():
    for line in PAGE.read_text("utf-8").splitlines():
        if not line.startswith("| "):
            continue
        for gap in line.split("GAP: ")[1:]:
            assert "; " in gap.partition("|")[0], f"no reason: {gap[:60]}"
