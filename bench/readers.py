"""How many source records a second each reader reads on one core.

    POLARS_MAX_THREADS=1 taskset -c 0 python bench/readers.py [RECORDS [FORMAT ...]]

The input is the invented files of the tests, repeated. Keys of calls and mails differ from copy to copy, so that
joining has its usual work; CUCM rows get the 129 columns of a real file. Figures are source records and bytes by CPU
time. They include identities, canonical records and accounting, but no files, sealing or processes. A mail's record is
its delivery line; the lines around it are read besides.
"""

import argparse
import csv
import io
import re
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

TESTS = Path(__file__).parent.parent / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "records" / "readers")]

from cdr_writing import location, record, stamp  # noqa: E402 - the tests' folders are no packages
from fold_reading import WINDOW, make_feed  # noqa: E402 - likewise
from source_files import CASES, CUCM_NAMES, feed_of, pieces  # noqa: E402 - likewise

from coffer.identity.numbering import home_plan  # noqa: E402 - after the paths
from coffer.identity.habits import Habits  # noqa: E402 - likewise
from coffer.records.readers.threegpp import ber  # noqa: E402 - likewise
from coffer.records.readers.mail import exchange  # noqa: E402 - likewise
from coffer.records.readers.mail import exim  # noqa: E402 - likewise
from coffer.records.readers.mail import opensmtpd  # noqa: E402 - likewise
from coffer.records.readers.mail import postfix  # noqa: E402 - likewise
from coffer.records.readers.mail import sendmail  # noqa: E402 - likewise
from coffer.records.feed import Feed  # noqa: E402 - likewise
from coffer.records.readers.formats import HEAD_BYTES, format_named  # noqa: E402 - likewise
from coffer.records.readers.port import Piece, Reader  # noqa: E402 - likewise

PIECE_BYTES = 16 * 2**20
POSTFIX = (
    "Nov 23 10:{m:02d}:{s:02d} mx1 postfix/smtpd[7]: {q}: client=relay.x.example[192.0.2.7]",
    "Nov 23 10:{m:02d}:{s:02d} mx1 postfix/cleanup[8]: {q}: message-id=<{q}@x.example>",
    "Nov 23 10:{m:02d}:{s:02d} mx1 postfix/qmgr[9]: {q}: from=<user{n}@x.example>, size=4711, nrcpt=1 (queue active)",
    "Nov 23 10:{m:02d}:{s:02d} mx1 postfix/smtp[5]: {q}: to=<friend{n}@y.example>, relay=mx.y.example[192.0.2.8]:25, delay=0.4, "
    "delays=0.1/0/0.2/0.1, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued)",
    "Nov 23 10:{m:02d}:{s:02d} mx1 postfix/qmgr[9]: {q}: removed",
)
OPENSMTPD = (
    "Nov 23 10:{m:02d}:{s:02d} mx1 smtpd[7]: 5df87c9b{q} smtp message msgid={q} size=4711 nrcpt=1 proto=ESMTP",
    "Nov 23 10:{m:02d}:{s:02d} mx1 smtpd[7]: 5df87c9b{q} smtp envelope evpid={q}00000001 from=<user{n}@x.example> to=<friend{n}@y.example>",
    "Nov 23 10:{m:02d}:{s:02d} mx1 smtpd[7]: 5df87c9b{q} mta delivery evpid={q}00000001 from=<user{n}@x.example> to=<friend{n}@y.example> "
    'rcpt=<-> source="192.0.2.1" relay="192.0.2.8 (mx.y.example)" delay=1s result="Ok" stat="250 2.0.0 Ok"',
)
SENDMAIL = (
    "Nov 23 10:{m:02d}:{s:02d} mx1 sm-mta[7]: {q}: from=<user{n}@x.example>, size=4711, class=0, nrcpts=1, msgid=<{q}@x.example>, "
    "proto=ESMTP, daemon=MTA, relay=relay.x.example [192.0.2.7]",
    "Nov 23 10:{m:02d}:{s:02d} mx1 sm-mta[8]: {q}: to=<friend{n}@y.example>, delay=00:00:01, xdelay=00:00:00, mailer=esmtp, pri=30237, "
    "relay=mx.y.example. [192.0.2.8], dsn=2.0.0, stat=Sent (2.0.0 Ok)",
)
EXIM = (
    "2026-11-23 10:{m:02d}:{s:02d} {q} <= user{n}@x.example H=relay.x.example [192.0.2.7] P=esmtps S=4711 id={q}@x.example",
    '2026-11-23 10:{m:02d}:{s:02d} {q} => friend{n}@y.example R=dnslookup T=remote_smtp H=mx.y.example [192.0.2.8] C="250 Ok"',
    "2026-11-23 10:{m:02d}:{s:02d} {q} Completed",
)
EXCHANGE = (
    "date-time client-ip client-hostname server-ip server-hostname source-context connector-id source event-id internal-message-id message-id "
    "network-message-id recipient-address recipient-status total-bytes recipient-count related-recipient-address reference message-subject "
    "sender-address return-path message-info directionality tenant-id original-client-ip custom-data"
).split()
LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

KEYS = {
    "asterisk": rb"17954568",
    "cucm": rb"1,1,1",
    "freeswitch-json": rb"[ab]-\d",
    "freeswitch-xml": rb"[ab]-\d",
    "jasmin": rb"q-\d",
    "kamailio": rb"c\d@x",
    "kamailio-table": rb"c\d@x",
    "twilio-calls": rb"CA\d",
}
SLOW = ("freeswitch-json", "freeswitch-xml")


def lengthen(name, records):
    """Many copies of a case's data, each with other keys."""
    case = CASES[name]
    data = case.data
    heading = b""
    if name in ("cucm", "kamailio-table", "twilio-calls", "twilio-messages"):
        heading, data = data.split(b"\n", 1)
        heading += b"\n"
    if name == "cucm":
        data = data.split(b"\n", 1)[1]
        wide = 129 - len(CUCM_NAMES)
        heading = heading.rstrip(b"\n") + b"".join(b',"other%d"' % n for n in range(wide)) + b"\n"
        data = data.replace(b"\n", b',"",0' * (wide // 2) + b"\n")
    if name.startswith("freeswitch"):
        data = data.replace(b"SECRET", b"x" * 700)
    copies = max(1, records // case.records)
    key = KEYS.get(name)
    if key is None:
        return heading + data * copies, copies * case.records
    template = re.sub(key, lambda match: match[0] + b"%(n)08d", data.replace(b"%", b"%%"))
    return heading + b"".join(template % {b"n": n} for n in range(copies)), copies * case.records


def digits62(value: int, size: int) -> str:
    text = ""
    for _ in range(size):
        value, rest = divmod(value, 62)
        text = LETTERS[rest] + text
    return text


def log_of(template: tuple[str, ...], mails: int, queue_id: Callable[[int], str]) -> bytes:
    lines = [
        line.format(m=n // 60 % 60, s=n % 60, n=n % 50_000, q=queue_id(n)) for n in range(mails) for line in template
    ]
    return ("\n".join(lines) + "\n").encode()


def exchange_log(mails: int) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    for n in range(mails):
        for event in ("RECEIVE", "DELIVER"):
            values = {
                "date-time": f"2026-11-23T10:{n // 60 % 60:02d}:{n % 60:02d}.123Z", "event-id": event, "message-id": f"<m{n}@x.example>",
                "network-message-id": f"net-{n}", "recipient-address": f"friend{n % 50_000}@y.example", "message-subject": "Lunch, on Friday",
                "sender-address": f"user{n % 50_000}@x.example", "return-path": f"user{n % 50_000}@x.example", "server-hostname": "mail1",
            }  # fmt: skip
            writer.writerow([values.get(name, "") for name in EXCHANGE])
    return (
        b"#Software: Microsoft Exchange Server\r\n#Fields: "
        + ",".join(EXCHANGE).encode()
        + b"\r\n"
        + out.getvalue().encode()
    )


def charging_file(calls: int) -> bytes:
    def call(n: int) -> bytes:
        clock = f"26112310{n // 60 % 60:02d}{n % 60:02d}"
        return record(
            "mo", imsi="262011234567890", imei="350123451234560", msisdn="491701234567", calling="491701234567", called=f"4930{n % 10_000_000:08d}",
            entity="491770000001", location=location(17, 4242), answer=stamp(clock), release=stamp(clock), duration=42, cause=0, reference=n.to_bytes(4, "big"),
        )  # fmt: skip

    return b"".join(call(n) for n in range(calls))


def others(wanted: int) -> Iterator[tuple[str, bytes, int, Callable[[], Reader]]]:
    """The formats whose tests write their own files, each with name, file, source records and reader."""
    yield (
        "ber",
        charging_file(wanted // 5),
        wanted // 5,
        lambda: ber.BerReader(make_feed(habits=Habits(home=home_plan("DE", "bench"))), WINDOW),
    )
    yield "exchange", exchange_log(wanted // 2), wanted // 2, lambda: exchange.ExchangeReader(make_feed(), WINDOW)
    ids = lambda n: f"1xVYQR-{digits62(n, 6)}-2m"  # noqa: E731 - two lines of the same kind
    yield "exim", log_of(EXIM, wanted // 2, ids), wanted // 2, lambda: exim.EximReader(make_feed(), WINDOW)
    hexes = lambda n: f"{n:08x}"  # noqa: E731 - likewise
    yield (
        "opensmtpd",
        log_of(OPENSMTPD, wanted // 2, hexes),
        wanted // 2,
        lambda: opensmtpd.OpenSmtpdReader(make_feed(), WINDOW),
    )
    shorts = lambda n: f"6ANA00{digits62(n, 4)}000007"  # noqa: E731 - likewise
    yield (
        "sendmail",
        log_of(SENDMAIL, wanted // 2, shorts),
        wanted // 2,
        lambda: sendmail.SendmailReader(make_feed(), WINDOW),
    )
    longs = lambda n: f"4jYDB{n:010d}".translate(str.maketrans("0123456789", "bcdfghjklm"))  # noqa: E731
    yield joined(wanted)
    yield (
        "postfix",
        log_of(POSTFIX, wanted // 2, longs),
        wanted // 2,
        lambda: postfix.PostfixReader(make_feed(), WINDOW),
    )


def joined(wanted: int) -> tuple[str, bytes, int, Callable[[], Reader]]:
    """A table of calls of three rows: three telephones ring, and one takes the call.

    The rows of two calls mingle.
    """
    rows = []
    for n in range(wanted // 3):
        caller, at = f"+4930{n % 10_000_000:08d}", f"2026-11-23 10:{n // 60 % 60:02d}:{n % 60:02d}"
        for leg, talk in ((0, 0), (1, n % 600), (2, 0)):
            rows.append((n + (leg == 2), f"c{n},{caller},0170{(n + leg) % 1_000_000:07d},{at},{talk},x,y\n"))
    rows.sort(key=lambda row: row[0])
    own = '[csv]\nheader = false\ndate_format = "%Y-%m-%d %H:%M:%S"\n[columns]\na = 1\nb = 2\nstart = 3\nduration_s = 4\n[join]\nkey = 0'
    feed = feed_of("csv", top='kind = "call"', more=own)
    make = partial(format_named("csv").join, feed, WINDOW)
    return "csv, joined", "".join(line for _, line in rows).encode(), len(rows), make


def mapped(wanted: int) -> Iterator[tuple[str, bytes, int, Callable[[bytes], int]]]:
    """Formats whose columns a feed names: name, file, number of records, and how they are read.

    Their lines stand alone.
    """
    stamps = [f"2026-11-23 10:{n // 60 % 60:02d}:{n % 60:02d}" for n in range(3_600)]
    rows = [
        (f"+4930{n % 10_000_000:08d}", f"0170{n % 1_000_000:07d}", stamps[n % 3_600], n % 600) for n in range(wanted)
    ]
    lines = {
        "csv": "".join(f"{a},{b},{start},{seconds},x,y,z\n" for a, b, start, seconds in rows),
        "jsonl": "".join(
            f'{{"a": "{a}", "b": "{b}", "start": "{start}", "seconds": {seconds}, "body": "x y z"}}\n'
            for a, b, start, seconds in rows
        ),
    }
    columns = {
        "csv": "header = false\n[columns]\na = 0\nb = 1\nstart = 2\nduration_s = 3",
        "jsonl": '[columns]\na = "a"\nb = "b"\nstart = "start"\nduration_s = "seconds"',
    }
    for name, text in lines.items():
        own = f'[{name}]\ndate_format = "%Y-%m-%d %H:%M:%S"\n{columns[name]}'
        feed = feed_of(name, top='kind = "call"', more=own)
        yield name, text.encode(), wanted, lambda data, name=name, feed=feed: chunked(name, feed, data)


def chunked(name: str, feed: Feed, data: bytes) -> int:
    """Records that a bound feed accounts for, chunk by chunk."""
    bound, at, line, total = format_named(name).bind(feed, data[:HEAD_BYTES], name), 0, 1, 0
    while at < len(data):
        end = data.find(b"\n", min(at + PIECE_BYTES, len(data) - 1)) + 1 or len(data)
        total += bound.read(data[at:end], first_line=line, window=WINDOW).read
        line += data.count(b"\n", at, end)
        at = end
    return total


def cut(data: bytes, *, is_lines: bool = True) -> list[Piece]:
    """A file in the pieces that an ingest hands to a reader. Their making is not the reader's time."""
    return list(pieces(0, data, PIECE_BYTES, is_lines=is_lines))


def fold(reader: Reader, cut_pieces: list[Piece]) -> int:
    """How many source records a reader accounts for."""
    results = [result for piece in cut_pieces for result in reader.take(piece)]
    results += [*reader.end_file(0), *reader.finish()]
    return sum(item.parsed.read for item in results)


def reading(name: str) -> Reader:
    """A fresh reader of a format, by the feed of its case."""
    return format_named(name).open(CASES[name].feed, WINDOW)


def show(name: str, records: int, size: int, lines: int, spent: float) -> None:
    print(
        f"{name:16} {records:9,} {size // records:7} {records / spent:10,.0f} {lines / spent:10,.0f} {size / spent / 1e6:7.0f}"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("records", type=int, nargs="?", default=500_000)
    parser.add_argument("formats", nargs="*", metavar="FORMAT", help="only these")
    given = parser.parse_args()
    wanted, only = given.records, set(given.formats)
    print(f"{'format':16} {'records':>9} {'B each':>7} {'records/s':>10} {'lines/s':>10} {'MB/s':>7}")
    for name in sorted(CASES):
        if name in ("kamailio-sqlite", "parquet") or (only and name not in only):
            continue
        if format_named(name).open is None:
            continue  # tables are read below, by larger files of their own
        is_lines = CASES[name].is_lines
        fold(reading(name), cut(lengthen(name, 1_000)[0], is_lines=is_lines))  # what a process does once
        data, records = lengthen(name, wanted // 10 if name in SLOW else wanted)
        cut_pieces = cut(data, is_lines=is_lines)
        begun = time.process_time()
        accounted = fold(reading(name), cut_pieces)
        spent = time.process_time() - begun
        assert accounted == records, (name, accounted, records)
        show(name, records, len(data), data.count(b"\n"), spent)
    for name, data, records, read_mapped in mapped(wanted):
        if only and name not in only:
            continue
        begun = time.process_time()
        found = read_mapped(data)
        spent = time.process_time() - begun
        assert found == records, (name, found, records)
        show(name, records, len(data), data.count(b"\n"), spent)
    for name, data, records, make in others(wanted):
        if only and name not in only:
            continue
        cut_pieces = cut(data, is_lines=name != "ber")
        begun = time.process_time()
        read_records = fold(make(), cut_pieces)
        spent = time.process_time() - begun
        assert read_records == records, (name, read_records, records)
        show(name, records, len(data), data.count(b"\n") if name != "ber" else records, spent)


if __name__ == "__main__":
    main()
