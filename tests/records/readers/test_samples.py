"""Files that the real programs wrote, against counts made by plain Python loops that share no code with the readers."""

import re
import sqlite3
from collections import Counter

import pytest

from coffer.errors import MalformedInput
from coffer.procedures.ingest.feed_check import check_files
from coffer.records.readers.formats import HEAD_BYTES, detect
from source_files import WINDOW, Case, counts, read, table


def case_of(name, data, zone="UTC"):
    return Case(name=name, data=data, records=0, events=0, zone=zone)


def by_hand(path):
    """Kamailio's lines: (INVITE call ids answered, failed, BYEs, CDRs, texts) with their multiplicity."""
    seen = {name: Counter() for name in ("answered", "missed", "bye", "cdr", "text")}
    for line in path.read_text().splitlines():
        if "log_write_cdr()" in line:
            seen["cdr"][line.split("callid=")[1].split(";")[0].strip()] += 1
            continue
        fields = dict(
            part.split("=", 1) for part in line.split("ACC: ", 1)[1].split(": ", 1)[1].split(";") if "=" in part
        )
        what = {"BYE": "bye", "MESSAGE": "text"}.get(fields["method"])
        if what is None:
            what = "answered" if fields["code"].startswith("2") else "missed"
        seen[what][fields["call_id"]] += 1
    return seen


def test_kamailio_syslog(samples):
    path = samples / "kamailio/acc.syslog.log"
    seen = by_hand(path)
    calls = set(seen["answered"]) | set(seen["missed"]) | set(seen["cdr"])
    lines = len(path.read_text().splitlines())
    found = read(case_of("kamailio", path.read_bytes()), [path.read_bytes()], size=4000)
    records, kept, rejected, merged = counts(found)
    assert (records, rejected) == (lines, 0) == (503, 0)
    assert kept == len(calls) + seen["text"].total() == 180
    assert merged == lines - kept
    rows = table(found)[0][0]
    kinds = Counter(row["kind"] for row in rows)
    assert kinds == {1: len(calls), 2: seen["text"].total()}
    answered = Counter(row["answered"] for row in rows if row["kind"] == 1)
    assert answered == {True: len(set(seen["answered"])), False: len(set(seen["missed"]) - set(seen["answered"]))}


def test_kamailio_durations_are_those_of_the_cdr_lines(samples):
    path = samples / "kamailio/acc.syslog.log"
    text = path.read_text()
    lasted = {m[2].strip(): int(float(m[1])) for m in re.finditer(r"duration=([0-9.]+);.*callid=([^;\n]+)", text)}
    places = {}
    for number, line in enumerate(text.splitlines(), 1):
        match = re.search(r"method=INVITE;.*call_id=([^;]+);", line)
        if match:
            places[number] = match[1]
    rows = table(read(case_of("kamailio", b""), [path.read_bytes()]))[0][0]
    calls = [row for row in rows if row["kind"] == 1]
    assert len(calls) == 170
    assert {row["duration_s"] == lasted[places[row["line"]]] for row in calls} == {True}


def test_kamailio_sqlite(samples):
    path = samples / "kamailio/acc.sqlite"
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        acc = connection.execute("SELECT method, callid FROM acc").fetchall()
        missed = connection.execute("SELECT method, callid FROM missed_calls").fetchall()
        cdrs = connection.execute("SELECT callid FROM cdrs").fetchall()
    connection.close()
    calls = {call for method, call in acc + missed if method == "INVITE"} | {call for (call,) in cdrs}
    texts = sum(method == "MESSAGE" for method, _ in acc)
    records, kept, rejected, _ = counts(read(case_of("kamailio-sqlite", b""), [path.read_bytes()], size=10_000))
    assert (records, rejected) == (len(acc) + len(missed) + len(cdrs), 0) == (485, 0)
    assert kept == len(calls) + texts == 178


def test_both_kamailio_sources_agree_on_the_calls_that_both_have(samples):
    folder = samples / "kamailio"

    def calls(name, file):
        rows = table(read(case_of(name, b""), [(folder / file).read_bytes()]))[0][0]
        return Counter((row["a_number"], row["b_number"], row["kind"]) for row in rows)

    # The database lost rows, as its daemon said: what it has, the log has.
    assert calls("kamailio-sqlite", "acc.sqlite") - calls("kamailio", "acc.syslog.log") == Counter()


def test_kannel_default(samples):
    path = samples / "kannel/bearerbox-access.default.log"
    lines = path.read_text().splitlines()
    texts = [line for line in lines if line[20:].startswith(("Sent SMS", "Receive SMS", "FAILED", "REJECTED"))]
    reports = [line for line in lines if line[20:].startswith("Receive DLR")]
    found = read(case_of("kannel", b"", zone="Europe/Berlin"), [path.read_bytes()], size=300)
    assert counts(found) == (len(texts) + len(reports), len(texts), 0, len(reports)) == (25, 23, 0, 2)
    rows = table(found)[0][0]
    assert [row["start"].strftime("%H:%M:%S") for row in rows] == [f"17{line[13:19]}" for line in texts]
    assert {row["kind"] for row in rows} == {2}


def test_kannel_without_times_and_the_smsbox_log_are_refused(samples):
    clean = (samples / "kannel/bearerbox-access.clean.log").read_bytes()
    with pytest.raises(MalformedInput, match="without a time"):
        read(case_of("kannel", b""), [clean])
    smsbox = (samples / "kannel/smsbox-access.log").read_bytes()
    with pytest.raises(MalformedInput, match="of no format that is known") as caught:
        detect(smsbox[:HEAD_BYTES], "smsbox-access.log", None)
    assert "smsbox" in caught.value.hint


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("kamailio/acc.syslog.log", "kamailio"),
        ("kamailio/acc.sqlite", "kamailio-sqlite"),
        ("kannel/bearerbox-access.default.log", "kannel"),
        ("kannel/bearerbox-access.clean.log", "kannel"),
    ],
)
def test_genuine_files_are_recognised(samples, file, name):
    head = (samples / file).read_bytes()[:HEAD_BYTES]
    assert detect(head, "x", None).format.name == name


@pytest.mark.parametrize(
    "file", ["postfix/maillog.short-ids.log", "exim/mainlog", "kannel/smsbox-access.log", "kamailio/calls.csv"]
)
def test_other_genuine_files_are_not_taken_for_ours(samples, file):
    head = (samples / file).read_bytes()[:HEAD_BYTES]
    try:
        name = detect(head, "x", None).format.name
    except MalformedInput:
        return
    assert name in {"postfix", "exim"}


def test_a_genuine_log_is_counted_alike_by_feed_check(samples):
    path = samples / "kamailio/acc.syslog.log"
    (report,) = check_files([str(path)], case_of("kamailio", b"").feed, WINDOW.latest)
    assert (report.read, report.kept, report.merged) == (503, 180, Counter(cdr=170, bye=153))
    assert set("".join(shape for shapes in report.shapes.values() for shape in shapes)) <= set("+9a@.-_ dialled")
