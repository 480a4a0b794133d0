"""Sends the notifications that wait: to a mail server, to webhooks. Each is one sentence and names nobody.

Promises: one process sends each, what fails is tried again later, and nothing about a person is logged or in an error.
"""

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

from coffer.desk.people import Person
from coffer.desk.port import Store, Waiting
from coffer.entropy import Entropy
from coffer.errors import CofferError
from coffer.notify.address import Hook, Mailbox
from coffer.notify.message import MAX_HOURS, Message, Party
from coffer.notify.retries import hours_until
from coffer.notify.smtp import MailServer, format_email, send_email
from coffer.notify.webhook import format_hook_body, send_hook

AT_ONCE: Final = 20
"""Claimed in one round: sending them takes less than the claim lasts, even where each takes its whole deadline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Channels:
    """How people are reached. ``mail``: None where no e-mail is sent. ``hooks``: hosts that may be posted to."""

    mail: MailServer | None = None
    hooks: Collection[str] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one round did."""

    sent: int = 0
    failed: int = 0


class Teller:
    """Empties the outbox of a desk. Several processes may each have one."""

    def __init__(self, store: Store, channels: Channels, entropy: Entropy) -> None:
        self._store, self._channels, self._entropy = store, channels, entropy

    def tell(self, now: dt.datetime) -> Round:
        """Send what waits; what fails stays for a later round."""
        sent = failed = 0
        waiting = self._store.claim(now, limit=AT_ONCE)
        people = self._store.people() if waiting else {}
        for item in waiting:
            person = people.get(item.person)
            if person is None or not person.is_active:
                self._store.sent(item)  # whoever left is told nothing more
                continue
            try:
                self._send(item, person, now)
            except CofferError:
                self._store.failed(item, now)
                failed += 1
            else:
                self._store.sent(item)
                sent += 1
        return Round(sent=sent, failed=failed)

    def _send(self, item: Waiting, person: Person, now: dt.datetime) -> None:
        hours = None if item.due is None else min(hours_until(item.due, now), MAX_HOURS)
        message = Message(news=item.news, hours=hours)
        if item.is_hook and person.hook_url is not None and person.hook_secret is not None:
            hook = Hook(url=person.hook_url, secret=person.hook_secret)
            body = format_hook_body(message, party=Party.DESK, now=now, entropy=self._entropy)
            send_hook(hook, body, allowed=self._channels.hooks)
        elif not item.is_hook and person.mailbox is not None and self._channels.mail is not None:
            mail = format_email(
                message,
                Mailbox(address=person.mailbox),
                sender=self._channels.mail.sender,
                party=Party.DESK,
                language=person.language,
                now=now,
                entropy=self._entropy,
            )
            send_email(self._channels.mail, mail)
