"""The table of formats, and which one a file is of, by its content. Pure.

A new format is one line of ``FORMATS`` (and one of ``settings.KNOWN``). Recognising says why in words of the format's own; it never repeats
what stands in the file.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any, Final

from coffer.errors import MalformedInput
from coffer.records.draft import Window
from coffer.records.feed import Feed
from coffer.records.presets import Preset, json_keys, most_exact, presets
from coffer.records.readers.mapped import csv
from coffer.records.readers.naming import binary_hint_for, hint_for
from coffer.records.readers.port import BoundFeed, Framing, Reader
from coffer.records.readers.text.arrays import lines_of_head
from coffer.records.readers.text.carriers import behind_carriers
from coffer.records.readers.text.head import text_of_head
from coffer.records.settings import KNOWN

HEAD_BYTES: Final = 65_536
"""A file is recognised by its beginning: enough for some hundred records, and for the longest header."""
NAMED: Final = "named by the feed"
_LINES_TRIED: Final = 40
"""Enough to tell a carried log from a log that quotes one; each is asked of alone."""
_CARRIED: Final = "behind what a logger or container put in front of each line"


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One format.

    Either ``open`` gives a reader that sees files in order, or ``bind`` a bound feed by which any lines of a file can be
    read. Where a feed joins rows, ``join`` gives the reader instead of ``bind``.

    ``recognise``: the reason, in words and without content, why a file with this beginning and name is of the format, or None.
    ``is_syslog``: its lines are those of a syslog, and its reader takes off itself what else stands around them.
    """

    name: str
    title: str
    framing: Framing
    recognise: Callable[[bytes, str], str | None]
    open: Callable[[Feed, Window], Reader] | None = None
    bind: Callable[[Feed, bytes, str], BoundFeed] | None = None
    join: Callable[[Feed, Window], Reader] | None = None
    is_syslog: bool = False


def _late(place: str) -> Callable[..., Any]:
    """What ``place`` names in a reader's module, which is read when it is first called.

    A feed that names its format needs one of twenty modules, and reading all took as long as opening the vault.
    """
    module, _, name = place.partition(":")

    def call(*given: object) -> Any:  # noqa: ANN401 - what the function of that name gives
        return getattr(import_module(f"coffer.records.readers.{module}"), name)(*given)

    return call


def _log(name: str, title: str, reader: str, recognise: str = "recognise", *, is_syslog: bool = False) -> Format:
    """A format of lines that are read in order. ``reader``: its module and class."""
    return _in_order(name, title, reader, recognise, framing=Framing.LINES, is_syslog=is_syslog)


def _bytes(name: str, title: str, reader: str, recognise: str = "recognise") -> Format:
    """A format without lines."""
    return _in_order(name, title, reader, recognise, framing=Framing.BYTES)


def _in_order(
    name: str, title: str, reader: str, recognise: str, *, framing: Framing, is_syslog: bool = False
) -> Format:
    module = reader.partition(":")[0]
    return Format(
        name=name,
        title=title,
        framing=framing,
        recognise=_late(f"{module}:{recognise}"),
        open=_late(reader),
        is_syslog=is_syslog,
    )


def _mapped(name: str, title: str, bind: str) -> Format:
    """A format of lines of which any can be read alone. Only a feed can say that a text is of it."""
    binds, joins = _late(bind), _late("mapped.joining:JoinedReader")
    return Format(
        name=name,
        title=title,
        framing=Framing.LINES,
        recognise=lambda _head, _name: None,
        bind=binds,
        join=lambda feed, window: joins(feed, window, binds),
    )


FORMATS: Final = (
    _mapped("csv", "CSV, as the feed says", "mapped.csv:bind_head"),
    _mapped("jsonl", "JSON lines, as the feed says", "mapped.jsonl:bind_feed"),
    _mapped("fixed", "lines of fixed width, as the feed says", "mapped.fixed:bind_feed"),
    _bytes("parquet", "Parquet, as the feed says", "mapped.parquet:ParquetReader"),
    _log("asterisk", "Asterisk Master.csv", "calls.asterisk:AsteriskReader"),
    _bytes("ber", "3GPP charging records (TS 32.298, bare or in TS 32.297 files)", "threegpp.ber:BerReader"),
    _log("cucm", "Cisco Unified CM CDR", "calls.cucm:CucmReader"),
    _log("exchange", "Microsoft Exchange message tracking", "mail.exchange:ExchangeReader"),
    _log("exim", "Exim mainlog", "mail.exim:EximReader", is_syslog=True),
    _bytes("freeswitch-json", "FreeSWITCH json_cdr", "calls.freeswitch:FreeswitchJsonReader", "recognise_json"),
    _bytes("freeswitch-xml", "FreeSWITCH xml_cdr", "calls.freeswitch:FreeswitchXmlReader", "recognise_xml"),
    _log("jasmin", "Jasmin messages.log", "calls.jasmin:JasminReader"),
    _log("kamailio", "Kamailio acc, syslog", "calls.kamailio:KamailioReader", is_syslog=True),
    _bytes("kamailio-sqlite", "Kamailio acc, SQLite", "calls.kamailio_sqlite:KamailioSqliteReader"),
    _log("kamailio-table", "Kamailio and OpenSIPS acc, text", "calls.kamailio_table:KamailioTableReader"),
    _log("kannel", "Kannel access log", "calls.kannel:KannelReader"),
    _bytes("nrtrde", "NRTRDE (GSMA TD.35)", "roaming.reader:NrtrdeReader", "recognise_nrtrde"),
    _log("opensmtpd", "OpenSMTPD maillog", "mail.opensmtpd:OpenSmtpdReader", is_syslog=True),
    _log("postfix", "Postfix maillog", "mail.postfix:PostfixReader", is_syslog=True),
    _log("sendmail", "Sendmail maillog", "mail.sendmail:SendmailReader", is_syslog=True),
    _bytes("tap3", "TAP3 (GSMA TD.57)", "roaming.reader:Tap3Reader", "recognise_tap3"),
    _log("twilio-calls", "Twilio calls CSV", "calls.twilio:TwilioCallsReader", "recognise_calls"),
    _log("twilio-messages", "Twilio messages CSV", "calls.twilio:TwilioMessagesReader", "recognise_messages"),
)
"""In the order in which people read them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detected:
    """A file's format, and why it is taken for it.

    ``preset``: the one whose header it has; None for none. ``carriers``: who put something in front of each line, the
    outermost first (``text.carriers``).
    """

    format: Format
    reason: str
    preset: Preset | None = None
    carriers: tuple[str, ...] = ()


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
        return _named(format_named(feed.format), head, name)
    table = (
        "" if feed is None or feed.settings is None else type(feed.settings).__name__.removesuffix("Settings").lower()
    )
    found = _found([form for form in FORMATS if not table or KNOWN.get(form.name) == table], head, name)
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


def _found(possible: Sequence[Format], head: bytes, name: str) -> list[Detected]:
    """The formats that recognise a file as it is, or behind what carried its lines."""
    found = _recognised(possible, head, name)
    if _is_syslog(found) or any(one.format.framing is not Framing.LINES for one in found):
        return found
    # A row may look like one of its format even with a prefix in front: then the prefix goes all the same.
    formats = [one.format for one in found] or [form for form in possible if form.framing is Framing.LINES]
    deeper, carriers = behind_carriers(
        head, lambda text: _mostly(_recognised(formats, text, name), text), is_whole=_is_syslog
    )
    return [replace(one, reason=f"{one.reason}; {_CARRIED}", carriers=carriers) for one in deeper] or found


def _mostly(recognised: Sequence[Detected], text: bytes) -> list[Detected]:
    """Those formats whose readers pass over no line, or of which most of the first lines are.

    The carrier may be a program that quotes what strangers write: one quoted line must not make a log of its file.
    """
    lines = [line + b"\n" for line in text.split(b"\n")[:_LINES_TRIED] if line.strip()]
    return [
        one
        for one in recognised
        if not one.format.is_syslog
        or 2 * sum(one.format.recognise(line, "") is not None for line in lines) >= len(lines)
    ]


def _is_syslog(found: Sequence[Detected]) -> bool:
    return any(one.format.is_syslog for one in found)


def _recognised(formats: Sequence[Format], head: bytes, name: str) -> list[Detected]:
    return [
        Detected(format=form, reason=reason) for form in formats if (reason := form.recognise(head, name)) is not None
    ]


def _named(form: Format, head: bytes, name: str) -> Detected:
    """The format that a feed names.

    Carriers are taken off if the format is recognised behind them, which a log of the site's own form is not.

    Raises:
        MalformedInput: it is a format of text, and the file is known to be none.
    """
    if form.open is not None and form.framing is Framing.LINES and (hint := binary_hint_for(head)):
        raise MalformedInput(f"{name}: not text in UTF-8, expected {form.title}", hint=hint)
    if form.open is None or form.is_syslog or form.framing is not Framing.LINES:
        return Detected(format=form, reason=NAMED)
    _, carriers = behind_carriers(head, lambda text: _recognised([form], text, name))
    return Detected(format=form, reason=NAMED, carriers=carriers)


def _preset_of(head: bytes, name: str) -> Preset | None:
    """The preset whose header a file has, in UTF-8 or UTF-16 with its mark."""
    text = text_of_head(head)
    keys = json_keys(lines_of_head(text))
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


def _hint(head: bytes) -> str:
    return (
        hint_for(head)
        or 'name it in the feed, for example format = "csv" with [csv] and [columns]; coffer feed check FILE proposes one'
    )
