"""A real Postfix writes a maillog on the loopback; what the reader makes of it is compared with what the SMTP client was told.

Needs root and the Debian package ``postfix`` (``master``, ``smtp-sink``); says so when it skips.
"""

import contextlib
import os
import pwd
import shutil
import smtplib
import socket
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path

import pytest

import world
from coffer.records.draft import Window
from coffer.records.readers.mail.postfix import PostfixReader
from coffer.records.readers.port import Piece
from coffer.records.rejects import Reason

pytestmark = pytest.mark.slow
MASTER = Path("/usr/lib/postfix/sbin/master")
SERVICES = """
127.0.0.1:{smtp} inet n - n - - smtpd
  -o syslog_name=postfix/entry
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""
SETTINGS = """
compatibility_level = 3.6
queue_directory = {run}/queue
data_directory = {run}/data
maillog_file = {run}/maillog
maillog_file_prefixes = {run}
myhostname = mx1.corp.example
mydestination =
inet_interfaces = loopback-only
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_recipient_restrictions = reject_unlisted_recipient
virtual_mailbox_domains = corp.example
virtual_mailbox_base = {run}/mail
virtual_mailbox_maps = texthash:{run}/conf/boxes
virtual_alias_maps = texthash:{run}/conf/aliases
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
virtual_minimum_uid = 100
transport_maps = texthash:{run}/conf/transport
header_checks = regexp:{run}/conf/headers
enable_long_queue_ids = {long_ids}
smtp_dns_support_level = disabled
smtp_host_lookup = native
"""
SUBJECT = "zebra-crossing-at-noon"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Running:
    """One instance in a folder of its own, on ports of its own; every program it starts is stopped by its id."""

    def __init__(self, run, *, long_ids):
        self.run = run
        self.port, self.accepts, self.refuses, self.closed = (free_port() for _ in range(4))
        self.programs = []
        for name in ("conf", "queue", "data", "mail"):
            (run / name).mkdir()
        os.chown(run / "data", pwd.getpwnam("postfix").pw_uid, -1)
        os.chown(run / "mail", 65534, 65534)
        files = {
            "main.cf": SETTINGS.format(run=run, long_ids=long_ids),
            "master.cf": SERVICES.format(smtp=self.port),
            "boxes": "".join(f"{who}@corp.example {who}/\n" for who in ("alice", "bob", "carol")),
            "aliases": "sales@corp.example alice@corp.example, bob@corp.example\nfwd@corp.example ext@partner.example\n",
            "transport": f"partner.example smtp:[127.0.0.1]:{self.accepts}\nbounce.example smtp:[127.0.0.1]:{self.refuses}\n"
            f"dead.example smtp:[127.0.0.1]:{self.closed}\n",
            "headers": "/^Subject:/ WARN\n",
        }
        for name, text in files.items():
            (run / "conf" / name).write_text(text)

    def __enter__(self):
        for arguments in ((f"127.0.0.1:{self.accepts}",), ("-f", "rcpt", f"127.0.0.1:{self.refuses}")):
            self._start("smtp-sink", "-u", "postfix", *arguments, "10")
        subprocess.run(["postfix", "-c", self.run / "conf", "check"], check=True, capture_output=True, timeout=30)
        self._start(str(MASTER), "-c", str(self.run / "conf"), "-d")
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with (
                contextlib.suppress(OSError, smtplib.SMTPException),
                smtplib.SMTP("127.0.0.1", self.port, timeout=5) as client,
            ):
                client.noop()
                return self
            time.sleep(0.2)
        raise AssertionError("the test's own Postfix did not start")

    def _start(self, *arguments):
        self.programs.append(subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

    def __exit__(self, *_):
        for program in reversed(self.programs):
            program.terminate()
        for program in self.programs:
            program.wait(timeout=20)

    def send(self, sender, *recipients):
        """The recipients that were accepted."""
        text = f"From: <{sender}>\r\nSubject: {SUBJECT}\r\n\r\n{SUBJECT}\r\n"
        with smtplib.SMTP("127.0.0.1", self.port, timeout=20) as client:
            try:
                refused = client.sendmail(sender, recipients, text)
            except smtplib.SMTPRecipientsRefused as error:
                refused = error.recipients
        return [recipient for recipient in recipients if recipient not in refused]

    def log_when(self, done):
        deadline = time.monotonic() + 40
        while time.monotonic() < deadline:
            raw = (self.run / "maillog").read_bytes()
            if done(raw):
                break
            time.sleep(0.3)
        return raw[: raw.rfind(b"\n") + 1]


@pytest.fixture(params=["yes", "no"], ids=["long ids", "short ids"])
def running(request):
    if not MASTER.exists() or shutil.which("smtp-sink") is None or os.geteuid() != 0:
        pytest.skip("needs root and Postfix: apt-get install postfix")
    run = Path(tempfile.mkdtemp(prefix="maillog-", dir="/tmp"))  # its daemons give up root, and must still reach it
    run.chmod(0o755)
    try:
        with Running(run, long_ids=request.param) as instance:
            yield instance
    finally:
        shutil.rmtree(run, ignore_errors=True)


def test_a_fresh_maillog_has_one_record_for_each_recipient_the_client_was_promised(running):
    """Aliases count as their mailboxes: sales is 2, fwd 1. Bounces to alice and refused recipients are no mail."""
    a = "alice@corp.example"
    mails = [
        (a, ["bob@corp.example"]),
        (a, ["bob@corp.example", "carol@corp.example", "ext@partner.example"]),
        (a, ["sales@corp.example"]),
        (a, ["fwd@corp.example"]),
        (a, ["gone@bounce.example", "BOB@Corp.Example"]),
        (a, ["x@dead.example"]),
        ("ext@partner.example", ["alice@corp.example", "nobody@corp.example"]),
        ("", ["carol@corp.example"]),
        ('"a,b>c"@partner.example', ["bob@corp.example"]),
    ]
    expected = Counter()
    for sender, recipients in mails:
        for recipient in running.send(sender, *recipients):
            box = recipient.lower()
            finals = {"sales@corp.example": [a, "bob@corp.example"], "fwd@corp.example": ["ext@partner.example"]}.get(
                box, [None]
            )
            expected.update((sender or None, box, final, not box.startswith(("gone@", "x@"))) for final in finals)
    total = sum(expected.values())
    before = time.time()
    raw = running.log_when(lambda log: log.count(b"status=") >= total + 1 and log.count(b": removed") >= len(mails))
    now = world.dt.datetime.fromtimestamp(before, world.dt.UTC)
    feed = world.feed(kind="email", time_zone=local_zone())
    window = Window(earliest=now - world.dt.timedelta(days=1), latest=now + world.dt.timedelta(days=1))
    reader = PostfixReader(feed, window)
    found = [*reader.take(Piece(file=0, data=raw, first=1)), *reader.end_file(0), *reader.finish()]
    rows = [row for item in found for row in item.parsed.batch.to_pylist()]
    assert [Reason(r).label for item in found for r in item.parsed.rejects.reasons.tolist()] == []
    assert Counter((row["a_text"], row["b_text"], row["f_text"], row["answered"]) for row in rows) == expected
    merged = sum((item.parsed.merged for item in found), Counter())
    skipped = sum((item.parsed.skipped for item in found), Counter())
    assert (merged["bounce"], skipped["bounce-note"], skipped["refused"]) == (1, 1, 1)
    assert sum(merged.values()) + len(rows) == raw.count(b"status=")
    assert SUBJECT.encode() in raw  # header_checks wrote it
    assert SUBJECT not in repr((rows, merged, skipped, found))
    assert {abs((row["start"] - now).total_seconds()) < 120 for row in rows} == {True}


def local_zone():
    link = Path("/etc/localtime").resolve()
    parts = link.parts
    return "/".join(parts[parts.index("zoneinfo") + 1 :]) if "zoneinfo" in parts else "UTC"
