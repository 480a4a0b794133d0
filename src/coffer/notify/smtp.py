"""Sends a message as e-mail, through one mail server that the operator names."""

import datetime as dt
import smtplib
import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from enum import StrEnum
from typing import Final

from coffer import deadline
from coffer.entropy import Entropy
from coffer.errors import MalformedInput, Unavailable
from coffer.notify.address import Mailbox, is_loopback
from coffer.notify.message import Language, Message, Party, format_body, format_subject

TIMEOUT_S: Final = 10.0
"""Between two bytes of the server."""
DEADLINE_S: Final = 30.0
"""For one e-mail in all, however slowly the server answers."""


class Tls(StrEnum):
    """How the connection is protected."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"
    """Only to a server on this machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """The mail server, as the operator configures it.

    ``sender``: the address in ``From``. ``login``: name and password, or None. ``ca_file``: certificates to trust
    instead of the system's.
    """

    host: str
    port: int
    tls: Tls
    sender: Mailbox
    login: tuple[str, str] | None = field(default=None, repr=False)
    ca_file: str | None = None

    def __post_init__(self) -> None:
        if self.tls is Tls.NONE and not is_loopback(self.host):
            raise MalformedInput("mail server: without TLS, expected one on this machine", hint="use starttls or tls")
        if self.tls is Tls.NONE and self.login is not None:
            raise MalformedInput("mail server: a login without TLS", hint="use starttls or tls")


def format_email(
    message: Message,
    to: Mailbox,
    *,
    sender: Mailbox,
    party: Party,
    language: Language,
    now: dt.datetime,
    entropy: Entropy,
) -> EmailMessage:
    """The e-mail. Every header is fixed, an address, a date or random."""
    mail = EmailMessage(policy=SMTP)
    mail["From"], mail["To"] = sender.address, to.address
    mail["Subject"] = format_subject(party, language)
    mail["Date"] = format_datetime(now.astimezone(dt.UTC))
    mail["Message-ID"] = f"<{entropy(16).hex()}@{sender.address.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: nothing answers it by itself
    mail["Content-Language"] = language.value
    mail.set_content(format_body(message, language))
    return mail


def send_email(server: MailServer, mail: EmailMessage, *, deadline_s: float = DEADLINE_S) -> None:
    """Hand an e-mail to the server.

    Raises:
        Unavailable: it was not taken within the deadline. The error names the server and never the address.
    """
    place = f"mail server {server.host}:{server.port}"
    try:
        deadline.within(deadline_s, lambda: _hand_over(server, mail))
    except TimeoutError:
        raise Unavailable(f"{place}: no answer in time") from None
    except ssl.SSLError:
        raise Unavailable(f"{place}: its certificate or TLS is not accepted", hint="is ca-file right?") from None
    except smtplib.SMTPAuthenticationError:
        raise Unavailable(f"{place}: refuses the login") from None
    except smtplib.SMTPResponseException as error:
        raise Unavailable(f"{place}: answers {error.smtp_code}") from None  # its text may repeat the address
    except (smtplib.SMTPException, OSError, UnicodeError) as error:
        raise Unavailable(f"{place}: {type(error).__name__}") from None


def _hand_over(server: MailServer, mail: EmailMessage) -> None:
    context = ssl.create_default_context(cafile=server.ca_file)
    with _connected(server, context) as smtp:
        if server.tls is Tls.STARTTLS:
            smtp.starttls(context=context)  # raises where the server offers none: nothing is sent in the clear
        if server.login is not None:
            smtp.login(*server.login)
        smtp.send_message(mail)


def _connected(server: MailServer, context: ssl.SSLContext) -> smtplib.SMTP:
    if server.tls is Tls.TLS:
        return smtplib.SMTP_SSL(server.host, server.port, timeout=TIMEOUT_S, context=context)
    return smtplib.SMTP(server.host, server.port, timeout=TIMEOUT_S)
