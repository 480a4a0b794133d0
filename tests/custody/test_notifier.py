"""A custodian's people are told that requests wait, once, and nobody is named."""

import datetime as dt
import socket

import pytest
from aiosmtpd.controller import Controller

from clerking import Bench, copied
from coffer.authority.authorization import parse_authorization
from coffer.authority.ordered import Urgency
from coffer.cli.notifying import notifier_of
from coffer.custodian.machine.notifier import Notifier, told_persons
from coffer.custodian.people import Away
from coffer.errors import MalformedInput, Unavailable
from coffer.notify.address import Hook, Mailbox
from coffer.notify.message import Language, News
from coffer.notify.settings import Recipient, parse_settings
from elsewhere import Elsewhere
from emergencies import ON_CALL, begin
from world import ordered

HOUR = dt.timedelta(hours=1)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return Elsewhere.make_elsewhere(tmp_path_factory.mktemp("notifier"), emergency=ON_CALL).with_records()


@pytest.fixture
def world(made, tmp_path):
    return copied(made, tmp_path / "own")


class Told:
    """Keeps what was delivered: (mailbox, news, hours). ``fails``: how many sendings fail first."""

    def __init__(self, fails=0):
        self.fails, self.messages = fails, []

    def __call__(self, message, to):
        if self.fails:
            self.fails -= 1
            raise Unavailable("mail server: no answer in time")
        self.messages.append((to.address.address, message.news, message.hours))


def make(world, bench, told, numbers=(1, 2, 3)):
    to = {number: Recipient(address=Mailbox(address=f"p{number}@court.example")) for number in numbers}
    return Notifier(bench.machine, bench.service, to, clock=world.clock, deliver=told)


def test_everybody_is_told_once_again_after_a_colleague_agreed_and_once_before_the_end(world):
    bench, told = Bench.make(world, people=3, required=2), Told()
    notifier = make(world, bench, told)
    notifier.look()
    assert told.messages == []
    note = bench.request()
    for _ in range(3):
        notifier.look()
    hours = 7 * 24
    assert told.messages == [(f"p{n}@court.example", News.REQUEST_WAITS, hours) for n in (1, 2, 3)]
    told.messages.clear()
    bench.agree(note, 1)
    notifier.look()
    assert told.messages == [(f"p{n}@court.example", News.REQUEST_WAITS, hours) for n in (2, 3)]
    told.messages.clear()
    world.outside.now += 7 * 24 * HOUR - 5 * HOUR
    notifier.look()
    notifier.look()
    assert told.messages == [(f"p{n}@court.example", News.DUE_SOON, 5) for n in (2, 3)]


def test_nobody_is_told_of_what_was_decided(world):
    bench, told = Bench.make(world, people=2, required=2), Told()
    note = bench.request()
    bench.agree(note, 1)
    bench.agree(note, 2)
    make(world, bench, told).look()
    assert told.messages == []


def test_whoever_is_away_is_not_told_and_who_stands_in_is(world):
    bench, told = Bench.make(world, people=3, required=1), Told()
    bench.clerks.set_away(1, Away(since=world.now, until=world.now + HOUR, stand_in=3), world.now)
    bench.clerks.set_away(3, Away(since=world.now, until=world.now + HOUR, stand_in=0), world.now)
    assert told_persons(bench.clerks.people(), world.now) == (2, 3)
    assert told_persons(bench.clerks.people(), world.now + HOUR) == (1, 2, 3)
    bench.request()
    make(world, bench, told, numbers=(1, 3)).look()
    assert [to for to, _, _ in told.messages] == ["p3@court.example"]


def test_message_that_failed_is_sent_later_and_noted_without_an_address(world):
    bench, told = Bench.make(world, people=1, required=1), Told(fails=1)
    notifier = make(world, bench, told)
    bench.request()
    notifier.look()
    assert told.messages == []
    notifier.look()
    assert told.messages == [], "not before a minute is over"
    world.outside.now += dt.timedelta(minutes=1)
    notifier.look()
    assert [to for to, _, _ in told.messages] == ["p1@court.example"]
    record = bench.file("audit.log").read_text()
    assert "notification Unavailable" in record
    assert "@" not in record


def test_emergency_at_night_reaches_a_deputy_and_ends_when_it_was_opened(world):
    bench, told = Bench.make(world, people=3, required=1), Told()
    to = {n: Recipient(address=Mailbox(address=f"p{n}@court.example"), is_deputy=n == 3) for n in (1, 2, 3)}
    bench.clerks.set_away(2, Away(since=world.now, until=world.now + HOUR, stand_in=0), world.now)
    notifier = Notifier(bench.machine, bench.service, to, clock=world.clock, deliver=told)
    note = bench.request(ordered=ordered(world.now, urgency=Urgency.EMERGENCY))
    heard = []
    for minutes in range(12):
        notifier.look()
        heard += [(minutes, to[:2], news) for to, news, _ in told.messages]
        told.messages.clear()
        world.outside.now += dt.timedelta(minutes=1)
        if minutes == 10:  # the deputy opens it
            bench.machine.requests.mark_read(bench.commitment(note), 3, world.now, bench.service.keys)
    waits = News.REQUEST_WAITS
    assert heard == [(0, "p1", waits), (5, "p1", waits), (10, "p1", waits), (10, "p3", News.NOBODY_LOOKED)]
    bench.agree(note, 1)
    world.outside.now += HOUR
    notifier.look()
    assert told.messages == []


def test_where_nobody_has_a_passkey_everybody_with_an_address_is_told(world):
    bench, told = Bench.opened(world), Told()
    bench.request()
    make(world, bench, told, numbers=(1, 2)).look()
    assert [to for to, _, _ in told.messages] == ["p1@court.example", "p2@court.example"]


def test_people_are_told_by_a_real_mail_server_and_nobody_is_named(world):
    received = []

    class Keep:
        async def handle_DATA(self, server, session, envelope):  # noqa: N802 - the library's
            received.append((envelope.rcpt_tos, envelope.content))
            return "250 OK"

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(Keep(), hostname="127.0.0.1", port=port)
    controller.start()
    try:
        bench = Bench.make(world, people=1, required=1)
        assert notifier_of(bench.machine, bench.service) is None
        bench.file("notify.toml").write_text(
            f'format = "coffer.notify/v1"\n[mail]\nhost = "127.0.0.1"\nport = {port}\ntls = "none"\n'
            'sender = "coffer@court.example"\n[people.1]\nmail = "judge@court.example"\nlanguage = "fr"\n'
        )
        note = bench.request(subjects=["tel:+33612345678"], authority="Court of Nowhere", person="Zeno")
        notifier_of(bench.machine, bench.service).look()
    finally:
        controller.stop()
    ((to, raw),) = received
    assert to == ["judge@court.example"]
    assert b"Une demande attend" in raw
    for secret in (b"612345678", b"Nowhere", b"Zeno", bench.commitment(note).hex().encode()[:16]):
        assert secret not in raw


def test_recipients_are_read_strictly():
    head = 'format = "coffer.notify/v1"\n'

    def parse(text):
        return parse_settings((head + text).encode(), "notify.toml", read=lambda name: bytes(32)).people

    assert parse('[people.7]\nmail = "a@b.example"\n') == {7: Recipient(address=Mailbox(address="a@b.example"))}
    hook = parse('[people.1]\nwebhook = "https://h.example/x"\nsecret-file = "s"\nlanguage = "de"\n')[1]
    assert hook == Recipient(address=Hook(url="https://h.example/x", secret=bytes(32)), language=Language.GERMAN)
    for text, message in (
        ('[people.0]\nmail = "a@b.example"\n', "people"),
        ('[people.x]\nmail = "a@b.example"\n', "people"),
        ("[people.1]\n", "expected mail, webhook"),
        ('[people.1]\nmail = "a@b.example"\nwebhook = "https://h.example/x"\n', "expected mail, webhook"),
        ('[people.1]\nmail = "a@b.example\\n"\n', "e-mail address"),
        ('[people.1]\nmail = "a@b.example"\nnumber = "2"\n', "unknown"),
    ):
        with pytest.raises(MalformedInput, match=message):
            parse(text)


def test_people_are_told_of_an_emergency_to_ratify_until_they_did(world):
    bench, told = Bench.make(world, people=2, required=2), Told()
    notifier = make(world, bench, told, numbers=(1, 2))
    note = bench.request(ordered=ordered(world.now, urgency=Urgency.EMERGENCY))
    notifier.look()
    told.messages.clear()
    index = begin(world, parse_authorization(note, "note"))
    bench.service.sync()
    notifier.look()
    assert told.messages == [(f"p{n}@court.example", News.REQUEST_WAITS, 48) for n in (1, 2)]
    told.messages.clear()
    bench.ratify(index, 1)
    notifier.look()
    assert told.messages == [("p2@court.example", News.REQUEST_WAITS, 48)]
    bench.ratify(index, 2)
    told.messages.clear()
    world.outside.now += 44 * HOUR
    notifier.look()
    assert [hours for _, _, hours in told.messages if hours == 4] == [], "of the request alone, if at all"
