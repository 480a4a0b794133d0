"""What a feed may say about one format: a table of the format's name, with defaults for all of it.

Source: ``docs/formats/feed.md``.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from coffer.errors import MalformedInput
from coffer.toml import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class AsteriskSettings:
    """Settings of ``asterisk``.

    ``own_number``: who was called where the dialplan only says ``s`` (the line has one number); empty: not known.
    """

    own_number: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class KamailioSettings:
    """Names that the site gave in ``log_extra``, ``db_extra`` and ``cdr_extra``.

    Of ``a`` and ``b`` the first that holds a value counts. ``diversion``: where the Diversion header stands, empty if
    it is not logged. ``call_id``: the Call-ID in CDR lines and rows. ``epoch`` and ``microseconds``: columns of the
    database with the time as numbers (``time_attr``, ``time_exten``); without them its Julian day is read.
    ``cdr_alone``: a CDR line that holds no Call-ID is a call of its own, because the site writes no transactions.
    ``columns`` and ``cdr_columns``: the names of the columns of a table as text that has no header, such as a flatstore
    file; the second of one whose rows are CDRs.
    """

    a: tuple[str, ...] = ("src_user",)
    b: tuple[str, ...] = ("dst_user", "dst_ouser")
    diversion: str = ""
    call_id: tuple[str, ...] = ("callid", "call_id")
    epoch: str = "tsec"
    microseconds: str = "tusec"
    cdr_alone: bool = False
    columns: tuple[str, ...] = ()
    cdr_columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class KannelSettings:
    """``log_format``: Kannel's own ``access-log-format``; empty for its default lines."""

    log_format: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BerSettings:
    """What charging records leave open.

    ``plmn``: MCC and MNC, like ``262-01``, of locations that name no network; without it those are no cell. ``has_offsets``: False
    where a switch writes local time with a wrong offset: then the feed's time zone counts. ``keeps_transit``: gateway and transit
    records are kept as calls, for switches whose subscribers' records are elsewhere.
    """

    plmn: str = ""
    has_offsets: bool = True
    keeps_transit: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PostfixSettings:
    """Settings of ``postfix``.

    ``year``: that of a log's first line, counted on from there, for stamps without a year; 0: each stamp is of the
    newest year possible.
    """

    year: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EximSettings:
    """Settings of ``exim``.

    ``qualify_domain``: completes the bare name of a local user that an alias led to; empty: that mailbox stays
    unknown.
    """

    qualify_domain: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SendmailSettings:
    """Settings of ``sendmail``.

    ``year``: as for ``postfix``. ``qualify_domain``: completes the bare name of a local user; empty: that address is unknown.
    """

    year: int = 0
    qualify_domain: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSmtpdSettings:
    """``year``: as for ``postfix``."""

    year: int = 0


DATE_ORDERS: Final = ("", "month-first", "day-first")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeSettings:
    """Settings of ``exchange``.

    ``date_order``: how an export from PowerShell writes dates with slashes; empty: the first day over twelve tells.
    """

    date_order: str = ""


CONTENT_CODES: Final = "abkrsSu"
"""Codes of Kannel's ``access-log-format`` that write the message's text or user data: nothing from there on is looked at."""

Settings = (
    AsteriskSettings
    | BerSettings
    | ExchangeSettings
    | EximSettings
    | KamailioSettings
    | KannelSettings
    | OpenSmtpdSettings
    | PostfixSettings
    | SendmailSettings
    | None
)
"""One of the above, or None: the feed says nothing, and the defaults hold."""


def _asterisk(table: Table) -> AsteriskSettings:
    return AsteriskSettings(own_number=table.text("own_number", ""))


def _kamailio(table: Table) -> KamailioSettings:
    default = KamailioSettings()
    found = KamailioSettings(
        a=table.texts("a", default.a),
        b=table.texts("b", default.b),
        diversion=table.text("diversion", default.diversion),
        call_id=table.texts("call_id", default.call_id),
        epoch=table.text("epoch", default.epoch),
        microseconds=table.text("microseconds", default.microseconds),
        cdr_alone=table.boolean("cdr_alone", default=default.cdr_alone),
        columns=table.texts("columns", default.columns),
        cdr_columns=table.texts("cdr_columns", default.cdr_columns),
    )
    for name in (
        *found.a,
        *found.b,
        *found.call_id,
        *found.columns,
        *found.cdr_columns,
        found.diversion,
        found.epoch,
        found.microseconds,
    ):
        if not re.fullmatch(r"[A-Za-z0-9_.-]{0,64}", name):
            raise MalformedInput(f"{table.place}: names of fields are letters, digits, _ . and -")
    return found


def _ber(table: Table) -> BerSettings:
    plmn = table.text("plmn", "")
    if plmn and not re.fullmatch(r"[0-9]{3}-[0-9]{2,3}", plmn):
        raise MalformedInput(f"{table.place}: plmn: expected MCC-MNC, like 262-01")
    return BerSettings(
        plmn=plmn,
        has_offsets=table.boolean("has_offsets", default=True),
        keeps_transit=table.boolean("keeps_transit", default=False),
    )


def _year(table: Table) -> int:
    year: int = table.get("year", int, 0)
    if year and not 1990 <= year <= 2200:
        raise MalformedInput(f"{table.place}: year: {year}, expected a year from 1990 to 2200")
    return year


def _postfix(table: Table) -> PostfixSettings:
    return PostfixSettings(year=_year(table))


def _opensmtpd(table: Table) -> OpenSmtpdSettings:
    return OpenSmtpdSettings(year=_year(table))


def _sendmail(table: Table) -> SendmailSettings:
    return SendmailSettings(year=_year(table), qualify_domain=table.text("qualify_domain", ""))


def _exchange(table: Table) -> ExchangeSettings:
    return ExchangeSettings(date_order=table.choice("date_order", DATE_ORDERS, default=""))


def _exim(table: Table) -> EximSettings:
    return EximSettings(qualify_domain=table.text("qualify_domain", ""))


def _kannel(table: Table) -> KannelSettings:
    text = table.text("log_format", "")
    codes = re.findall(r"%(.)", text)
    before_text = codes[: min((codes.index(c) for c in CONTENT_CODES if c in codes), default=len(codes))]
    if text and not {"l", "p", "P"} <= set(before_text):
        raise MalformedInput(
            f"{table.place}: log_format: %l, %p and %P must be there, before any of the message text (%a %b %k %r %s %S %u)",
            hint="without %l a delivery report cannot be told from a message",
        )
    return KannelSettings(log_format=text)


SETTINGS: Final[Mapping[str, Callable[[Table], Settings]]] = {
    "asterisk": _asterisk,
    "ber": _ber,
    "exchange": _exchange,
    "exim": _exim,
    "kamailio": _kamailio,
    "kannel": _kannel,
    "opensmtpd": _opensmtpd,
    "postfix": _postfix,
    "sendmail": _sendmail,
}
"""Tables of settings by name."""

MAPPED: Final = ("csv", "jsonl", "fixed", "parquet")
"""Formats that need ``[columns]``, and a table of their own name."""

KNOWN: Final[Mapping[str, str]] = {
    "asterisk": "asterisk",
    "ber": "ber",
    "cucm": "",
    "exchange": "exchange",
    "exim": "exim",
    "freeswitch-json": "",
    "freeswitch-xml": "",
    "jasmin": "",
    "kamailio": "kamailio",
    "kamailio-sqlite": "kamailio",
    "kamailio-table": "kamailio",
    "kannel": "kannel",
    "nrtrde": "",
    "opensmtpd": "opensmtpd",
    "postfix": "postfix",
    "sendmail": "sendmail",
    "tap3": "",
    "twilio-calls": "",
    "twilio-messages": "",
}
"""Formats whose records say themselves where everything stands, and which table of settings each has."""
