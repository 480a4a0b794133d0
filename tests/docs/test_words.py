"""Every closed list of words in docs/formats is the product's and the auditor's: a word that one reader lacks makes honest files false."""

import re
from pathlib import Path

import pytest

import coffer_audit.answer.authorization
import coffer_audit.answer.claims
import coffer_audit.answer.exchange
import coffer_audit.answer.rows
import coffer_audit.entries.codes
import coffer_audit.entries.parse
import coffer_audit.wire
from coffer.custody.exchange import Code
from coffer.disclosure.cells import STATUSES
from coffer.identity.identifier import parse_subject
from coffer.kinds import KINDS
from coffer.ledger import codes, entries
from coffer.ledger.grammar import ENTRY_TYPES
from coffer.procedures.opening import ask as asking
from coffer.procedures.opening import shown as opening

PAGES = Path(__file__).parents[2] / "docs/formats"
CODES = [code.name.lower() for code in Code]
CONDUCT = [
    *(asking.ANSWERED, asking.NO_ANSWER, asking.NOT_ASKED),
    *(f"refused: {code}" for code in CODES),
    *(asking.CONSTANT, asking.FAULT),
]
AUDITED_REASONS = coffer_audit.entries.parse.REASONS


def words(page, pattern, split=r'"([^"]+)"'):
    """The words of a list on a page: all that ``split`` finds in what ``pattern`` does."""
    text = " ".join((PAGES / page).read_text("utf-8").split())  # wherever its lines are wrapped
    match = re.search(pattern, text)
    assert match is not None, f"{page}: the list is gone"
    return re.findall(split, match[1])


LISTS = {
    "conduct": (
        words("answer.md", r"`custodians`: \{name: (.*?)\}"),
        CONDUCT,
        list(coffer_audit.answer.claims.CONDUCT),
    ),
    "status": (
        words("answer.md", r"`status` (.*?), `records`"),
        list(STATUSES),
        list(coffer_audit.answer.claims.STATUSES),
    ),
    "direction": (
        words("answer.md", r"`direction` (out.*?);", r"[a-z]+"),
        list(opening.DIRECTIONS),
        list(coffer_audit.answer.rows.DIRECTIONS),
    ),
    **{
        f"code {key}": (
            words("entries.md", rf"\| `{key}` \| (.*?) \|", r"\b[a-z0-9]+\b")[: len(codes.CODES[key])],
            list(codes.CODES[key]),
            list(coffer_audit.entries.codes.WORDS[key]),
        )
        for key in codes.CODES
        if key != "kinds"
    },
    "refuse reasons": (
        words("entries.md", r"`reason:` (.*?) · ", r"\b(?!or\b)[a-z]+"),
        list(entries.REFUSE_REASONS),
        list(AUDITED_REASONS),
    ),
    "kinds of a segment": (
        words("entries.md", r"<day> <(call.*?)> <rule>", r"\b(?!or\b)[a-z]+"),
        list(KINDS),
        list(coffer_audit.wire.KINDS),
    ),
    "kinds of an authorization": (
        words("authorization.md", r"kinds: <(.*?)>", r"[a-z]+"),
        list(KINDS),
        list(coffer_audit.wire.KINDS),
    ),
    "types of entries": (
        sorted(
            re.findall(
                r"^\| `([a-z-]+)` \|", (PAGES / "entries.md").read_text("utf-8").split("## Codes")[0], re.MULTILINE
            )
        ),
        sorted(["roster", *ENTRY_TYPES]),
        sorted(["roster", "ingest", "reveal", *coffer_audit.entries.parse.ACTS]),
    ),
    "objects of a fault": (
        words("entries.md", r"`object:` (`segment.*?) ·", r"`([a-z]+) <"),
        ["segment", "intent"],
        list(coffer_audit.entries.parse.OBJECTS),
    ),
}


@pytest.mark.parametrize("name", LISTS)
def test_page_product_and_auditor_know_the_same_words(name):
    page, product, auditor = LISTS[name]
    assert len(page) > 1
    assert sorted(page) == sorted(product)
    assert sorted(page) == sorted(auditor)


def test_codes_of_refusals_have_the_same_numbers():
    line = re.search(r"u8 code +(1 .*)", (PAGES / "exchange.md").read_text("utf-8"))
    assert line is not None
    page = dict(re.findall(r"(\d) ([a-z]+)", line[1]))
    for code in Code:
        assert coffer_audit.answer.exchange.CODES[int(code)] == code.name.lower()
        assert page[str(int(code))] == code.name.lower()


@pytest.mark.parametrize("scheme", coffer_audit.answer.authorization.SUBJECTS)
def test_schemes_of_subjects_are_read_by_both(scheme):
    text = {"tel": "tel:+33612345678", "mailto": "mailto:a@example.org", "short": "short:FR/3949"}.get(scheme)
    others = {"sender": "sender:CORP", "opaque": "opaque:calls/x", "dialled": "dialled:FR/0612"} | {
        "imsi": "imsi:208011234567890",
        "imei": "imei:490154203237518",
    }
    text = text or others[scheme]
    assert parse_subject(text, "subject").format() == coffer_audit.answer.authorization.parse_subject(text).text
    assert f"{scheme}:" in (PAGES / "identity.md").read_text("utf-8")
