"""The table of formats, and which one a file is of, by its content. Pure.

A new format is one line of ``FORMATS`` (and one of ``settings.KNOWN``). Recognising says why in words of the format's own; it never repeats
what stands in the file.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from coffer.errors import MalformedInput
from coffer.records.draft import Window
from coffer.records.feed import Feed
from coffer.records.presets import Preset, json_keys, most_exact, presets
from coffer.records.readers.calls import (
    asterisk,
    cucm,
    freeswitch,
    jasmin,
    kamailio,
    kamailio_sqlite,
    kamailio_table,
    kannel,
    twilio,
)
from coffer.records.readers.mail import exchange, exim, opensmtpd, postfix, sendmail
from coffer.records.readers.mapped import csv, jsonl, parquet
from coffer.records.readers.mapped.csv import BoundCsv
from coffer.records.readers.mapped.joining import JoinedReader
from coffer.records.readers.mapped.jsonl import BoundJson
from coffer.records.readers.port import BoundFeed, Framing, Reader
from coffer.records.readers.text.head import UTF_16_MARKS, text_of_head
from coffer.records.readers.threegpp import ber
from coffer.records.settings import KNOWN

HEAD_BYTES: Final = 65_536
"""A file is recognised by its beginning: enough for some hundred records, and for the longest header."""
NAMED: Final = "named by the feed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One format.

    Either ``open`` gives a reader that sees files in order, or ``bind`` a bound feed by which any lines of a file can be
    read. Where a feed joins rows, ``join`` gives the reader instead of ``bind``.

    ``recognise``: the reason, in words and without content, why a file with this beginning and name is of the format, or None.
    """

    name: str
    title: str
    framing: Framing
    recognise: Callable[[bytes, str], str | None]
    open: Callable[[Feed, Window], Reader] | None = None
    bind: Callable[[Feed, bytes, str], BoundFeed] | None = None
    join: Callable[[Feed, Window], Reader] | None = None


def _lines(
    name: str, title: str, recognise: Callable[[bytes, str], str | None], open_: Callable[[Feed, Window], Reader]
) -> Format:
    return Format(name=name, title=title, framing=Framing.LINES, recognise=recognise, open=open_)


def _bytes(
    name: str, title: str, recognise: Callable[[bytes, str], str | None], open_: Callable[[Feed, Window], Reader]
) -> Format:
    return Format(name=name, title=title, framing=Framing.BYTES, recognise=recognise, open=open_)


def _mapped(name: str, title: str, bind: Callable[[Feed, bytes, str], BoundCsv | BoundJson]) -> Format:
    join = partial(JoinedReader, bind=bind)
    return Format(name=name, title=title, framing=Framing.LINES, recognise=_never, bind=bind, join=join)


def _never(_head: bytes, _name: str) -> str | None:
    """Any text may be CSV: only a feed can say so."""
    return None


FORMATS: Final = (
    _mapped("csv", "CSV, as the feed says", csv.bind_head),
    _mapped("jsonl", "JSON lines, as the feed says", jsonl.bind_feed),
    _bytes("parquet", "Parquet, as the feed says", parquet.recognise, parquet.ParquetReader),
    _lines("asterisk", "Asterisk Master.csv", asterisk.recognise, asterisk.AsteriskReader),
    _bytes("ber", "3GPP charging records (TS 32.298, bare or in TS 32.297 files)", ber.recognise, ber.BerReader),
    _lines("cucm", "Cisco Unified CM CDR", cucm.recognise, cucm.CucmReader),
    _lines("exchange", "Microsoft Exchange message tracking", exchange.recognise, exchange.ExchangeReader),
    _lines("exim", "Exim mainlog", exim.recognise, exim.EximReader),
    _bytes("freeswitch-json", "FreeSWITCH json_cdr", freeswitch.recognise_json, freeswitch.FreeswitchJsonReader),
    _bytes("freeswitch-xml", "FreeSWITCH xml_cdr", freeswitch.recognise_xml, freeswitch.FreeswitchXmlReader),
    _lines("jasmin", "Jasmin messages.log", jasmin.recognise, jasmin.JasminReader),
    _lines("kamailio", "Kamailio acc, syslog", kamailio.recognise, kamailio.KamailioReader),
    _bytes("kamailio-sqlite", "Kamailio acc, SQLite", kamailio_sqlite.recognise, kamailio_sqlite.KamailioSqliteReader),
    _lines(
        "kamailio-table",
        "Kamailio and OpenSIPS acc, text",
        kamailio_table.recognise,
        kamailio_table.KamailioTableReader,
    ),
    _lines("kannel", "Kannel access log", kannel.recognise, kannel.KannelReader),
    _lines("opensmtpd", "OpenSMTPD maillog", opensmtpd.recognise, opensmtpd.OpenSmtpdReader),
    _lines("postfix", "Postfix maillog", postfix.recognise, postfix.PostfixReader),
    _lines("sendmail", "Sendmail maillog", sendmail.recognise, sendmail.SendmailReader),
    _lines("twilio-calls", "Twilio calls CSV", twilio.recognise_calls, twilio.TwilioCallsReader),
    _lines("twilio-messages", "Twilio messages CSV", twilio.recognise_messages, twilio.TwilioMessagesReader),
)
"""In the order in which people read them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detected:
    """A file's format, and why it is taken for it.

    ``preset``: the one whose header it has; None for none.
    """

    format: Format
    reason: str
    preset: Preset | None = None


def format_named(name: str) -> Format:
    """The format of a feed; parsing the feed has proven that it exists."""
    return next(form for form in FORMATS if form.name == name)


def detect(head: bytes, name: str, feed: Feed | None) -> Detected:
    """The format of a file called ``name`` that begins with ``head``.

    ``head`` is the first ``HEAD_BYTES`` of its unpacked content. What the feed names is believed. Otherwise exactly
    one format must recognise the file; with settings in the feed, one that has them.

    Raises:
        MalformedInput: none does, or several.
    """
    if feed is not None and feed.format:
        return Detected(format=format_named(feed.format), reason=NAMED)
    table = (
        "" if feed is None or feed.settings is None else type(feed.settings).__name__.removesuffix("Settings").lower()
    )
    found = [
        Detected(format=form, reason=reason)
        for form in FORMATS
        if (reason := form.recognise(head, name)) is not None and (not table or KNOWN.get(form.name) == table)
    ]
    if len(found) == 1:
        return found[0]
    if found:
        names = [one.format.name for one in found]
        raise MalformedInput(
            f"{name}: could be {' or '.join(names)}", hint=f'say which in the feed: format = "{names[0]}"'
        )
    if not table and (preset := _preset_of(head, name)) is not None:
        reason = f"the header of preset {preset.name}"
        return Detected(format=format_named(preset.format), reason=reason, preset=preset)
    raise MalformedInput(f"{name}: of no format that is known", hint=_hint(head))


def _preset_of(head: bytes, name: str) -> Preset | None:
    """The preset whose header a file has, in UTF-8 or UTF-16 with its mark."""
    text = text_of_head(head)
    keys = json_keys(text)
    found = [
        one
        for one in presets().values()
        if one.header
        and (one.header <= keys if one.format == "jsonl" else csv.header_line(text, one.header, one.mapping.text))
    ]
    if not found:
        return None
    preset = most_exact(found)
    if preset is None:
        names = [one.name for one in found]
        raise MalformedInput(
            f"{name}: could be of preset {' or '.join(names)}", hint=f'say which in the feed: preset = "{names[0]}"'
        )
    return preset


_NOT_READ: Final[Sequence[tuple[bytes, str]]] = (
    (b"SMS request sender:", "this is Kannel's smsbox log, which holds message texts; use bearerbox's access-log"),
    (b"SMS-MT [uid:", "this is Jasmin's http-api.log, in which texts are only asked for; use messages.log"),
    (b"send-SMS request added", "this is Kannel's smsbox log, which holds message texts; use bearerbox's access-log"),
    (b"cdrRecordType", "this is a file of call quality (CMR); use the files named cdr_"),
    (
        b"-- MySQL dump",
        "this is a dump in SQL; export the table as text, for example mysql --batch -e 'SELECT * FROM acc' NAME > acc.tsv",
    ),
    (
        b"-- MariaDB dump",
        "this is a dump in SQL; export the table as text, for example mariadb --batch -e 'SELECT * FROM acc' NAME > acc.tsv",
    ),
    (b"SQLite format 3\0", "a SQLite database without Kamailio's tables in its first pages; export the table as CSV"),
)
"""Files that people mistake for records, by a mark in them, and what to take instead."""
_OF_OTHERS: Final[Sequence[tuple[bytes, str]]] = (
    (rb"(?m)(?:^@4000[0-9a-f]{20}|qmail: [0-9.]+) (?:new msg|info msg|starting delivery|delivery|end msg|status:) ", "a log of qmail"),
    (rb" MailScanner\[[0-9]+\]: ", "a log of MailScanner"),
    (rb" Info: (?:Start |Message done |New SMTP )?(?:MID|ICID|DCID) [0-9]+", "a mail log of Cisco's Email Security Appliance"),
    (rb"(?m)^[0-9-]{10}T[^ ]+ [A-Z]+ [^(\n]*\((?:delivery|smtp|queue|message-ingest|imap|auth)\.[a-z-]+\) ", "a log of Stalwart"),
    (rb"(?m)^[0-9-]{10}T[0-9:.]+Z(?:,[^,\n]*){7},(?:RECEIVE|SEND|DELIVER|SUBMIT|FAIL|HARECEIVE),", "message tracking without its #Fields line"),
    (rb"#Fields: [^\n]*session-id", "a protocol log of Exchange, not message tracking"),
    (rb"(?m) dovecot(?:\[[0-9]+\])?: (?:imap|pop3|lmtp|lda)", "a log of Dovecot"),
    (rb"(?m) (?:rspamd|amavis)\[[0-9]+\]: ", "a log of a content filter, not of the mail server"),
)  # fmt: skip
"""Known sources that no reader takes, by a pattern that only they write."""


def hint_for(head: bytes) -> str | None:
    """What a file is that is known not to be read, and what to take instead; None for any other."""
    if head.startswith(UTF_16_MARKS):
        return "this is text in UTF-16: save it as UTF-8, for example with iconv -f UTF-16 -t UTF-8"
    known = next((hint for mark, hint in _NOT_READ if mark in head), None) or ber.hint_for(head)
    if known is not None:
        return known
    other = next((what for pattern, what in _OF_OTHERS if re.search(pattern, head)), None)
    return (
        f"this is {other}, which no reader takes; ask for one, or export a table and name its columns"
        if other
        else None
    )


def _hint(head: bytes) -> str:
    return (
        hint_for(head)
        or 'name it in the feed, for example format = "csv" with [csv] and [columns]; coffer feed check FILE proposes one'
    )
