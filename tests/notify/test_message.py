"""What a notification can say, and where it can go: nothing that somebody chose can get into a header, a body or another host."""

import datetime as dt
import json
import os
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coffer.errors import MalformedInput
from coffer.notify.address import Hook, Mailbox
from coffer.notify.message import (
    MAX_HOURS,
    Language,
    Message,
    News,
    Party,
    format_body,
    format_sentence,
    format_subject,
)
from coffer.notify.retries import AFTER, MAX_TRIES, hours_until, next_try
from coffer.notify.settings import parse_settings
from coffer.notify.smtp import MailServer, Tls, format_email
from coffer.notify.webhook import format_hook_body

NOW = dt.datetime(2016, 9, 5, 12, 0, 0, tzinfo=dt.UTC)
SENDER = Mailbox(address="coffer@telco.example")
INJECTIONS = [
    "a@b.example\r\nBcc: c@d.example",
    "a@b.example\nSubject: x",
    "a@b.example\r",
    "a@b.example\x00",
    "a@b.example\u2028Bcc: x",
    "a@b.example\x85",
    "a@b.example, c@d.example",
    "A <a@b.example>",
    "<a@b.example>",
    '"a\r\nBcc: c"@b.example',
    "a@b.example>",
    "a b@c.example",
    "a@b.example SIZE=1",
    "é@b.example",
    "a@é.example",
    "a@",
    "@b",
    "a@@b",
    "a@b..c",
    "a@-b.c",
    ".a@b.c",
    "a" * 65 + "@b.c",
    "a@" + ".".join(["b" * 60] * 5),
    "",
]


@pytest.mark.parametrize("address", INJECTIONS, ids=range(len(INJECTIONS)))
def test_address_that_carries_more_than_an_address_is_none(address):
    with pytest.raises(MalformedInput, match="plain ASCII") as caught:
        Mailbox(address=address)
    assert not address or address not in str(caught.value)


@pytest.mark.parametrize(
    "address", ["a@b.example", "a.b+c@d-e.example", "O'Neill@b.example", "a" * 64 + "@b.c", "a@localhost"]
)
def test_plain_address_is_taken(address):
    mail = format_email(
        Message(news=News.SIGNED),
        Mailbox(address=address),
        sender=SENDER,
        party=Party.DESK,
        language=Language.ENGLISH,
        now=NOW,
        entropy=os.urandom,
    )
    assert mail["To"] == address


@given(text=st.text(max_size=60))
def test_whatever_is_typed_is_an_address_or_refused_and_adds_no_header(text):
    try:
        to = Mailbox(address=text)
    except MalformedInput:
        return
    mail = format_email(
        Message(news=News.LATE),
        to,
        sender=SENDER,
        party=Party.DESK,
        language=Language.FRENCH,
        now=NOW,
        entropy=os.urandom,
    )
    names = [
        line.split(b":")[0] for line in mail.as_bytes().split(b"\r\n\r\n")[0].split(b"\r\n") if line[:1] not in b" \t"
    ]
    assert sorted(names) == sorted(
        [
            b"From",
            b"To",
            b"Subject",
            b"Date",
            b"Message-ID",
            b"Auto-Submitted",
            b"Content-Language",
            b"Content-Type",
            b"Content-Transfer-Encoding",
            b"MIME-Version",
        ]
    )


@pytest.mark.parametrize("hours", [-1, MAX_HOURS + 1, "6", 6.0, True, "x\r\nBcc: a@b"])
def test_hours_are_a_number_within_bounds(hours):
    with pytest.raises(MalformedInput, match="expected one of the list"):
        Message(news=News.SIGNED, hours=hours)
    assert Message(news=News.SIGNED, hours=6).hours == 6


@pytest.mark.parametrize("news", ["signed", "A. Example", None, 1])
def test_message_takes_no_free_text(news):
    with pytest.raises(MalformedInput, match="expected one of the list"):
        Message(news=news)


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("news", News)
def test_every_message_is_said_in_every_language(language, news):
    alone, timed = (format_sentence(Message(news=news, hours=hours), language) for hours in (None, 6))
    assert "6" in timed
    assert "6" not in alone
    assert "{" not in alone + timed
    body = format_body(Message(news=news, hours=6), language)
    assert body.startswith(timed)
    assert "http" not in body
    assert len({format_subject(party, language) for party in Party}) == 2


@pytest.mark.parametrize(
    ("hours", "english", "german"),
    [
        (1, "in 1 h", "in 1 Stunde "),
        (71, "in 71 h", "in 71 Stunden "),
        (72, "in 3 days", "in 3 Tagen "),
        (719, "in 29 days", "in 29 Tagen "),
    ],
)
def test_a_far_deadline_is_told_in_days(hours, english, german):
    message = Message(news=News.LETTER_DUE, hours=hours)
    assert english in format_sentence(message, Language.ENGLISH)
    assert german in format_sentence(message, Language.GERMAN)


def test_no_sentence_is_left_in_english():
    for news in News:
        said = {format_sentence(Message(news=news), language) for language in Language}
        assert len(said) == 3


BAD_HOOKS = [
    "http://hook.example/x",
    "https://user:pass@hook.example/x",
    "https://hook.example/x?number=1",
    "https://hook.example/x#y",
    "https://hook.example/\r\nHost: other",
    "https://hook.example /x",
    "ftp://hook.example/x",
    "https:///x",
    "https://hook.example:0/x",
    "https://hook.example:99999/x",
    "https://hook_.example/x",
    "http://127.0.0.1.hook.example/x",
    "http://localhost.hook.example/x",
    "http://2130706433/x",
    "http://0x7f.1/x",
    "https://hook.example/%0d%0a",
    "//hook.example/x",
    "https://" + "a" * 500,
    "",
]


@pytest.mark.parametrize("url", BAD_HOOKS, ids=range(len(BAD_HOOKS)))
def test_webhook_elsewhere_than_https_or_this_machine_is_refused(url):
    with pytest.raises(MalformedInput, match="expected https://host/path"):
        Hook(url=url, secret=bytes(32))


@pytest.mark.parametrize(
    "url",
    [
        "https://hook.example/x",
        "https://hook.example",
        "http://127.0.0.1:8080/x",
        "http://[::1]:8/",
        "http://localhost/x",
    ],
)
def test_webhook_over_https_or_on_this_machine_is_taken(url):
    hook = Hook(url=url, secret=bytes(32))
    assert (hook.url, "example" in repr(hook)) == (url, False)


def test_webhook_needs_a_whole_secret():
    with pytest.raises(MalformedInput, match="a secret of 31 bytes"):
        Hook(url="https://hook.example/x", secret=bytes(31))


def test_body_of_a_webhook_has_these_fields_alone():
    body = json.loads(format_hook_body(Message(news=News.LATE, hours=3), party=Party.CUSTODIAN, now=NOW, entropy=bytes))
    assert body == {
        "format": "coffer.notification/v2",
        "id": "00" * 16,
        "time": "2016-09-05T12:00:00Z",
        "party": "custodian",
        "news": "late",
        "hours": 3,
        "minutes": None,
        "class": None,
    }


def test_retries_end():
    times = [next_try(n, NOW) for n in range(1, MAX_TRIES + 1)]
    assert times[-1] is None
    assert [time - NOW for time in times[:-1]] == list(AFTER)


@pytest.mark.parametrize(("minutes", "hours"), [(360, 6), (359, 5), (59, 0), (0, 0), (-1, 1), (-60, 1), (-61, 2)])
def test_hours_promise_no_more_time_than_there_is(minutes, hours):
    assert hours_until(NOW + dt.timedelta(minutes=minutes), NOW) == hours


# ---- settings

SETTINGS = """
format = "coffer.notify/v1"
[mail]
host = "mail.example"
tls = "starttls"
sender = "coffer@telco.example"
login = "coffer"
password-file = "secret"
[webhooks]
hosts = ["hook.example", "Hook2.example:8443"]
"""


def test_settings_are_read():
    settings = parse_settings(SETTINGS.encode(), "notify.toml", read=lambda name: f"pass of {name}\n".encode())
    assert (settings.mail.host, settings.mail.port, settings.mail.tls) == ("mail.example", 587, Tls.STARTTLS)
    assert settings.mail.login == ("coffer", "pass of secret")
    assert settings.hook_hosts == ("hook.example", "hook2.example:8443")
    assert "pass of" not in repr(settings)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"coffer.notify/v1"', '"coffer.notify/v2"', "expected coffer.notify/v1"),
        ('"starttls"', '"ssl"', "expected one of starttls, tls, none"),
        ('"starttls"', '"none"', "without TLS"),
        ('login = "coffer"\n', "", "login and password-file"),
        ('sender = "coffer@telco.example"', 'sender = "coffer\\r\\nX: y"', "plain ASCII"),
        ("[webhooks]", "[hooks]", "unknown key"),
        ('host = "mail.example"', 'host = "mail.example"\nport = 0', "expected 1 to 65535"),
        ('host = "mail.example"', 'host = "mail.example"\nother = 1', "unknown key"),
    ],
)
def test_settings_that_are_wrong_are_refused(old, new, said):
    assert old in SETTINGS
    with pytest.raises(MalformedInput, match=said):
        parse_settings(SETTINGS.replace(old, new).encode(), "notify.toml", read=lambda _: b"x\n")


def test_password_goes_nowhere_without_tls():
    with pytest.raises(MalformedInput, match="a login without TLS"):
        MailServer(host="127.0.0.1", port=25, tls=Tls.NONE, sender=SENDER, login=("a", "b"))
    assert MailServer(host="127.0.0.1", port=25, tls=Tls.NONE, sender=SENDER).login is None


def test_no_word_of_a_message_is_an_identifier():
    for news in News:
        for language in Language:
            words = format_body(Message(news=news), language)
            assert not set(words) & set(string.digits)
