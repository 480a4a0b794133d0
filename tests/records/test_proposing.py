"""What ``coffer feed check`` proposes for files as systems write them: right values, or what stands in the way in words."""

import datetime as dt
import io
import json
import sys
import tomllib

import pytest

from coffer.cli.main import run
from coffer.errors import MalformedInput
from coffer.procedures.ingest.feed_check import check_files, propose_feed
from coffer.procedures.ingest.sources import Source
from coffer.records.feed import parse_feed
from coffer.records.proposing import propose_mapped

NOW = dt.datetime(2026, 12, 1, tzinfo=dt.UTC)


def propose(text, country="DE"):
    return propose_mapped(text if isinstance(text, bytes) else text.encode(), "file", country=country, zone="UTC")


def columns(text, **more):
    return tomllib.loads(propose(text, **more).text)["columns"]


def rows(head, *lines):
    return "\n".join([head, *lines, ""])


PAIR = "+4930123456,+4930123457"


def test_a_row_number_is_no_duration():
    """The twin below differs in the name alone."""
    text = rows("Nr,time,caller,callee", *(f"{n},2026-03-02 10:00:0{n},{PAIR}" for n in range(1, 9)))
    assert "duration_s" not in columns(text)
    assert any("row numbers and ringing look like durations" in note for note in propose(text).notes)


def test_a_column_called_a_duration_is_one():
    text = rows("duration,time,caller,callee", *(f"{n},2026-03-02 10:00:0{n},{PAIR}" for n in range(1, 9)))
    assert columns(text)["duration_s"] == "duration"


def test_a_duration_of_two_parts_is_named_once_and_truly(tmp_path, capfd):
    path = tmp_path / "t.csv"
    path.write_text(
        rows("time,caller,callee,Duration", *(f"2026-03-02 10:00:0{n},{PAIR},02:0{n}" for n in range(1, 9)))
    )
    assert run(["feed", "check", str(path), "--country", "DE"]) == 0
    said = capfd.readouterr().err
    assert "column Duration is called so, but is written m:s or h:m: say which" in said
    assert "called a duration" not in said
    assert said.count("Duration") == 1


def test_the_talk_is_taken_before_a_duration_that_counts_the_ringing():
    head, line = "calldate,src,dst,duration,billsec,disposition", f"2026-03-02 10:00:00,{PAIR},42,12,ANSWERED"
    assert columns(rows(head, line, line))["duration_s"] == "billsec"
    found = propose(rows(head.replace("billsec", "fee"), line, line))
    assert any("column duration may count the ringing" in note for note in found.notes)


@pytest.mark.parametrize("name", ["talk_seconds", "Talk time (s)", "bill seconds", "talk_secs"])
def test_talk_by_any_name_is_taken_before_a_duration(name):
    text = rows(f"calldate,src,dst,duration,{name}", *(f"2026-03-02 10:00:0{n},{PAIR},4{n},1{n}" for n in range(3)))
    assert columns(text)["duration_s"] == name


IMEI, WITHOUT_CHECK, IMSI = "490154203237518", "49015420323751", "208011234567890"


@pytest.mark.parametrize(
    ("head", "party", "proposed"),
    [
        ("time,caller,callee,caller_imei,caller_imsi", PAIR, {"a_imei": "caller_imei", "a_imsi": "caller_imsi"}),
        ("time,A-Number,B-Number,IMEI B,IMSI A", PAIR, {"b_imei": "IMEI B", "a_imsi": "IMSI A"}),
        ("time,msisdn,other,imei,served imsi", PAIR, {"a_imei": "imei", "a_imsi": "served imsi"}),
        ("time,direction,number,other,imei,imsi", f"in,{PAIR}", {"a_imei": "imei", "a_imsi": "imsi"}),
    ],
)
def test_handsets_and_sims_are_proposed_where_their_party_is_plain(tmp_path, head, party, proposed):
    line = f"2026-03-02 10:00:00,{party},{IMEI},{IMSI}"
    text = rows(head, line, line, line.replace(",in,", ",out,"))
    found = propose(text)
    assert {name: column for name, column in columns(text).items() if name[1:] in {"_imei", "_imsi"}} == proposed
    feed = parse_feed(found.text, "proposed feed")
    assert (feed.keep, feed.imei_without_check) == ({"imei", "imsi"}, False)
    assert any(note.startswith("keep: each record carries imei and imsi") for note in found.notes)
    shown = {guess.field: guess.samples for guess in found.guesses}
    assert {shown[field] for field in proposed} == {("9" * 15,)}
    (tmp_path / "t.csv").write_text(text)
    (report,) = check_files([str(tmp_path / "t.csv")], feed, NOW)
    assert (report.kept, report.emptied) == (3, {})


def test_a_handset_whose_party_nobody_says_is_not_read_and_a_hint_says_what_to_write():
    found = propose(rows("time,imsi,imei,caller,callee", *[f"2026-03-02 10:00:00,{IMSI},{IMEI},{PAIR}"] * 3))
    table = tomllib.loads(found.text)
    assert table["feed"]["keep"] == []
    assert table["columns"] == {"a": "caller", "b": "callee", "start": "time"}
    (note,) = [note for note in found.notes if note.startswith("imei: ")]
    assert "under [columns] name it a_imei if it is the caller's, b_imei if it is the called one's" in note
    assert 'keep = ["imei"]' in note


def test_an_imsi_is_no_number_of_a_party():
    """Fifteen digits look like a number: without its name it would be somebody else's."""
    with pytest.raises(MalformedInput, match="no column for b found"):
        propose(rows("time,imsi,subscriber", *[f"2026-03-02 10:00:00,{IMSI},+4930123456"] * 3))


@pytest.mark.parametrize("written", ["490154203237517", "4.90154E+14", "1", "00000000000000"])
def test_a_column_called_imei_without_imeis_is_not_taken_for_one(written):
    found = propose(rows("time,caller,callee,caller_imei", *[f"2026-03-02 10:00:00,{PAIR},{written}"] * 3))
    assert "a_imei" not in found.text
    assert tomllib.loads(found.text)["feed"]["keep"] == []


def test_handsets_without_check_digit_are_said_to_have_none():
    found = propose(rows("time,caller,callee,caller_imei", *[f"2026-03-02 10:00:00,{PAIR},{WITHOUT_CHECK}"] * 3))
    assert parse_feed(found.text, "proposed feed").imei_without_check


def test_each_guess_says_what_it_rests_on_and_shows_masked_values_durations_too():
    found = propose(
        rows("time,caller,callee,duration", f"2026-03-02 10:00:00,{PAIR},125", f"2026-03-02 10:00:00,{PAIR},00:02:05")
    )
    shown = {guess.field: guess for guess in found.guesses}
    assert shown["duration_s"].samples == ("999", "99:99:99")
    assert shown["a"].samples == ("+9999999999",)
    assert shown["start"].reason == "by its name: 100% are %Y-%m-%d %H:%M:%S"
    assert "123456" not in str(found)


@pytest.mark.parametrize(
    ("written", "micros"),
    [
        ("2026-11-20T10:00:00.490", 490_000),
        ("2026-11-20T10:00:00Z", 0),
        ("2026-11-20T10:00:00.4907658", 490_765),
        ("2026-11-20T12:00:00.25+02:00", 250_000),
        ("2026/11/20 10:00:00", 0),
    ],
)
def test_a_proposal_reads_its_own_file(tmp_path, written, micros):
    path = tmp_path / "t.csv"
    path.write_text(rows("time,sender,recipient,status", *[f"{written},ann@example.org,bob@example.net,ok"] * 3))
    proposal = propose_feed(Source.open(str(path)), country="FR", zone="UTC")
    (report,) = check_files([str(path)], parse_feed(proposal.text, "x"), NOW)
    assert (report.kept, report.read) == (3, 3)
    assert report.first == dt.datetime(2026, 11, 20, 10, 0, 0, micros, tzinfo=dt.UTC)


def test_times_with_and_without_a_fraction_are_one_column():
    text = rows(
        "time,sender,recipient",
        "2026-11-20T10:00:00.49,a@x.example,b@x.example",
        "2026-11-20T10:00:00,a@x.example,b@x.example",
    )
    assert columns(text)["start"] == "time"


def test_a_mail_from_nobody_is_still_a_mail():
    text = rows(
        "time,from,to",
        "2026-11-20T10:00:00,<>,bob@x.example",
        "2026-11-20T10:00:00,,<cid@x.example>",
        "2026-11-20T10:00:00,a@x.example,b@x.example",
    )
    assert tomllib.loads(propose(text).text)["feed"]["kind"] == "email"


def test_a_number_at_a_host_makes_no_mail():
    text = rows("time,from,to", *["2026-11-20 10:00:00,sip:+4930123456@h,+4930123457@198.51.100.7"] * 3)
    assert tomllib.loads(propose(text).text)["feed"]["kind"] == "text"


def test_a_delimiter_behind_each_row_makes_no_column():
    text = rows("caller;callee;start;duration;", *[PAIR.replace(",", ";") + ";2026-03-02 10:00:00;15;"] * 2)
    assert tomllib.loads(propose(text).text)["csv"]["header"] is True
    assert columns(text)["duration_s"] == "duration"


PADDED = "Telefonanlage Musterfirma GmbH;;;;\nAnrufliste;November;;;\n;;;;\nVon;Ziel;Beginn;Dauer;B\u00fcro\n"
PAD_ROWS = "".join(f"030123456{n};0176123456{n};2026-11-0{n} 10:00:00;15;Mitte\n" for n in range(1, 9))


def test_a_column_by_position_is_called_a_column():
    text = "".join(f"{PAIR},2026-03-02 10:00:0{n},2026-03-02 11:00:0{n}\n" for n in range(4))
    assert any("of which column 2 is the first" in note for note in propose(text).notes)


def test_titles_that_are_padded_to_the_width_of_the_table_do_not_hide_its_header():
    """The twin has no header: its first row, of two cells, is a record and stays one."""
    assert tomllib.loads(propose(PADDED + PAD_ROWS).text)["csv"]["header"] is True
    assert columns(PADDED + PAD_ROWS)["b"] == "Ziel"
    found = tomllib.loads(propose("0301234567;;2026-11-01 10:00:00;;\n" + PAD_ROWS).text)
    assert (found["csv"]["header"], "skip_lines" in found["csv"]) == (False, False)


@pytest.mark.parametrize(
    ("encoding", "hint"), [("utf-8", "is feed pbx meant for it"), ("cp1252", 'set encoding = "cp1252"')]
)
def test_a_missing_column_is_said_of_the_line_that_has_most_of_the_others(tmp_path, encoding, hint):
    (tmp_path / "t.csv").write_bytes((PADDED + PAD_ROWS).encode(encoding))
    text = '[feed]\nname = "pbx"\nhome_country = "DE"\ntime_zone = "UTC"\nkind = "call"\n[csv]\nheader = true\n'
    text += 'delimiter = ";"\ndate_format = "%F %T"\n[columns]\na = "Von"\nb = "Nach"\nstart = "Beginn"\n'
    with pytest.raises(MalformedInput, match="line 4: no column 'Nach' for b") as caught:
        check_files([str(tmp_path / "t.csv")], parse_feed(text, "x"), NOW)
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (f"a,b,t\r{PAIR},2026-03-02 10:00:00\r", "its lines end with CR alone", "tr '"),
        (rows("a,b,t", f"{PAIR},2026-03-02 10:00:00").encode("utf-16"), "is written in UTF-16", "iconv -f UTF-16"),
        (rows("a,b,t", *[f"{PAIR},2026-03-02 10:00:00"] * 6).encode("utf-16-le"), "is written in UTF-16", "iconv -f UTF-16LE -t"),
        (rows("a,b,t", *[f"{PAIR},2026-03-02 10:00:00"] * 6).encode("utf-16-be"), "is written in UTF-16", "iconv -f UTF-16BE -t"),
        (rows("a,b,t", *[f"{PAIR},2026-Mar-02 at 10:00:00 h"] * 3), "no column for start", "times like 9999-aaa-99 aa 99:99:99 a"),
    ],
)  # fmt: skip
def test_what_stands_in_the_way_is_said_with_what_to_do(text, message, hint):
    with pytest.raises(MalformedInput, match=message) as raised:
        propose(text)
    assert hint in raised.value.hint


@pytest.mark.parametrize(
    ("text", "proposed"),
    [
        ("Call Detail Report\n\ncaller,callee,start\n" + f"{PAIR},2026-03-02 10:00:00\n" * 2, {"header": True}),
        ("Report\nfor 2026\n" + f"{PAIR},2026-03-02 10:00:00\n" * 4, {"header": False, "skip_lines": 2}),
        (rows("a,b,t", *["'+4930123456','+4930123457','2026-03-02 10:00:00'"] * 3), {"quote": "'"}),
        (rows("a,b,t", *[f"{PAIR},2026-03-02 10:00:00"] * 3, "Total,,3"), {"comment": "Total"}),
        (rows("a,b,t,n", *[f"{PAIR},2026-03-02 10:00:00,M\u00fcller"] * 3).encode("latin-1"), {"encoding": "cp1252"}),
        (rows("a,b,t,n", *[f'{PAIR},2026-03-02 10:00:00,"x\n\n,y"'] * 3), {"header": True}),
    ],
    ids=["titles", "titles without a header", "apostrophes", "a total", "an encoding", "line ends in quotes"],
)
def test_what_used_to_stand_in_the_way_is_proposed_and_read(tmp_path, text, proposed):
    proposal = propose(text)
    own = tomllib.loads(proposal.text)["csv"]
    assert {key: own[key] for key in proposed} == proposed
    path = tmp_path / "t.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    (report,) = check_files([str(path)], parse_feed(proposal.text, "x"), NOW)
    assert (report.kept, report.rejected.total()) == (text.count(b"+" if isinstance(text, bytes) else "+") // 2, 0)


def test_the_own_number_and_the_direction_of_each_row_are_proposed():
    """The own number is the one in most rows, whichever column comes first."""
    text = rows(
        "other,own,way,t",
        "+4930123457,+4930123456,OUT,2026-03-02 10:00:00",
        "+4930123458,+4930123456,IN,2026-03-02 10:00:00",
    )
    found = columns(text)
    assert (found["a"], found["b"]) == ("own", "other")
    assert found["direction"] == {"column": "way", "values": {"IN": "in", "OUT": "out"}}


def test_nested_values_and_several_recipients_are_proposed():
    line = {"mail": {"source": "a@x.example", "time": "2026-11-20T10:00:00Z"}, "to": ["b@x.example", "c@x.example"]}
    found = columns(json.dumps(line) + "\n")
    assert (found["a"], found["b"], found["start"]) == ("$.mail.source", "$.to[*]", "$.mail.time")
    text = rows(
        "time,from,to",
        "2026-11-20T10:00:00,a@x.example,b@x.example;c@x.example",
        "2026-11-20T10:00:00,a@x.example,b@x.example",
    )
    assert columns(text)["b"] == {"column": "to", "split": ";"}


def test_a_direction_beside_caller_and_called_stands_in_no_way():
    text = rows("caller,callee,way,t", f"{PAIR},out,2026-03-02 10:00:00", f"{PAIR},in,2026-03-02 10:00:00")
    assert columns(text)["a"] == "caller"


@pytest.mark.parametrize(
    ("country", "numbers", "style"),
    [
        ("DE", ("33612345678", "442079460000", "493012345678"), "e164-no-plus"),
        ("RU", ("84957654321", "84951234567", "89161234567"), "national"),
        ("DE", ("030123456", "+33612345678", "0049301234567"), None),
    ],
)
def test_the_style_of_numbers_is_proposed_where_they_could_be_two(country, numbers, style):
    text = rows("caller,callee,start", *(f"{number},{number},2026-03-02 10:00:00" for number in numbers))
    found = propose(text, country=country)
    assert tomllib.loads(found.text)["feed"].get("number_style") == style
    assert any("number_style" in note for note in found.notes) == (style is not None)


# -- the command ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.setattr("coffer.cli.console.system_clock", lambda: NOW)
    monkeypatch.chdir(tmp_path)
    return tmp_path


GOOD = rows("caller,callee,start,duration", *[f"{PAIR},2026-03-02 10:00:00,15"] * 4)


def test_standard_input_is_read_once_and_the_feed_written_to_standard_output(here, capfd, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(GOOD.encode())))
    assert run(["feed", "check", "-", "--country", "DE", "-o", "-"]) == 0
    out, err = capfd.readouterr()
    assert parse_feed(out, "feed.toml").columns["a"] == ("caller",)
    assert "read          4" in err
    assert "by its name" in err


def test_most_rows_rejected_is_exit_code_2_with_what_to_set_and_nothing_is_written(here, capfd):
    bad = "\n".join(line.replace("+49", "x") for line in GOOD.splitlines()[1:4])
    (here / "t.csv").write_text(GOOD + bad + "\n" + bad + "\n")
    (here / "feed.toml").write_text(propose(GOOD).text)
    assert run(["feed", "check", "t.csv", "--feed", "feed.toml"]) == 2
    out, err = capfd.readouterr()
    assert "rejected         not-a-number 6" in " ".join(out.split("\n")) or "not-a-number 6" in out
    assert "6 of 10 records rejected" in err
    assert "do columns a and b in the feed file point to the numbers?" in err
    assert run(["feed", "check", "t.csv", "--country", "DE", "-o", "new.toml"]) == 2
    assert not (here / "new.toml").exists()


def test_most_numbers_kept_as_dialled_is_exit_code_2_and_says_which_setting(here, capfd):
    (here / "t.csv").write_text(
        rows("caller,callee,start,duration", *["33612345678,442079460000,2026-03-02 10:00:00,15"] * 4)
    )
    text = propose(GOOD).text
    (here / "feed.toml").write_text(text)
    assert run(["feed", "check", "t.csv", "--feed", "feed.toml", "--json"]) == 2
    out, err = capfd.readouterr()
    report = json.loads(out)["files"][0]
    assert (report["dialled"], report["several_readings"], report["kept"]) == (4, 4, 4)
    assert 'number_style = "e164-no-plus" or "national"' in err
    (here / "styled.toml").write_text(
        text.replace("[csv]", "[csv]").replace('kind = "call"', 'kind = "call"\nnumber_style = "e164-no-plus"')
    )
    assert run(["feed", "check", "t.csv", "--feed", "styled.toml"]) == 0


def test_numbers_that_a_spreadsheet_rounded_are_named_and_never_read():
    head = b"sep=;\nCaller;Called;Start\n" + b"".join(
        f"+493012345{n};{called};02.11.2026 10:0{n}:00\n".encode()
        for n, called in enumerate(("+4930123457", "4,93012E+11", "4.93012E+11", "+4930123457", "+4930123456"))
    )
    proposal = propose_mapped(head, "file", country="DE", zone="UTC")
    (note,) = (note for note in proposal.notes if "spreadsheet" in note)
    assert note.startswith("b: column Called holds numbers that a spreadsheet rounded")


@pytest.mark.parametrize(
    ("answered", "code", "hint"),
    [
        ('{ column = "Status", values = { ok = true } }', 0, "1 record with other words than the feed has; say under"),
        ('"Status"', 2, "give answered in the feed file values = { WORD = true"),
        ('{ column = "Status" }', 2, "give values = { WORD = ... }"),
        (
            '{ column = "Status", values = { ok = true, late = false } }\nduration_s = "Talk"',
            2,
            'set duration_format = "m:s"',
        ),
    ],
)
def test_what_a_feed_lacks_is_said(tmp_path, capfd, answered, code, hint):
    lines = [f"2026-03-02 10:00:0{n},{PAIR},{'late' if n == 1 else 'ok'},02:0{n}" for n in range(1, 9)]
    (tmp_path / "t.csv").write_text(rows("time,caller,callee,Status,Talk", *lines))
    text = '[feed]\nname = "x"\nhome_country = "DE"\ntime_zone = "UTC"\nkind = "call"\n[csv]\nheader = true\n'
    text += f'date_format = "%F %T"\n[columns]\na = "caller"\nb = "callee"\nstart = "time"\nanswered = {answered}\n'
    (tmp_path / "f.toml").write_text(text)
    assert run(["feed", "check", str(tmp_path / "t.csv"), "--feed", str(tmp_path / "f.toml")]) == code
    assert hint in capfd.readouterr().err


def test_a_text_that_goes_on_behind_what_is_looked_at_hides_no_table(tmp_path, capfd):
    texts = [f'2026-03-02 10:00:0{n},{PAIR},"Hello,\nyours"' for n in range(9)]
    long = "\n".join(f"SECRET {n}, and {n}" for n in range(900))
    path = tmp_path / "texts.csv"
    path.write_text(rows("at,from,to,text", *texts, f'2026-03-02 10:00:09,{PAIR},"{long}"', *texts))
    assert run(["feed", "check", str(path), "--country", "DE", "--zone", "UTC"]) == 0
    told = capfd.readouterr().out
    assert "kept          19 (text 19)" in told
    assert "SECRET" not in told


@pytest.mark.parametrize("body", ['"cr\ronly"', "cr\ronly", '"a ""b"" c\rd"'])
def test_a_carriage_return_in_a_text_is_no_row_of_another_delimiter(tmp_path, body):
    """Each delimiter is tried. By a wrong one the text's quote stands within a cell."""
    path = tmp_path / "texts.csv"
    row = "{},+33612345678,+33761234567,2026-11-27 10:00:00,{},DELIVRD\r\n"
    texts = [row.format("a", "hi"), row.format("b", body), row.format("c", "hi")]
    path.write_bytes(("id,from,to,sent,body,status\r\n" + "".join(texts)).encode())
    proposal = propose_feed(Source.open(str(path)), country="FR", zone="UTC", kind="text")
    assert 'a = "from"' in proposal.text
