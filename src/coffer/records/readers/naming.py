"""What a file is that no reader takes, in words, and what to take or to set instead. Pure.

A name rests on marks that only such a file has, never on its name. Nothing of the file is repeated.
"""

import re
from collections.abc import Sequence
from typing import Final

from coffer.records.readers.text.head import as_utf_8, utf_16_of
from coffer.records.readers.threegpp import ber

_AS_CSV: Final = "save the sheet with the records as CSV (UTF-8)"
_TABLE_OUT: Final = "export the table of calls as text with a header, as CSV or by mysql --batch"
_BINARY: Final[Sequence[tuple[bytes, str]]] = (
    (rb"PK\x03\x04.{26}(?:\[Content_Types\]\.xml|xl/|_rels/|docProps/)", f"an Excel workbook (.xlsx): {_AS_CSV}"),
    (rb"PK\x03\x04.{26}mimetypeapplication/vnd\.oasis", f"an OpenDocument spreadsheet: {_AS_CSV}"),
    (rb"PK\x03\x04", "a ZIP archive: unpack it, and give the files in it (gzip and zstd are read as they are)"),
    (rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", f"an Excel workbook of before 2007 (.xls) or another old Office file: {_AS_CSV}"),
    (rb"%PDF-", "a PDF: ask for the same records as CSV"),
    (rb"BZh[1-9]1AY", "packed with bzip2: unpack it, or pack it with gzip or zstd"),
    (rb"\xfd7zXZ\0", "packed with xz: unpack it, or pack it with gzip or zstd"),
    (rb"7z\xbc\xaf\x27\x1c", "a 7-Zip archive: unpack it, and give the files in it"),
    (rb"Rar!\x1a\x07", "a RAR archive: unpack it, and give the files in it"),
    (rb".{257}ustar", "a tar archive: unpack it, and give the files in it"),
    (rb"LPKSHHRH", "a journal of systemd: journalctl --file FILE -o json writes it as text"),
    (rb"ElfFile\0", "an event log of Windows (.evtx): export message tracking as CSV instead"),
    (rb"(?:\xd4\xc3\xb2\xa1|\xa1\xb2\xc3\xd4|\x4d\x3c\xb2\xa1|\xa1\xb2\x3c\x4d|\x0a\x0d\x0d\x0a)",
     "a capture of network packets, with contents: take the records of the switch or server"),
    (rb"!BDN", "a mailbox of Outlook, with contents: take the log of the mail server"),
    (rb"ARROW1\0\0", "an Arrow (Feather) file: write it as Parquet"),
    (rb"Obj\x01", "an Avro file: write it as Parquet or JSON lines"),
    (rb"ORC[\x00-\x1f]", "an ORC file: write it as Parquet"),
    (rb"SQLite format 3\0", "a SQLite database without Kamailio's tables in its first pages: export the table as CSV"),
    (rb"(?:\xff\xfe\0\0|\0\0\xfe\xff)", "text in UTF-32: save it as UTF-8, for example with iconv -f UTF-32 -t UTF-8"),
)  # fmt: skip
"""Files that are no text, by the bytes with which they begin."""
_BY_MARK: Final[Sequence[tuple[bytes, str]]] = (
    (rb"SMS-MT \[uid:", "Jasmin's http-api.log, in which texts are only asked for: use messages.log"),
    (rb"(?:SMS request sender:|send-SMS request added)", "Kannel's smsbox log, which holds message texts: use bearerbox's access-log"),
    (rb"(?i)\A[^\n]*\bcdrRecordType\b[^\n]*\b(?:numberPacketsSent|jitter)\b", "a file of call quality (CMR): use the files named cdr_"),
    (rb"(?i)\A(?![^\n]*(?:caller|calling|from|source|src|number))[^\n]*\b(?:MOS|jitter|packet ?loss)[^\n]*[,;\t][^\n]*(?:MOS|jitter|packet ?loss|latency)",
     "a report of call quality: take the list of calls itself"),
    (rb"(?i)\A\s*(?:<html|<!doctype html|<table)", f"a page of HTML, perhaps named .xls: open it in a spreadsheet, and {_AS_CSV}"),
    (rb"urn:schemas-microsoft-com:office:spreadsheet", f"an XML spreadsheet of Excel 2003: {_AS_CSV}"),
    (rb"\A\{\\rtf", "a document in RTF: ask for the same records as CSV"),
    (rb"(?:-- (?:MySQL|MariaDB) dump|-- PostgreSQL database dump|(?m:^INSERT INTO [`\"]?[a-z_]+[`\"]? ))", f"a dump of a database: load it, and {_TABLE_OUT}"),
    (rb"(?m)^\t(?:Acct-Session-Id|User-Name|Acct-Status-Type) = ", f"accounting records of RADIUS: {_TABLE_OUT}"),
    (rb"(?m)^\"?(?:CHAN_START|CHAN_END|LINKEDID_END|BRIDGE_ENTER|APP_START)\"?,", "Asterisk's channel events (CEL): use its call records, Master.csv"),
    (rb"(?m)^[0-9]{10}\|[^|\n]*\|[^|\n]*\|[^|\n]*\|(?:ENTERQUEUE|CONNECT|COMPLETECALLER|COMPLETEAGENT|ABANDON|RINGNOANSWER|QUEUESTART)",
     "Asterisk's queue_log: use its call records, Master.csv"),
    (rb"(?m)^\[[^\]\n]+\] (?:VERBOSE|NOTICE|WARNING|DEBUG|ERROR)\[[0-9]+\]", "Asterisk's message log: use its call records, Master.csv"),
    (rb"(?m)^[0-9a-f]{8}-[0-9a-f-]{27} [0-9-]{10} [0-9:.]+ (?:[0-9.]+% )?\[(?:DEBUG|INFO|NOTICE|WARNING|ERR|CRIT)\]",
     "FreeSWITCH's message log: use json_cdr, xml_cdr or cdr_csv (preset freeswitch-cdr-csv)"),
    (rb"(?m)^(?:INVITE|BYE|MESSAGE|REGISTER) sips?:[^ \n]+ SIP/2\.0", "a trace of SIP, with contents: take accounting or call records"),
    (rb"(?m)^-- (?:Journal begins|Logs begin|No entries)",
     "a journal with nothing of a known log in it: journalctl -u UNIT -o json writes that of one program"),
    (rb"(?m)^    (?:MESSAGE|_HOSTNAME|SYSLOG_IDENTIFIER)=|^(?:__CURSOR|__REALTIME_TIMESTAMP)=",
     "a journal written with several lines for each entry: use journalctl -o json or -o short-iso"),
    (rb"(?m)^\t\"(?:MESSAGE|_HOSTNAME|SYSLOG_IDENTIFIER)\" : ", "a journal written with several lines for each entry: use journalctl -o json or -o short-iso"),
    (rb"(?m)^[0-9A-Z]{6,12}: (?:client|from|to|message-id)=", "a log of Postfix without stamps and programs: use journalctl -o json or -o short-iso"),
    (rb"#Fields: [^\n]*cs-(?:method|uri)", "a log of a web server (IIS), not of mail: use the message tracking logs"),
    (rb"#Fields: [^\n]*session-id", "a protocol log of Exchange: use the message tracking logs (MSGTRK)"),
    (rb"(?m)^[0-9-]{10}T[0-9:.]+Z(?:,[^,\n]*){7},(?:RECEIVE|SEND|DELIVER|SUBMIT|FAIL|HARECEIVE),",
     "message tracking without its #Fields line: put it back in front, as the server writes it"),
    (rb"\A(?:From [^\n,;]+ [A-Z][a-z]{2} [A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8}|Return-Path: <|Received: from )",
     "mail itself, with contents: take the log of the mail server"),
)  # fmt: skip
"""Files that people mistake for records, by a mark in them, and what to take instead."""
_OF_OTHERS: Final[Sequence[tuple[bytes, str]]] = (
    (rb"(?m)(?:^@4000[0-9a-f]{20}|qmail: [0-9.]+) (?:new msg|info msg|starting delivery|delivery|end msg|status:) ", "a log of qmail"),
    (rb" MailScanner\[[0-9]+\]: ", "a log of MailScanner"),
    (rb" Info: (?:Start |Message done |New SMTP )?(?:MID|ICID|DCID) [0-9]+", "a mail log of Cisco's Email Security Appliance"),
    (rb"(?m)^[0-9-]{10}T[^ ]+ [A-Z]+ [^(\n]*\((?:delivery|smtp|queue|message-ingest|imap|auth)\.[a-z-]+\) ", "a log of Stalwart"),
    (rb"(?m) dovecot(?:\[[0-9]+\])?: (?:imap|pop3|lmtp|lda)", "a log of Dovecot"),
    (rb"(?m) (?:rspamd|amavis|spamd|opendkim|opendmarc|clamd|policyd-spf)\[[0-9]+\]: ", "a log of a content filter, not of the mail server"),
    (rb"(?m) courier(?:d|esmtp|local)?(?:\[[0-9]+\])?: ", "a log of Courier"),
    (rb"(?m)\[(?:INFO|NOTICE|DEBUG)\] +\[[0-9A-F-]{8,}(?:\.[0-9]+)*\] \[(?:core|outbound|queue|smtp_forward)\]", "a log of Haraka"),
    (rb"(?m)^(?:date=[0-9-]{10} time=[0-9:.]+ |<[0-9]+>date=)[^\n]*\btype=", "a log of FortiMail or FortiGate"),
)  # fmt: skip
"""Known sources that no reader takes, by a pattern that only they write."""


def hint_for(head: bytes) -> str | None:
    """What a file is that is known not to be read, and what to take instead; None for any other."""
    binary = binary_hint_for(head)
    if binary is not None:
        return binary
    known = next((hint for pattern, hint in _BY_MARK if re.search(pattern, head)), None)
    if known is not None:
        return f"this is {known}"
    other = next((what for pattern, what in _OF_OTHERS if re.search(pattern, head)), None)
    if other is not None:
        return f"this is {other}, which no reader takes; ask for one, or export a table and name its columns"
    return ber.hint_for(head)


def binary_hint_for(head: bytes) -> str | None:
    """The same for what is no text in UTF-8 at all, by the bytes with which it begins."""
    found = next((hint for pattern, hint in _BINARY if re.match(pattern, head, re.DOTALL)), None)
    if found is not None:
        return f"this is {found}"
    encoding = utf_16_of(head)
    if not encoding:
        return None
    return (
        f"this is text in UTF-16: save it as UTF-8, for example with {as_utf_8(encoding)}; "
        f'a table is read as it is with encoding = "{encoding}" under [csv] in the feed'
    )
