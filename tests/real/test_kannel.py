"""Kannel's bearerbox and smsbox with its own fake SMS centre: a fresh access log through ingest, opening and audit."""

import csv
import datetime as dt
import io
import shutil
import socket
import subprocess
import urllib.parse
import urllib.request
from pathlib import Path

import pytest
from programs import free_port, running, until

from coffer_audit.cli import main as audit
from source_files import feed_of
from world import World

pytestmark = [pytest.mark.real, pytest.mark.slow]

FAKE = Path("/usr/lib/kannel/test/fakesmsc")
RECEIVED, SENT = 5, 4
PHONE = "+491701234567"
CONFIG = """
group = core
admin-port = ADMIN
admin-password = x
smsbox-port = BOX
smsbox-interface = 127.0.0.1
admin-interface = 127.0.0.1
log-level = 1
access-log = "FOLDER/access.log"
access-log-time = gmt
EXTRA
dlr-storage = internal

group = smsc
smsc = fake
smsc-id = FAKE
port = CENTRE
connect-allow-ip = 127.0.0.1

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = HTTP
sendsms-interface = 127.0.0.1

group = sendsms-user
username = tester
password = x
max-messages = 5
concatenation = true

group = sms-service
keyword = default
max-messages = 0
text = "none"
"""
FORMAT = "%t %l [SMSC:%i] [SVC:%n] [from:%p] [to:%P] [len:%L]"
EXTRAS = {"default": "access-log-clean = false", "custom": f'access-log-clean = true\naccess-log-format = "{FORMAT}"'}


@pytest.fixture(params=sorted(EXTRAS))
def log(request, tmp_path):
    """(kind of format, the log of a few texts)."""
    tools = [shutil.which(name) or f"/usr/sbin/{name}" for name in ("bearerbox", "smsbox")]
    missing = [tool for tool in (*tools, str(FAKE)) if not Path(tool).exists()]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)} (.ci/run installs it)")
    ports = {name: free_port(socket.SOCK_STREAM) for name in ("ADMIN", "BOX", "CENTRE", "HTTP")}
    text = CONFIG.replace("EXTRA", EXTRAS[request.param]).replace("FOLDER", str(tmp_path))
    for name, port in ports.items():
        text = text.replace(name, str(port))
    config = tmp_path / "kannel.conf"
    config.write_text(text)
    access = tmp_path / "access.log"
    with running([tools[0], str(config)], tmp_path / "bearerbox.out"):
        until(access.exists, "bearerbox starts")
        subprocess.run(["sleep", "1"], check=True)
        with running([tools[1], str(config)], tmp_path / "smsbox.out"):
            fake = [str(FAKE), "-H", "127.0.0.1", "-r", str(ports["CENTRE"]), "-i", "0.1", "-m", str(RECEIVED)]
            with running([*fake, f"{PHONE} 36500 text SECRET"], tmp_path / "fake.out"):
                until(lambda: access.read_bytes().count(b"Receive SMS") == RECEIVED, "texts arrive")
                for number in range(SENT):
                    send(ports["HTTP"], f"+4917266666{number:02d}")
                until(lambda: access.read_bytes().count(b"Sent SMS") == SENT, "texts go out")
    return request.param, access


def send(port, to):
    query = {"username": "tester", "password": "x", "from": PHONE, "to": to, "text": f"SECRET ] [to:+49{to[-3:]}"}
    url = f"http://127.0.0.1:{port}/cgi-bin/sendsms?{urllib.parse.urlencode(query)}"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=10) as reply:
        assert reply.status == 202


def test_a_fresh_access_log_is_sealed_opened_and_audited(log, tmp_path):
    kind, path = log
    assert (b"SECRET" in path.read_bytes()) == (kind == "default")
    now = dt.datetime.now(dt.UTC)
    (tmp_path / "world").mkdir()
    world = World.make(tmp_path / "world", now=now)
    day = now.date()
    world.epoch(str(day - dt.timedelta(days=1)), str(day + dt.timedelta(days=1)))
    more = f'[kannel]\nlog_format = "{FORMAT}"' if kind == "custom" else ""
    (count,) = world.ingest_files([path], by=feed_of("kannel", more=more)).files
    assert (count.kept, count.rejected.total()) == (RECEIVED + SENT, 0)
    days = [(str(day - dt.timedelta(days=1)), str(day))]
    note = world.authorize(subjects=[f"tel:{PHONE}"], days=days, kinds="text")
    rows = list(csv.DictReader(io.StringIO(world.open(note).records_csv.decode())))
    assert len(rows) == RECEIVED + SENT
    assert {row["peer"] for row in rows} == {"short:DE/36500", *(f"tel:+4917266666{n:02d}" for n in range(SENT))}
    assert audit(["vault", str(world.vault.path)]) == 0
    assert not [p for p in world.vault.path.rglob("*") if p.is_file() and b"SECRET" in p.read_bytes()]
