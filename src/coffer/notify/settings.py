"""The file ``notify.toml`` of a vault or a custodian, read strictly. Pure.

It says how notifications leave the machine.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from coffer import wire
from coffer.errors import MalformedInput
from coffer.notify.address import MAX_PORT, Address, Hook, Mailbox, Program
from coffer.notify.message import Language
from coffer.notify.smtp import MailServer, Tls
from coffer.toml import Table, parse_toml

NOTIFY: Final = "notify.toml"
FORMAT: Final = "coffer.notify/v1"
MAX_NUMBER: Final = 999_999_999
"""Of a person."""
_PORTS: Final = {Tls.STARTTLS: 587, Tls.TLS: 465, Tls.NONE: 25}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """Where one person is told, and in which language an e-mail is.

    ``is_deputy``: told only once nobody has looked for too long, or while standing in for somebody.
    """

    address: Address
    language: Language = Language.ENGLISH
    is_deputy: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often people are told of a request.

    ``remind``: how long after somebody was told they are told again. ``escalate``: after how long deputies are.
    """

    remind: dt.timedelta
    escalate: dt.timedelta


PACES: Final[Mapping[str, Pace]] = {
    "emergency": Pace(remind=dt.timedelta(minutes=5), escalate=dt.timedelta(minutes=10)),
    "urgent": Pace(remind=dt.timedelta(hours=2), escalate=dt.timedelta(hours=4)),
    "ordinary": Pace(remind=dt.timedelta(days=1), escalate=dt.timedelta(days=2)),
}
"""By class, if the file says nothing: an emergency has eight hours by law, an ordinary order ten days."""
MAX_PACE: Final = 30 * 24 * 60
"""Minutes: as long as a request lives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """``mail``: None where no e-mail is sent.

    ``hook_hosts``: the hosts that webhooks may have; none by default.

    ``people``: of a custodian, by their number; a desk's people say themselves where they are told. ``paces``: of a
    custodian, by the class of a request.
    """

    mail: MailServer | None = None
    hook_hosts: tuple[str, ...] = ()
    hook_ca_file: str | None = None
    people: Mapping[int, Recipient] = field(default_factory=dict)
    paces: Mapping[str, Pace] = field(default_factory=lambda: PACES)


def parse_settings(raw: bytes, place: str, *, read: Callable[[str], bytes]) -> Settings:
    """The settings of ``notify.toml``. ``read``: gives the content of ``password-file``.

    Raises:
        MalformedInput: it is not in its form.
    """
    table = parse_toml(raw, place)
    table.literal("format", FORMAT)
    mail = _parse_mail(table.table("mail"), read) if "mail" in table.values else None
    hosts: tuple[str, ...] = ()
    ca_file = None
    if "webhooks" in table.values:
        hooks = table.table("webhooks")
        hosts = tuple(host.lower() for host in hooks.texts("hosts", ()))
        ca_file = hooks.text("ca-file", "") or None
        hooks.end()
    people = {}
    if "people" in table.values:
        persons = table.table("people")
        for number in list(persons.values):
            ordinal = wire.parse_decimal(number, f"{place}: people", low=1, high=MAX_NUMBER)
            people[ordinal] = _parse_recipient(persons.table(number), read)
        persons.end()
    paces = dict(PACES)
    if "duty" in table.values:
        duty = table.table("duty")
        for name in list(duty.values):
            if name not in PACES:
                raise MalformedInput(f"{place}: duty: expected {', '.join(PACES)}")
            paces[name] = _parse_pace(duty.table(name), PACES[name])
        duty.end()
    table.end()
    return Settings(mail=mail, hook_hosts=hosts, hook_ca_file=ca_file, people=people, paces=paces)


def _parse_pace(table: Table, usual: Pace) -> Pace:
    """The minutes of one class; what the file does not say stays as usual."""

    def minutes(key: str, given: dt.timedelta) -> dt.timedelta:
        return dt.timedelta(minutes=table.number(key, 1, MAX_PACE, given // dt.timedelta(minutes=1)))

    pace = Pace(remind=minutes("remind-minutes", usual.remind), escalate=minutes("escalate-minutes", usual.escalate))
    table.end()
    return pace


def _parse_recipient(table: Table, read: Callable[[str], bytes]) -> Recipient:
    mail, hook, words = table.text("mail", ""), table.text("webhook", ""), table.texts("command", ())
    language = Language(table.choice("language", tuple(Language), Language.ENGLISH))
    secret = table.text("secret-file", "")
    is_deputy = table.boolean("deputy", default=False)
    table.end()
    if [bool(mail), bool(hook), bool(words)].count(True) != 1 or bool(hook) != bool(secret):
        raise MalformedInput(f"{table.place}: expected mail, webhook with its secret-file, or command")
    chosen = Mailbox(address=mail) if mail else Hook(url=hook, secret=read(secret)) if hook else Program(words=words)
    return Recipient(address=chosen, language=language, is_deputy=is_deputy)


def _parse_mail(table: Table, read: Callable[[str], bytes]) -> MailServer:
    tls = Tls(table.choice("tls", tuple(Tls), Tls.STARTTLS))
    port = table.get("port", int, _PORTS[tls])
    if not 1 <= port <= MAX_PORT:
        raise MalformedInput(f"{table.place}: port: expected 1 to {MAX_PORT}")
    name, file = table.text("login", ""), table.text("password-file", "")
    if bool(name) != bool(file):
        raise MalformedInput(f"{table.place}: expected login and password-file, or neither")
    login = (name, _password(read(file), table.place)) if name else None
    server = MailServer(
        host=table.text("host"),
        port=port,
        tls=tls,
        sender=Mailbox(address=table.text("sender")),
        login=login,
        ca_file=table.text("ca-file", "") or None,
    )
    table.end()
    return server


def _password(raw: bytes, place: str) -> str:
    try:
        text = raw.decode("utf-8").removesuffix("\n")
    except UnicodeDecodeError:
        raise MalformedInput(f"{place}: password-file: not UTF-8") from None
    if not text or "\n" in text:
        raise MalformedInput(f"{place}: password-file: expected one line")
    return text
