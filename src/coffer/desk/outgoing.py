"""Sends the desk's notifications: what waits in the store, to where each person wants it."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from coffer.desk.people import Person
from coffer.desk.port import Store, Waiting
from coffer.entropy import Entropy
from coffer.errors import CofferError
from coffer.notify.address import Address, Hook, Mailbox
from coffer.notify.deliver import deliver
from coffer.notify.message import MAX_HOURS, Message, News, Party
from coffer.notify.retries import hours_until
from coffer.notify.settings import Settings

AT_ONCE: Final = 10
"""Notifications that one process claims at a time. Each takes 30 s at most, and a claim lasts five minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatched:
    """How many were handed over, will be tried again, and were given up.

    ``trouble``: what the last failure was.
    """

    sent: int = 0
    failed: int = 0
    given_up: int = 0
    trouble: str | None = None


def dispatch(store: Store, settings: Settings, *, clock: Callable[[], dt.datetime], entropy: Entropy) -> Dispatched:
    """Send what is due. Several processes may do it at once: each notification is claimed by one of them.

    A notification may come twice if a process dies between sending and saying so; it never gets lost before it is given
    up.
    """
    outcome = Dispatched()
    for waiting in store.claim(clock(), limit=AT_ONCE):
        try:
            _send(waiting, store.people().get(waiting.person), settings, clock(), entropy)
        except CofferError as error:
            again = store.failed(waiting, clock())
            outcome = replace(
                outcome,
                failed=outcome.failed + again,
                given_up=outcome.given_up + (not again),
                trouble=error.message,
            )
            continue
        store.sent(waiting)
        outcome = replace(outcome, sent=outcome.sent + 1)
    return outcome


def message_of(waiting: Waiting, now: dt.datetime) -> Message:
    """The message, with the hours as they are when it is sent.

    What was due soon and has become late says so.
    """
    if waiting.due is None:
        return Message(news=waiting.news)
    news = News.LATE if waiting.news is News.DUE_SOON and now >= waiting.due else waiting.news
    is_over = now >= waiting.due
    if is_over and news is not News.LATE:
        return Message(news=news)  # "due in 3 h" would be false, and "late" is told by itself
    return Message(news=news, hours=min(hours_until(waiting.due, now), MAX_HOURS))


def _send(waiting: Waiting, person: Person | None, settings: Settings, now: dt.datetime, entropy: Entropy) -> None:
    """Hand one over.

    Somebody who is revoked or wants none any more is told nothing, which counts as sent.
    """
    to = None if person is None or not person.is_active else _address(person, is_hook=waiting.is_hook)
    if person is not None and to is not None:
        message, language = message_of(waiting, now), person.language
        deliver(message, to, settings, party=Party.DESK, language=language, now=now, entropy=entropy)


def _address(person: Person, *, is_hook: bool) -> Address | None:
    if is_hook and person.hook_url is not None and person.hook_secret is not None:
        return Hook(url=person.hook_url, secret=person.hook_secret)
    if not is_hook and person.mailbox is not None:
        return Mailbox(address=person.mailbox)
    return None
