"""Notifications of the desk, from the queue to a real mail server and a real webhook on this machine."""

import datetime as dt
import os
from dataclasses import replace

import pytest
from making import NOW, later, person

from coffer.desk.case import Told
from coffer.desk.outgoing import dispatch, message_of
from coffer.desk.port import Waiting
from coffer.notify.address import Mailbox
from coffer.notify.message import Language, News
from coffer.notify.settings import Settings
from coffer.notify.smtp import MailServer, Tls


class Clock:
    def __init__(self):
        self.now = NOW

    def __call__(self):
        return self.now


@pytest.fixture
def receiving(tmp_path):
    """A mail server and a webhook on loopback: settings, mails, posts."""
    import sys
    from pathlib import Path

    sys.path.insert(0, str(Path(__file__).parents[1] / "notify"))
    from test_sending import Taken, mail_server, receiver

    taken = Taken()
    with mail_server(taken, None, tls=Tls.NONE) as port, receiver() as hooks:
        mail = MailServer(host="127.0.0.1", port=port, tls=Tls.NONE, sender=Mailbox(address="coffer@telco.example"))
        host = f"127.0.0.1:{hooks.server_address[1]}"
        yield Settings(mail=mail, hook_hosts=(host,)), taken.mails, hooks.taken, f"http://{host}/n"


def reachable(store, hook_url=None):
    clerk = person(store)
    clerk = replace(
        clerk,
        mailbox="clerk@telco.example",
        language=Language.GERMAN,
        hook_url=hook_url,
        hook_secret=None if hook_url is None else bytes(32),
    )
    store.update(clerk, NOW)
    return clerk


def test_notification_comes_to_mailbox_and_webhook_in_the_persons_language(store, receiving):
    settings, mails, posts, url = receiving
    clerk = reachable(store, url)
    store.tell([Told(person=clerk.id, news=News.SIGNED)], later(hours=6), NOW)
    done = dispatch(store, settings, clock=Clock(), entropy=os.urandom)
    assert (done.sent, done.failed, len(mails), len(posts)) == (2, 0, 1, 1)
    assert mails[0].rcpt_tos == ["clerk@telco.example"]
    assert b"Coffer, Auskunftsstelle: etwas wartet" in mails[0].content
    assert dispatch(store, settings, clock=Clock(), entropy=os.urandom).sent == 0


def test_notification_survives_a_mail_server_that_is_down(store, receiving):
    settings, mails, _, _ = receiving
    clerk, clock = reachable(store), Clock()
    store.tell([Told(person=clerk.id, news=News.SIGNED)], later(hours=6), NOW)
    down = Settings(mail=replace(settings.mail, port=1))
    done = dispatch(store, down, clock=clock, entropy=os.urandom)
    assert (done.sent, done.failed) == (0, 1)
    assert "clerk@" not in done.trouble
    clock.now = later(minutes=1)
    assert dispatch(store, settings, clock=clock, entropy=os.urandom).sent == 1
    assert len(mails) == 1


def test_revoked_person_is_told_nothing(store, receiving):
    settings, mails, _, _ = receiving
    clerk = reachable(store)
    store.tell([Told(person=clerk.id, news=News.SIGNED)], None, NOW)
    store.update(replace(clerk, revoked=NOW), NOW)
    assert dispatch(store, settings, clock=Clock(), entropy=os.urandom).failed == 0
    assert mails == []


def test_webhook_whose_host_is_not_allowed_gets_nothing(store, receiving):
    settings, _, posts, url = receiving
    clerk = reachable(store, url)
    store.tell([Told(person=clerk.id, news=News.LATE)], None, NOW)
    done = dispatch(store, replace(settings, hook_hosts=()), clock=Clock(), entropy=os.urandom)
    assert (done.sent, done.failed, posts) == (1, 1, [])


@pytest.mark.parametrize(
    ("news", "due", "said"),
    [
        (News.SIGNED, dt.timedelta(hours=6), (News.SIGNED, 6)),
        (News.SIGNED, dt.timedelta(hours=-1), (News.SIGNED, None)),
        (News.DUE_SOON, dt.timedelta(minutes=90), (News.DUE_SOON, 1)),
        (News.DUE_SOON, dt.timedelta(minutes=-30), (News.LATE, 1)),
        (News.LATE, dt.timedelta(hours=-3), (News.LATE, 3)),
        (News.LETTER_DUE, None, (News.LETTER_DUE, None)),
        (News.SIGNED, dt.timedelta(days=4_000), (News.SIGNED, 9_999)),
    ],
)
def test_hours_are_those_of_the_moment_of_sending(news, due, said):
    waiting = Waiting(id="00" * 16, person="00" * 16, news=news, due=due and NOW + due, is_hook=False, tries=0)
    message = message_of(waiting, NOW)
    assert (message.news, message.hours) == said
