"""Hands one message to one address of either kind, for the desk and for a custodian's machine."""

import datetime as dt

from coffer.entropy import Entropy
from coffer.errors import Unavailable
from coffer.notify.address import Address, Hook, Program
from coffer.notify.message import Language, Message, Party
from coffer.notify.program import run_program
from coffer.notify.settings import NOTIFY, Settings
from coffer.notify.smtp import format_email, send_email


def deliver(
    message: Message,
    to: Address,
    settings: Settings,
    *,
    party: Party,
    language: Language,
    now: dt.datetime,
    entropy: Entropy,
) -> None:
    """Send it, within the bound of its kind.

    ``language``: of an e-mail; a webhook and a program get words of no language.

    Raises:
        Unavailable: it was not taken, or no mail server is named.
        Refused: the webhook's host is not one that the operator allows.
    """
    if isinstance(to, Hook):
        from coffer.notify.webhook import (  # noqa: PLC0415 - only whoever has a webhook pays for the HTTP client
            format_hook_body,
            send_hook,
        )

        body = format_hook_body(message, party=party, now=now, entropy=entropy)
        send_hook(to, body, allowed=settings.hook_hosts, ca_file=settings.hook_ca_file)
        return
    if isinstance(to, Program):
        run_program(to, message)
        return
    if settings.mail is None:
        raise Unavailable("notify: no mail server", hint=f"name one in {NOTIFY}")
    mail = format_email(
        message, to, sender=settings.mail.sender, party=party, language=language, now=now, entropy=entropy
    )
    send_email(settings.mail, mail)
