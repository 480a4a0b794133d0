"""Exim mainlogs: hand-worked logs, the genuine sample counted a second way, and the promises of the port."""

import re
from collections import Counter

import polars as pl
import pytest
from fold_reading import WINDOW, mail, make_feed, read
from hypothesis import given, settings
from hypothesis import strategies as st

from coffer.errors import MalformedInput
from coffer.records.readers.mail import log as mail_log
from coffer.records.readers.mail import queue as mail_queue
from coffer.records.readers.mail.exim import EximReader, arrival_seconds, recognise
from coffer.records.settings import EximSettings

CANARY = "zebra-crossing-at-noon"
ID = "1xVYQR-0004xz-2m"
"""2026-11-23 18:05:59 UTC."""


def reader(*, qualify_domain=None, **feed):
    made = make_feed(settings=EximSettings(qualify_domain=qualify_domain or ""), **feed)
    return lambda: EximReader(made, WINDOW)


def log(text, zone=" +0000"):
    """Lines of ``time message`` on the day of the sample; ``#`` is the id."""
    lines = [line.strip() for line in text.strip().splitlines()]
    return "".join(f"2026-11-23 18:{line[:5]}{zone}{line[5:].replace('#', ID)}\n" for line in lines).encode()


ONE = """
    06:00 # <= a@x.example H=(ws) [192.0.2.1] P=esmtp S=398 id=1@ws for b@y.example c@x.example
    06:01 # == b@y.example R=out T=smtp defer (-44) H=y [192.0.2.9]: SMTP error from remote mail server
    06:01 # => c <c@x.example> F=<a@x.example> R=local T=mbox S=448 QT=0s
    06:09 # => b@y.example F=<a@x.example> R=out T=smtp S=465 H=y [192.0.2.9] C="250 OK" QT=9s
    06:09 # Completed
"""


def test_deferred_then_sent_is_one_record_that_starts_when_the_mail_arrived():
    """3 delivery lines: 2 recipients are 2 records, the deferred attempt is merged; 2 lines are context."""
    outcome = read(reader(), [log(ONE)])
    assert mail(outcome) == [
        (3, "2026-11-23 18:06:00", "a@x.example", "c@x.example", None, True),
        (4, "2026-11-23 18:06:00", "a@x.example", "b@y.example", None, True),
    ]
    assert outcome.merged == {0: Counter({"deferred": 1})}
    assert outcome.skipped == {0: Counter({"accepted": 1, "removed": 1})}


def test_without_the_arrival_the_id_tells_when_and_the_delivery_from_whom():
    outcome = read(reader(), [b"".join(log(ONE).splitlines(keepends=True)[2:])])
    assert {row[1:3] for row in mail(outcome)} == {("2026-11-23 18:05:59", "a@x.example")}
    assert arrival_seconds(pl.Series(["1xVYQR-0004xz-2m", "000001-00000000000-0000"])).dt.epoch("s").to_list() == [
        1795457159,
        1,
    ]


def test_rotation_splits_a_message_over_two_files():
    lines = log(ONE).splitlines(keepends=True)
    outcome = read(reader(), [b"".join(lines[:2]), b"".join(lines[2:])])
    assert [(file, row["line"], f"{row['start']:%S}") for file, row in outcome.rows] == [(1, 1, "00"), (1, 2, "00")]
    assert outcome.merged == {0: Counter({"deferred": 1})}


def test_each_flag_is_what_the_manual_says():
    """``=>``, ``->`` and ``>>`` delivered, ``**`` failed, ``==`` not yet, ``*>`` nothing at all."""
    flags = ["=>", "->", ">>", "**", "==", "*>"]
    raw = log("\n".join(f"06:0{i} # {flag} r{i}@y.example R=out T=smtp" for i, flag in enumerate(flags)))
    outcome = read(reader(), [raw])
    assert [(row[3][:2], row[5]) for row in mail(outcome)] == [
        ("r0", True), ("r1", True), ("r2", True), ("r3", False), ("r4", False),
    ]  # fmt: skip
    assert outcome.skipped[0]["suppressed"] == 1


def test_addresses_as_exim_writes_them():
    """Final, those between in parentheses, the one written to; a local user, a pipe, a file, no router, blanks."""
    written = [
        "ext@y.example <fwd@x.example> F=<a@x.example> R=out",
        "ext@y.example (mid@x.example, more@x.example) <top@x.example> R=out",
        "carol <sales@x.example> R=local",
        "bob <Bob@x.example> R=local",
        "|/usr/bin/vacation carol <carol@x.example> F=<a@x.example> R=pipe",
        "/var/mail/dave <dave@x.example> R=file",
        "nobody@x.example: Unrouteable address",
        '"a,b <c"@y.example F=<a@x.example> R=out',
        '"a b"@y.example R=out',
        "eve R=local",
    ]
    raw = log("\n".join(f"06:{i:02} # => {text}" for i, text in enumerate(written)))
    outcome = read(reader(), [raw])
    assert [row[3:5] for row in mail(outcome)] == [
        ("fwd@x.example", "ext@y.example"),
        ("top@x.example", "ext@y.example"),
        ("sales@x.example", None),
        ("bob@x.example", None),
        ("carol@x.example", None),
        ("dave@x.example", None),
        ("nobody@x.example", None),
    ]
    assert [reject[1:] for reject in outcome.rejects] == [(line, "not-an-address", "b") for line in (8, 9, 10)]
    qualified = mail(read(reader(qualify_domain="x.example"), [raw]))
    assert [row[3:5] for row in qualified][2:4] == [("sales@x.example", "carol@x.example"), ("bob@x.example", None)]


def test_an_alias_to_two_local_users_is_two_records():
    raw = log("06:00 # => alice <sales@x.example> R=local\n06:00 # => bob <sales@x.example> R=local")
    outcome = read(reader(), [raw])
    assert ([row[3] for row in mail(outcome)], outcome.merged) == (["sales@x.example"] * 2, {})


def test_a_bounce_belongs_to_its_parent_and_a_null_sender_from_outside_is_nobodys_mail():
    child, foreign = "1xVYQR-0004yO-32", "1xVYQR-0004xz-32"
    raw = log(f"""
        06:00 # <= a@x.example H=(ws) [192.0.2.1] P=esmtp S=404 id=1@ws
        06:00 # ** gone@y.example F=<a@x.example> R=out T=smtp H=y [192.0.2.9]: 550 5.1.1 no such user
        06:00 {child} <= <> R={ID} U=Debian-exim P=local S=1828 for a@x.example
        06:00 # Completed
        06:00 {child} => a <a@x.example> F=<> R=local T=mbox S=1873 QT=0s
        06:01 {foreign} <= <> H=(out) [192.0.2.7] P=esmtp S=356 id=2@out
        06:01 {foreign} => a <a@x.example> F=<> R=local T=mbox S=401 QT=0s
    """)
    outcome = read(reader(), [raw])
    assert [(row[0], row[2], row[5]) for row in mail(outcome)] == [(2, "a@x.example", False), (7, None, True)]
    assert outcome.merged == {0: Counter({"bounce": 1})}


def test_the_next_host_of_ours_stands_for_the_delivery_to_it():
    """Relayed to another Exim whose mainlog is here too, with the same message id: 2 delivery lines, 1 record."""
    other = "1xVYQS-000500-0A"
    raw = [
        log(ONE.replace('C="250 OK"', f'C="250 OK id={other}"')),
        log(ONE.replace("#", other).replace("id=1@ws", 'id=1@ws T="id=zz"')),
    ]
    outcome = read(reader(), raw)
    assert [(file, row["b_text"]) for file, row in outcome.rows] == [
        (0, "c@x.example"), (1, "c@x.example"), (1, "b@y.example"),
    ]  # fmt: skip
    assert outcome.merged == {0: Counter({"deferred": 1, "handed-over": 1}), 1: Counter({"deferred": 1})}


@pytest.mark.parametrize("fold", ["reject", "first", "second"])
def test_the_hour_that_autumn_repeats_is_told_by_the_id(fold):
    """02:30 in Berlin on 2026-10-25; the id says 01:30:00 UTC, the second pass."""
    seconds, digits = 1792891800, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    base_62 = "".join(digits[seconds // 62**power % 62] for power in range(5, -1, -1))
    text = f"2026-10-25 02:30:00 {base_62}-0004xz-2m "
    raw = f"{text}<= a@x.example P=local S=1\n{text}=> b@y.example R=out\n".encode()
    outcome = read(reader(time_zone="Europe/Berlin", fold=fold), [raw])
    assert [row[1] for row in mail(outcome)] == ["2026-10-25 01:30:00"]


def test_stamps_with_fractions_pid_and_no_zone_and_ids_of_23_characters():
    raw = b"2026-11-23 18:06:00.123 [77] 1xVYQR-00000004xz0-002m => b@y.example F=<a@x.example> R=out\n"
    assert mail(read(reader(), [raw])) == [(1, "2026-11-23 18:05:59", "a@x.example", "b@y.example", None, True)]


def test_content_and_free_text_go_nowhere():
    raw = (
        log(f"""
        06:00 # <= a@x.example H=({CANARY}) [192.0.2.1] P=esmtp S=398 T="{CANARY} id={CANARY} R={ID} " from <a@x.example> for b@y.example
        06:01 # => b@y.example F=<a@x.example> R=out T=smtp H=y [192.0.2.9] C="250 {CANARY} <= {CANARY}"
        06:02 # == {CANARY}
        06:03 # ** "{CANARY}
        06:04 # {CANARY} => {CANARY}@x.example R=out
        06:04 {CANARY}
        06:05 H=({CANARY}) [192.0.2.1] F=<a@x.example> rejected RCPT <{CANARY}@x.example>: {CANARY}
    """)
        + f"continued {CANARY}\n".encode()
    )
    outcome = read(reader(), [raw])
    assert CANARY not in outcome.shown
    assert [row[0] for row in mail(outcome)] == [2]
    assert outcome.rejects == [(0, 3, "not-an-address", "b"), (0, 4, "bad-record", "")]
    assert outcome.skipped[0] == Counter({"other": 2, "accepted": 1, "refused": 1, "no-log-line": 1})
    assert not outcome.merged


def test_any_cut_into_pieces_gives_the_same():
    raw = log(ONE)
    whole = read(reader(), [raw])
    for cut in (1, 40, 171):
        assert read(reader(), [raw], cut=cut) == whole
    for cut in (7, 64, 300):
        assert read(reader(), [raw], cut=cut, framing="anywhere") == whole


def test_a_file_cut_at_any_byte_keeps_what_was_before_and_reports_the_rest():
    raw = b"".join(log(ONE).splitlines(keepends=True)[:2])
    for cut in range(1, len(raw)):
        outcome = read(reader(), [raw[:cut]])
        is_torn = raw[cut - 1 : cut] != b"\n"
        assert (outcome.read, len(outcome.rows)) == (int(is_torn), 0)
        assert outcome.rejects == [(0, raw[:cut].count(b"\n") + 1, "cut-off", "")] * is_torn


def test_small_steps_lose_nothing(monkeypatch):
    raw = log(ONE) + log(ONE.replace("#", "1xVYQR-0004xz-32"))
    whole = read(reader(), [raw])
    monkeypatch.setattr(mail_log, "STEP", 3)
    monkeypatch.setattr(mail_queue, "GRACE", 2)
    assert read(reader(), [raw], cut=50) == read(reader(), [raw]) == whole


junk = st.sampled_from(
    [*log(ONE).splitlines(), b"", b"\xff", b"2026-11-23 18:06:00 1xVYQR-0004xz-2m => \xff@x.example"]
)


@settings(max_examples=40, deadline=None)
@given(st.lists(junk | st.binary(max_size=60), max_size=12), st.integers(30, 300))
def test_arbitrary_bytes_are_refused_as_a_whole_or_accounted_for(lines, cut):
    raw = b"\n".join(lines)
    try:
        outcome = read(reader(), [raw, log(ONE)], cut=cut, framing="anywhere")
    except MalformedInput:
        return
    assert outcome == read(reader(), [raw, log(ONE)])


def test_a_file_without_one_log_line_is_of_another_format():
    with pytest.raises(MalformedInput, match="none of 2 lines is a line of such a log"):
        read(reader(), [b"a,b\nc,d\n"])
    assert recognise(b"a,b\nc,d\n", "mainlog") is None
    assert recognise(log(ONE), "x") == "5 of the first 6 lines have an Exim message id and a flag"


def count_by_hand(raw):
    """The sample once more in plain loops, by the words of each line: recipients with their last flag, bounces apart."""
    senders, bounces, last = {}, set(), {}
    for line in raw.decode().splitlines():
        words = line.split(" ")
        if not re.fullmatch(r"\w{6}-\w{6}-\w{2}", words[3]):
            continue
        key, flag, rest = words[3], words[4], words[5:]
        if flag == "<=":
            senders[key] = rest[0]
            if rest[1].startswith("R="):
                bounces.add(key)
        elif flag != "Completed":
            original = rest[1].strip("<>") if rest[1].startswith("<") else rest[0]
            last.setdefault((key, rest[0], original), []).append(flag)
    mails = [
        (senders[key[0]].strip("<>") or None, key[2], flags[-1] == "=>")
        for key, flags in last.items()
        if key[0] not in bounces
    ]
    return mails, sum(map(len, last.values())), len(bounces)


def test_the_genuine_sample_has_the_counts_of_plain_loops(samples):
    """18 delivery lines: 15 recipients of mail, 1 earlier attempt, 2 bounces."""
    raw = (samples / "exim/mainlog").read_bytes()
    mails, lines, bounces = count_by_hand(raw)
    assert (len(mails), lines, bounces) == (15, 18, 2)
    outcome = read(reader(), [raw])
    assert Counter((row[2], row[3], row[5]) for row in mail(outcome)) == Counter(mails)
    assert outcome.merged == {0: Counter({"bounce": 2, "deferred": 1})}
    assert (outcome.read, outcome.rejects) == (18, [])
    assert read(reader(), [raw], cut=777) == outcome
