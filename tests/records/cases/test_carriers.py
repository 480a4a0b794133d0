"""Whatever a logger, a container or a collector puts around the lines of a file, the records are those of the plain file."""

import contextlib
import json
from pathlib import Path

import polars as pl
import pytest
from whole_reading import feed_text, read_whole

from coffer.errors import MalformedInput
from coffer.records.feed import parse_feed
from coffer.records.readers.formats import detect
from coffer.records.readers.text.carriers import without_carriers
from coffer.records.readers.text.prefixes import carried, plainly_carried
from source_files import A, B, jasmin_line

CASES = Path(__file__).parent / "inputs"
FORMS = (
    "Nov 20 10:00:59 host app[12]: {}",
    "2026-11-20T10:00:59.123456+01:00 host app[12]: {}",
    "2026-11-20T10:00:59+0100 host app[12]: {}",
    "Fri 2026-11-20 10:00:59 CET host app[12]: {}",
    "Fri 2026-11-20 10:00:59.123456 UTC host app[12]: {}",
    "Nov 20 10:00:59.123456 host app[12]: {}",
    "1795168859.123456 host app[12]: {}",
    "2026 Nov 20 10:00:59 host app[12]: {}",
    "<22>1 2026-11-20T10:00:59Z host app 12 - - {}",
    "<22>1 2026-11-20T10:00:59Z host app 12 - - \ufeff{}",
    "<22>Nov 20 10:00:59 host app[12]: {}",
    "Nov 20 10:00:59 dock docker[32360]: {}",
    "Nov 20 10:00:59 host app[12]: [ID 197553 mail.info] {}",
    "Nov 20 10:00:59 <mail.info> host app[12]: {}",
    "Nov 20 10:00:59 host mail.info app[12]: {}",
    "2026-11-20T10:00:59.123456789Z {}",
    "2026-11-20T10:00:59.123456789Z stdout F {}",
    "app_1  | {}",
    "\x1b[36mapp-2  | \x1b[0m{}",
    "app-1  | 2026-11-20T10:00:59.123456789Z {}",
    "[pod/mail-0/mail] {}",
    "@400000006aa8e01a2c3ca000 {}",
)
LINES = {
    "asterisk": (CASES / "calls/ast_local_forward/Master.csv").read_text().splitlines(),
    "kannel": [line.split("bearerbox[14]: ")[-1] for line in (CASES / "calls/kannel_syslog/mdr.log").read_text().splitlines()],
    "kamailio": (CASES / "calls/opensips_cdr/acc.log").read_text().splitlines(),
    "postfix": (CASES / "mail/pf-softbounce/mail.log").read_text().splitlines(),
    "exim": (CASES / "mail/ex-cpanel-pipe/mainlog").read_text().splitlines(),
    "cucm": (CASES / "calls/cucm_bridge_caller/cdr_X_01_202603021000_1").read_text().splitlines(),
    "jasmin": [jasmin_line("MT", n, A, B, "x").rstrip("\n") for n in range(1, 4)],
    "exchange": (CASES / "mail/xc-zero-nid/t.log").read_text().splitlines(),
}  # fmt: skip


def journal(line):
    return json.dumps(
        {
            "__REALTIME_TIMESTAMP": "1795168859000000",
            "_HOSTNAME": "mx1",
            "SYSLOG_IDENTIFIER": "app",
            "SYSLOG_PID": "7",
            "MESSAGE": line,
        }
    )


def collected(line):
    return json.dumps({"@timestamp": "2026-11-20T10:00:59.000Z", "message": line, "host": {"name": "mx1"}})


def of_docker(line):
    return json.dumps({"log": line + "\n", "stream": "stdout", "time": "2026-11-20T10:00:59.1Z"})


JSON = (
    journal,
    collected,
    of_docker,
    lambda line: "data: " + journal(line),
    lambda line: "\x1e" + journal(line),
    lambda line: "2026-11-20T10:00:59+00:00\tdocker.app\t" + of_docker(line),
    lambda line: of_docker(FORMS[0].format(line)),
)


def written(form, lines):
    return "".join((form(line) if callable(form) else form.format(line)) + "\n" for line in lines).encode()


@pytest.mark.parametrize(("number", "name"), list(enumerate(sorted(LINES))))
def test_a_carried_file_gives_the_records_of_the_plain_one(number, name):
    """Each format in a third of the forms, so that each form is tried with two formats or three."""
    country = "US" if name == "cucm" else "DE"
    plain = read_whole([written("{}", LINES[name])], country=country)
    assert plain.rows
    for form in (*FORMS, *JSON)[number % 3 :: 3]:
        found = read_whole([written(form, LINES[name])], country=country)
        assert (found.rows, found.formats, found.rejects, found.skipped) == (
            plain.rows,
            [name],
            plain.rejects,
            plain.skipped,
        ), form


def test_a_format_that_the_feed_names_is_read_behind_its_carrier_too():
    for form in (FORMS[0], of_docker):
        found = read_whole([written(form, LINES["kannel"])], top='format = "kannel"')
        assert (len(found.rows), found.rejects) == (2, [])


def test_lines_of_another_program_are_rejected_and_never_read_as_the_log():
    lines = LINES["kannel"]
    raw = written(FORMS[0], lines) + written("Nov 20 10:00:59 host sshd[9]: {}", lines[:1])
    found = read_whole([raw])
    assert (len(found.rows), found.rejects) == (2, [(0, 3, "bad-record")])


@pytest.mark.parametrize("name", ["exim", "postfix"])
def test_a_program_that_quotes_a_line_of_a_log_makes_no_log_of_its_own(name):
    quoted = written("Nov 20 10:00:59 host web-app[9]: {}", [*(f"GET /{n}" for n in range(9)), *LINES[name][:2]])
    with pytest.raises(MalformedInput, match="of no format that is known"):
        read_whole([quoted])


def test_a_carried_file_says_so_in_words_of_our_own():
    found = detect(written("Nov 20 10:00:59 host SECRET[12]: {}", LINES["kannel"]), "file", None)
    assert found.carriers
    assert found.reason.endswith("behind what a logger or container put in front of each line")
    assert "SECRET" not in found.reason


def test_lines_stay_as_many_as_they_were_and_bad_ones_as_they_are():
    data = b'Nov 20 10:00:59 host app[12]: one\n\r\n{"log": 7}\nNov 20 10:0\n\xff\nNov 20 10:00:59 host app: \ntorn'
    bare = without_carriers(data, ("syslog app",))
    assert bare.count(b"\n") == data.count(b"\n")
    assert bare.startswith(b'one\n\r\n{"log": 7}\nNov 20 10:0\n')
    assert bare.endswith(b"\n\ntorn")


@pytest.mark.parametrize("seed", range(8))
def test_nothing_but_a_format_error_comes_of_any_bytes(seed):
    """Bytes that look a little like lines of carriers; deterministic."""
    parts = [
        b"Nov 20 10:00:59 ",
        b"host app: ",
        b"{",
        b'"log":',
        b'"x"',
        b"}",
        b"\n",
        b"\xff",
        b"<22>1 ",
        b"a | ",
        b"\x1e",
        b"9" * 17,
        b" ",
    ]
    raw = b"".join(parts[(seed * 7 + i * i * 3 + i // 5) % len(parts)] for i in range(120))
    with contextlib.suppress(MalformedInput):
        detect(raw, "file", parse_feed(feed_text(), "feed"))
    assert without_carriers(raw, ("json", "syslog app")).count(b"\n") == raw.count(b"\n")


@pytest.mark.parametrize("form", FORMS)
def test_lines_in_the_usual_form_give_the_same_without_the_long_way(form):
    text = pl.Series(
        [form.format(line) for line in ("one, two", "", "[ID 7 x.y] z", "Nov 20 10:00:00 a b: c", "\x1b[0m")]
    )
    by, line = carried(text)
    assert by.null_count() == 0 or form.startswith("<22>1")
    for carrier in by.drop_nulls().unique().to_list():
        plain = plainly_carried(text, carrier)
        is_told = plain.is_not_null()
        assert plain.filter(is_told).to_list() == line.filter(is_told).to_list()
        assert (by.filter(is_told) == carrier).all()
