"""A file that no reader takes is named for what it is, with what to take or to set; nothing of it is repeated."""

import pytest

from cdr_writing import framed, tlv
from coffer.errors import MalformedInput
from coffer.records.feed import parse_feed
from coffer.records.proposing import propose_mapped
from coffer.records.readers.formats import FORMATS, detect
from coffer.records.readers.naming import hint_for
from source_files import ALL_CASES

BASE = '[feed]\nname = "x"\nhome_country = "FR"\ntime_zone = "UTC"\n'
ZIP = b"PK\x03\x04" + b"\0" * 22 + b"\x13\0\0\0"


def ps(tag):
    return tlv(tag, tlv(0, bytes([tag])) + tlv(1, b"SECRET"), constructed=True)


FILES = {
    "an Excel workbook (.xlsx)": ZIP + b"[Content_Types].xml",
    "an OpenDocument spreadsheet": ZIP + b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet",
    "a ZIP archive": ZIP + b"calls.csv",
    "before 2007": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100),
    "a page of HTML": b"<html><table><tr><td>+49301234567",
    "Excel 2003": b'<?xml version="1.0"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet">',
    "a PDF": b"%PDF-1.7\n",
    "bzip2": b"BZh91AY&SY",
    "xz": b"\xfd7zXZ\0\0",
    "tar archive": b"calls.csv".ljust(257, b"\0") + b"ustar\0",
    "journalctl --file": b"LPKSHHRH" + bytes(100),
    "several lines for each entry": b"__CURSOR=s=1\n__REALTIME_TIMESTAMP=1795168859000000\nMESSAGE=hello\n",
    "network packets": b"\xd4\xc3\xb2\xa1\x02\0\x04\0",
    "Parquet": b"Obj\x01\x04\x14avro.codec",
    "iconv -f UTF-16LE -t UTF-8": "Nov 20 10:00:00 mx1 postfix/smtp[1]: AAA: to=<SECRET@example.net>\n".encode("utf-16-le"),
    "UTF-32": "a,b\n".encode("utf-32"),
    "(CMR)": b'"cdrRecordType","globalCallID_callId","numberPacketsSent","jitter"\n2,1,9,1\n',
    "call quality": b"Call ID,Jitter,Packet Loss,MOS\n1,2,3,4\n",
    "dump of a database": b"-- MySQL dump 10.13\nINSERT INTO `cdr` VALUES ('2026-01-01','SECRET')\n",
    "RADIUS": b'Fri Nov 20 10:00:00 2026\n\tAcct-Session-Id = "SECRET"\n',
    "(CEL)": b'"CHAN_START","1795168859","","SECRET"\n',
    "queue_log": b"1795168859|1795168858.1|sales|NONE|ENTERQUEUE||SECRET|1\n",
    "Asterisk's message log": b"[2026-11-20 10:00:00] VERBOSE[12] app_dial.c: SECRET\n",
    "FreeSWITCH's message log": b"0b7a4f9e-8a3b-4c0e-9d5e-000000000000 2026-11-20 10:00:00.1 [DEBUG] switch_core.c:1 SECRET\n",
    "without stamps": b"4ABC110001: client=c.example.org[192.0.2.1]\n",
    "trace of SIP": b"INVITE sip:SECRET@example.net SIP/2.0\r\n",
    "(MSGTRK)": b"#Fields: date-time,connector-id,session-id,data\n",
    "(IIS)": b"#Fields: date time cs-method cs-uri-stem\n",
    "Dovecot": b"Nov 20 10:00:00 mx1 dovecot: imap-login: SECRET\n",
    "content filter": b"Nov 20 10:00:00 mx1 opendkim[1]: SECRET\n",
    "mail itself": b"Received: from SECRET by example.net\n",
    "packet-switched charging records (a serving gateway record": ps(78),
    "packet-switched charging records (a packet gateway record": ps(79),
    "IMS charging records (an S-CSCF record": ps(63),
    "IMS charging records (an application server record": ps(69),
    "IMS charging records (an MMTel record": ps(83),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_named(name):
    with pytest.raises(MalformedInput, match="of no format that is known") as caught:
        detect(FILES[name], "file", parse_feed(BASE, "feed"))
    assert name in caught.value.hint
    assert "SECRET" not in f"{caught.value.message}{caught.value.hint}"


@pytest.mark.parametrize("name", ["an Excel workbook (.xlsx)", "a PDF", "iconv -f UTF-16LE -t UTF-8", "bzip2"])
def test_a_file_that_is_no_text_is_named_whatever_log_the_feed_says_that_it_is(name):
    with pytest.raises(MalformedInput, match="not text in UTF-8, expected Postfix maillog") as caught:
        detect(FILES[name], "file", parse_feed(BASE.replace("[feed]", '[feed]\nformat = "postfix"'), "feed"))
    assert name in caught.value.hint


def test_no_file_of_a_known_format_has_another_name():
    texts = {name: case.data for name, case in ALL_CASES.items() if not name.startswith("kamailio-sqlite")}
    assert {name: hint for name, data in texts.items() if (hint := hint_for(data[:65_536]))} == {}


def test_a_table_with_words_of_such_files_is_still_proposed():
    table = "From number,To number,Start,MOS,Jitter,Browser\n" + "".join(
        f"+4930123456{i},+4930123457,2026-11-20 10:00:0{i},4,1,<html>\n" for i in range(6)
    )
    assert hint_for(table.encode()) is None
    assert 'a = "From number"' in propose_mapped(table.encode(), "file", country="DE", zone="UTC").text


def test_frames_of_other_domains_are_read_and_counted_by_their_domain():
    (form,) = (form for form in FORMATS if form.recognise(framed([ps(79)], ts=7), "x"))
    assert form.name == "ber"
