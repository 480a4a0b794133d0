"""Accounting tables as text: genuine files of Kamailio, and hand-worked ones of OpenSIPS."""

from collections import Counter

import pytest

from coffer.errors import MalformedInput
from coffer.records.readers.formats import detect
from source_files import CASES, A, B, C, Case, counts, read, table

CORE = '"method", "from_tag", "to_tag", "callid", "sip_code", "sip_reason", "time"'
EXTRA = '"tsec", "tusec", "src_user", "src_domain", "src_ip", "dst_ouser", "dst_user", "dst_domain"'
CDR = '["start_time", "end_time", "duration", "src_user", "dst_user", "callid"]'
FLAT = f"[kamailio]\ncolumns = [{CORE}, {EXTRA}]\ncdr_columns = {CDR}"
OPENSIPS = f'[kamailio]\ncolumns = [{CORE}, "src_user", "dst_user", "setuptime", "created", "duration", "ms_duration"]'


def found_in(files, more="", zone="Europe/Berlin", **options):
    case = Case(name="kamailio-table", data=b"", records=0, events=0, more=more, zone=zone)
    return read(case, files, **options)


def calls(found):
    rows = [row for rows, *_ in table(found).values() for row in rows]
    return [(f"+{row['a_number']}", f"+{row['b_number']}", row["answered"], row["duration_s"]) for row in rows]


MYSQL = ["mysql/acc.tsv", "mysql/missed_calls.tsv", "mysql/cdrs.tsv"]
FLATSTORE = [f"flatstore/{name}_{pid}.log" for name in ("acc", "missed_calls", "cdrs") for pid in (129, 130)]


@pytest.mark.parametrize(
    ("names", "more"),
    [(MYSQL, ""), (FLATSTORE, FLAT), (["mysql/acc.txt"], FLAT.replace("[" + '"method"', '["id", "method"'))],
    ids=["mysql", "flatstore", "outfile"],
)
def test_genuine_tables_have_each_call_once_though_its_rows_lie_in_several_files(samples, names, more):
    """36 answered calls with BYE and 5 texts in acc, 4 busy ones in missed_calls, 40 CDRs."""
    files = [(samples / "kamailio" / name).read_bytes() for name in names]
    assert {detect(data, "x", None).format.name for data in files} == {"kamailio-table"}
    found = found_in(files, more)
    assert table(found_in(files, more, size=300, anywhere=True)) == table(found)
    rows = [row for rows, *_ in table(found).values() for row in rows]
    failed = {} if len(names) == 1 else {(1, False): 4}
    assert Counter((row["kind"], row["answered"]) for row in rows) == {(1, True): 36, (2, None): 5, **failed}
    lines = sum(data.count(b"\n") for data in files) - (3 if names is MYSQL else 0)
    assert counts(found) == (lines, len(rows), 0, lines - len(rows))
    assert {row["start"].day for row in rows} == {29}


def test_times_are_those_of_the_epoch_column_whatever_the_zone(samples):
    path = samples / "kamailio/mysql/acc.tsv"
    plain = path.read_bytes().replace(b"\ttsec\t", b"\tother\t")
    starts = [table(found_in([data]))[0][0][0]["start"] for data in (path.read_bytes(), plain)]
    assert [f"{start:%H:%M:%S}" for start in starts] == ["21:07:10", "21:07:10"]
    assert f"{table(found_in([plain], zone='UTC'))[0][0][0]['start']:%H}" == "22"


def opensips(*rows):
    return "".join("|".join(map(str, row)) + "\n" for row in rows).encode()


T = 1772445600
WHOLE = ("INVITE", "f1", "t1", "c1", 200, "OK", T + 16, A, B, 16, T, 5, 5250)
MISSED = ("INVITE", "f2", "", "c2", 408, "Request Timeout", T + 34, A, C, 4, T + 30)
PLAIN = ("MESSAGE", "f3", "t3", "c3", 202, "Accepted", T + 60, A, C)


def test_rows_of_opensips_have_the_columns_of_what_they_tell():
    """A whole call began with its INVITE and not with its answer; missed calls and texts have fewer columns."""
    found = found_in([opensips(WHOLE, MISSED, PLAIN)], OPENSIPS)
    assert calls(found) == [(A, B, True, 5), (A, C, False, None), (A, C, None, None)]
    rows = table(found)[0][0]
    assert [f"{row['start']:%M:%S}" for row in rows] == ["00:00", "00:30", "01:00"]
    wrong = found_in([opensips(WHOLE, WHOLE[:8], (*WHOLE, "more"))], OPENSIPS)
    assert (len(calls(wrong)), [line for line, *_ in table(wrong)[0][1]]) == (1, [2, 3])


def test_a_duration_that_a_database_only_defaulted_to_is_none():
    head = "method,from_tag,to_tag,callid,sip_code,sip_reason,time,src_user,dst_user,duration,created\n"
    row = f"INVITE,f1,t1,c1,200,OK,2026-03-02 10:00:16,{A},{B},{{}}\n"
    for end, seconds in (("0,NULL", None), ("0,", None), ("5,2026-03-02 10:00:00", 5), ("0,2026-03-02 10:00:00", 0)):
        assert calls(found_in([(head + row.format(end)).encode()])) == [(A, B, True, seconds)]


def test_a_quote_in_a_value_tears_no_row_where_nothing_is_quoted():
    found = found_in([opensips((*WHOLE[:5], 'O"K', *WHOLE[6:]), PLAIN)], OPENSIPS)
    assert (len(calls(found)), table(found)[0][1]) == (2, [])


def test_a_table_without_header_needs_its_columns_named():
    with pytest.raises(MalformedInput, match="no header of an accounting table") as caught:
        found_in([opensips(WHOLE)])
    assert "columns = [" in caught.value.hint
    with pytest.raises(MalformedInput, match="expected method, callid"):
        found_in([opensips(WHOLE)], '[kamailio]\ncolumns = ["a", "b"]')
    with pytest.raises(MalformedInput, match="no format") as caught:
        detect(b"-- MySQL dump 10.13\nINSERT INTO `acc` VALUES (1,'INVITE');\n", "x", None)
    assert "--batch" in caught.value.hint


def test_other_delimiters_and_quoted_csv_give_the_same():
    data = CASES["kamailio-table"].data
    whole = table(read(CASES["kamailio-table"], [data]))
    for delimiter in b",;|":
        changed = data.replace(b"\t", bytes([delimiter]))
        assert table(found_in([changed], zone="UTC")) == whole
    quoted = b"\n".join(b'"' + line.replace(b"\t", b'","') + b'"' for line in data.splitlines()) + b"\n"
    assert table(found_in([quoted], zone="UTC")) == whole
