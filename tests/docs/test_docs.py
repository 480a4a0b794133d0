"""What the documents say, checked against the program."""

import re
import shlex
from pathlib import Path

import click
import pytest

from coffer import errors
from coffer.cli.main import coffer
from coffer.ledger.entries import REFUSE_REASONS
from coffer.ledger.grammar import ENTRY_TYPES
from coffer.records.feed import parse_feed
from coffer.records.rejects import Reason
from coffer.tally.exact import BUCKETS, CLASSES

ROOT = Path(__file__).parent.parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])

_CONTEXT = click.Context(coffer)
COMMANDS = {name: coffer.get_command(_CONTEXT, name) for name in coffer.list_commands(_CONTEXT)}


def page(name):
    return (ROOT / "docs" / name).read_text()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(path):
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text())
    assert [link for link in links if "://" not in link and not (path.parent / link).exists()] == []


def test_the_feed_file_of_the_page_is_a_feed_file():
    example = re.search(r"```toml\n(.*?)```", page("formats/feed.md"), re.DOTALL)[1]
    feed = parse_feed(example.replace("start = 2 ", "start = [2, 3] "), "feed.md")
    assert feed.columns["a_cell"] == (6,)
    keys = set(re.findall(r"^(\w+) =", example, re.MULTILINE))
    known = {
        "name",
        "format",
        "home_country",
        "time_zone",
        "keep",
        "kind",
        "local_identities",
        "fold",
        "header",
        "delimiter",
        "date_format",
    }
    assert known <= keys


def test_every_reject_reason_is_on_the_page_and_no_other():
    text = page("formats/feed.md").split("**Reject reasons**", 1)[1].split("\n\n", 1)[0]
    assert set(re.findall(r"`([a-z0-9-]+)`", text)) == {reason.label for reason in Reason if reason}


def test_every_type_of_entry_is_on_the_page():
    table = page("formats/entries.md")
    assert [name for name in [*ENTRY_TYPES, "roster"] if f"| `{name}` |" not in table] == []
    assert ", ".join(REFUSE_REASONS[:-1]) in table


def test_everything_uncertain_of_etsi_is_on_its_page_and_nothing_else():
    listed = page("formats/etsi.md").split("## Not certain", 1)[1].split("## Decided here", 1)[0]
    rows = "".join(re.findall(r"^\| (`.+?`) \|", listed, re.MULTILINE))
    code = (ROOT / "src/coffer/disclosure/etsi_uncertain.py").read_text()
    names = set(re.findall(r"^def (\w+)", code, re.MULTILINE))
    names |= {name for line in re.findall(r"^([A-Z_, ]+?)(?::| =)", code, re.MULTILINE) for name in line.split(", ")}
    assert set(re.findall(r"`(\w+)`", rows)) == {name for name in names if not name.startswith("_")}


def test_the_tally_columns_are_on_the_page():
    text = page("formats/tally.md")
    assert [name for name in (*BUCKETS, *CLASSES) if name not in text] == []


def test_every_step_number_of_a_custodian_is_on_the_page_and_in_the_code():
    text = page("procedures/opening.md")
    code = (ROOT / "src/coffer/custody/decide.py").read_text()
    assert [n for n in range(1, 16) if f"\n{n}. " not in text] == []
    numbers = [int(n) for n in re.findall(r"^ +step = (\d+)\b", code, re.MULTILINE)]
    assert numbers == [*range(3, 13), 13, 9, 13, 14], "each step once, and step 9 again where its own key is taken"


@pytest.mark.parametrize(("name", "least"), [("README.md", 8), ("docs/operating.md", 25)])
def test_every_command_on_a_page_exists_with_its_options(name, least):
    text = (ROOT / name).read_text().replace("\\\n", " ")
    commands = [shlex.split(line, comments=True) for line in text.splitlines() if re.match(r" {4,}coffer [a-z]", line)]
    assert len(commands) >= least
    for words in commands:
        command, rest = COMMANDS[words[1]], words[2:]
        if isinstance(command, click.Group):
            command, rest = command.get_command(_CONTEXT, rest[0]), rest[1:]
        options = {name for option in command.params if isinstance(option, click.Option) for name in option.opts}
        assert [word for word in rest if re.match(r"--?[a-z]", word) and word not in options] == [], words[:2]


def torn(text):
    """Lines of a page at which a command of several lines would not be pasted whole."""
    lines = ["", *text.splitlines()]
    begins = [n for n, line in enumerate(lines) if re.match(r" {4,}--?[a-z]", line) and not lines[n - 1].endswith("\\")]
    return sorted({*begins, *(n for n, line in enumerate(lines) if re.match(r" {4,}.*\\ +-", line))})


def test_a_command_over_several_lines_can_be_pasted():
    assert {path.name: torn(path.read_text()) for path in PAGES if torn(path.read_text())} == {}


def test_twin_a_torn_command_is_found():
    whole = "        coffer init v \\\n            --rule a\n"
    assert torn(whole) == []
    assert torn(whole.replace("\\\n", "\n")) == [2]
    assert torn("        coffer init v \\ --rule a\n") == [1]


def test_exit_codes_are_those_of_the_readme():
    text = " ".join((ROOT / "README.md").read_text().split())
    found = {
        name: getattr(errors, name).exit_code for name in ("MalformedInput", "NotProven", "Refused", "Unavailable")
    }
    assert found == {"MalformedInput": 2, "NotProven": 3, "Refused": 4, "Unavailable": 5}
    assert (
        "0 done; 2 the input is malformed; 3 a proof does not hold; 4 the rules refuse; 5 something is missing or busy"
        in text
    )


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_help_text_has_an_example_of_its_own_command(name):
    assert f"coffer {name} " in COMMANDS[name].epilog
