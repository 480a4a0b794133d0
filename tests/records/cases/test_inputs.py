"""The files of ``inputs`` against the right answer that each came with."""

import json
from pathlib import Path

import pytest
from whole_reading import read_whole

from coffer.errors import MalformedInput

CASES = Path(__file__).parent / "inputs"
A = "+493012345678"
CALLS = {
    "ast_cdr_custom": [(A, "+493087654321", "", True, 55), (A, "+493087654322", "", False, 0)],
    "ast_local_forward": [(A, "+493087654321", "", True, 79)],
    "ast_parallel_ring": [(A, "+493087654321", "", True, 60)],
    "ber_pgw": "packet-switched",
    "cucm_bridge_caller": [("", "+15035550101", "", False, 0), ("+15035550204", "+15035550203", "", True, 11)],
    "fs_originate": [("+4930111111", "+4930333333", "+4930444444", True, 60)],
    "kannel_syslog": [
        ("+4917011111111", "+4917022222222", "", None, None),
        ("short", "+4917022222222", "", None, None),
    ],
    "opensips_cdr": [
        ("+4930111110", "+4930222222", "", False, None),
        ("+4930111111", "+4930222222", "", True, 5),
        ("+4930111112", "+4930222222", "", True, 55),
    ],
}
"""Right answers of the inputs that readers of calls take; the others are about tables that a feed maps, and about numbers."""
ERRORS = {
    "nr-ciscoesa": "Cisco",
    "nr-mailscanner": "MailScanner",
    "nr-qmail": "qmail",
    "nr-stalwart": "Stalwart",
    "pf-utf16": "UTF-16",
    "xc-no-fields": "#Fields",
    "xc-utf16": "UTF-16",
}
TABLES = {path.name for path in (CASES / "mail").glob("gn-*")} | {"xc-m365-extended"}
"""These are read by ``test_tables.py``."""


def names(kind):
    return sorted(path.name for path in (CASES / kind).iterdir())


def contents(folder, files=None):
    return [
        (folder / name).read_bytes() for name in files or sorted(p.name for p in folder.iterdir() if p.name != "README")
    ]


@pytest.mark.parametrize("name", sorted(CALLS))
def test_calls(name):
    expected = CALLS[name]
    files = contents(CASES / "calls" / name)
    if isinstance(expected, str):
        with pytest.raises(MalformedInput, match="no format that is known") as caught:
            read_whole(files)
        assert expected in caught.value.hint
        return
    assert read_whole(files, country="US" if "cucm" in name else "DE").calls == expected


def test_every_number_in_a_uri_is_read_or_its_record_rejected_by_name():
    found = read_whole(contents(CASES / "calls" / "fs_uris"))
    assert [call[:2] for call in found.calls] == [
        ("+4930111111", "+4930222222"),
        *[("", "+4930222222")] * 3,  # two anonymous callers, and the zeros that FreeSWITCH writes for none
        ("+4930111115", "+4930222222"),
    ]


@pytest.mark.parametrize("name", [name for name in names("mail") if name not in TABLES])
def test_mail(name):
    folder = CASES / "mail" / name
    case = json.loads((folder / "case.json").read_text())
    files = contents(folder, case["files"])
    if name in ERRORS:
        assert case["expect"] in ("error", "mapping")
        with pytest.raises(MalformedInput, match="of no format that is known") as caught:
            read_whole(files, names=case["files"])
        assert ERRORS[name] in caught.value.hint
        return
    expected = sorted(tuple(row) for row in case["expect"])
    for order in (files, files[::-1]):
        assert read_whole(order).mails == expected
        assert read_whole(order, size=64).mails == expected
