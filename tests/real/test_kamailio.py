"""Kamailio with SIPp beside it: fresh accounting, as its log and its database, through ingest, opening and audit."""

import csv
import datetime as dt
import io
import shutil
import sqlite3
import subprocess

import pytest
from programs import free_port, running, until

from coffer_audit.cli import main as audit
from source_files import feed_of
from world import World

pytestmark = [pytest.mark.real, pytest.mark.slow]

CALLS, BUSY, TEXTS = 20, 4, 5
CALLER = "+4930555000"
CONFIG = """
debug=1
log_stderror=yes
fork=yes
children=1
disable_tcp=yes
listen=udp:127.0.0.1:PROXY
auto_aliases=no
dns=no
rev_dns=no
loadmodule "sl.so"
loadmodule "tm.so"
loadmodule "tmx.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "db_sqlite.so"
loadmodule "dialog.so"
loadmodule "acc.so"
modparam("dialog", "dlg_flag", 4)
modparam("dialog", "db_mode", 0)
modparam("acc", "log_level", 1)
modparam("acc", "log_flag", 1)
modparam("acc", "log_missed_flag", 2)
modparam("acc", "failed_transaction_flag", 3)
modparam("acc", "log_extra", "src_user=$fU;dst_user=$rU;dst_ouser=$tU;subject=$hdr(Subject)")
modparam("acc", "db_url", "sqlite:///FOLDER/acc.sqlite")
modparam("acc", "db_flag", 1)
modparam("acc", "db_missed_flag", 2)
modparam("acc", "db_extra", "src_user=$fU;dst_user=$rU;dst_ouser=$tU")
modparam("acc", "cdr_enable", 1)
modparam("acc", "cdr_start_on_confirmed", 1)
modparam("acc", "cdrs_table", "")
modparam("acc", "cdr_extra", "callid=$ci;src_user=$fU;dst_user=$dlg_var(to)")
request_route {
    if (has_totag()) {
        loose_route();
        if (is_method("BYE")) { setflag(1); }
        t_relay();
        exit;
    }
    if (is_method("MESSAGE")) { setflag(1); t_newtran(); t_reply("202", "Accepted"); exit; }
    record_route();
    setflag(1); setflag(2); setflag(3);
    if ($rU =~ "9$") { t_newtran(); t_reply("486", "Busy Here"); exit; }
    setflag(4);
    dlg_manage();
    $dlg_var(to) = $rU;
    $du = "sip:127.0.0.1:CALLEE";
    t_relay();
    exit;
}
"""
HEAD = """To: <sip:[field1]@[remote_ip]>[peer_tag_param]
From: <sip:[field0]@corp.example>;tag=[pid]t[call_number]
Call-ID: [call_id]
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
Contact: <sip:[field0]@[local_ip]:[local_port]>
Max-Forwards: 70
Subject: SECRET
"""
CALL = f"""<?xml version="1.0"?><scenario name="call">
<send retrans="500"><![CDATA[
INVITE sip:[field1]@[remote_ip]:[remote_port] SIP/2.0
{HEAD.replace("[peer_tag_param]", "")}CSeq: 1 INVITE
Content-Length: 0

]]></send>
<recv response="100" optional="true"/><recv response="180" optional="true"/>
<recv response="486" optional="true" next="busy"/>
<recv response="200" rrs="true"/>
<send><![CDATA[
ACK [next_url] SIP/2.0
[routes]
{HEAD}CSeq: 1 ACK
Content-Length: 0

]]></send>
<pause milliseconds="1200"/>
<send retrans="500"><![CDATA[
BYE [next_url] SIP/2.0
[routes]
{HEAD}CSeq: 2 BYE
Content-Length: 0

]]></send>
<recv response="200" next="end"/>
<label id="busy"/>
<send><![CDATA[
ACK sip:[field1]@[remote_ip]:[remote_port] SIP/2.0
{HEAD}CSeq: 1 ACK
Content-Length: 0

]]></send>
<label id="end"/>
</scenario>"""
TEXT = f"""<?xml version="1.0"?><scenario name="text">
<send retrans="500"><![CDATA[
MESSAGE sip:[field1]@[remote_ip]:[remote_port] SIP/2.0
{HEAD.replace("[peer_tag_param]", "")}CSeq: 1 MESSAGE
Content-Type: text/plain
Content-Length: [len]

SECRET words
]]></send>
<recv response="202"/>
</scenario>"""
TABLE = (
    "CREATE TABLE {} (id INTEGER PRIMARY KEY NOT NULL, method VARCHAR(16), from_tag VARCHAR(128), to_tag VARCHAR(128), callid VARCHAR(255), "
    "sip_code VARCHAR(3), sip_reason VARCHAR(128), time TIMESTAMP, src_user TEXT, dst_user TEXT, dst_ouser TEXT);"
)


@pytest.fixture(scope="module")
def accounting(tmp_path_factory):
    """The folder with ``acc.log`` and ``acc.sqlite`` of a few calls and texts."""
    missing = [
        name
        for name in ("kamailio", "sipp")
        if shutil.which(name) is None and shutil.which(f"/usr/sbin/{name}") is None
    ]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)} (.ci/run installs it)")
    folder = tmp_path_factory.mktemp("kamailio")
    proxy, callee, caller = free_port(), free_port(), free_port()
    config = CONFIG.replace("PROXY", str(proxy)).replace("CALLEE", str(callee)).replace("FOLDER", str(folder))
    (folder / "kamailio.cfg").write_text(config)
    connection = sqlite3.connect(folder / "acc.sqlite")
    connection.executescript(
        "CREATE TABLE version (table_name VARCHAR(32) NOT NULL, table_version INTEGER DEFAULT 0 NOT NULL);"
        "INSERT INTO version VALUES ('acc', 5), ('missed_calls', 4);"
        + TABLE.format("acc")
        + TABLE.format("missed_calls")
    )
    connection.close()
    numbers = "".join(f"{CALLER};+4930666{n:02d}{9 if n < BUSY else 1};\n" for n in range(CALLS))
    (folder / "numbers.csv").write_text("SEQUENTIAL\n" + numbers)
    (folder / "call.xml").write_text(CALL)
    (folder / "text.xml").write_text(TEXT)
    kamailio = shutil.which("kamailio") or "/usr/sbin/kamailio"
    command = [kamailio, "-f", str(folder / "kamailio.cfg"), "-E", "-DD", "-m", "32", "-M", "4"]
    command += ["-P", str(folder / "pid"), "-Y", str(folder)]
    sipp = ["sipp", f"127.0.0.1:{proxy}", "-i", "127.0.0.1", "-nostdin"]
    with running(command, folder / "acc.log"), running([*sipp, "-p", str(callee), "-sn", "uas"], folder / "uas.out"):
        until(lambda: b"ready" in (folder / "acc.log").read_bytes() or (folder / "pid").exists(), "kamailio starts")
        subprocess.run(["sleep", "1"], check=True)
        for scenario, count in (("call", CALLS), ("text", TEXTS)):
            own = [
                *sipp,
                "-p",
                str(caller),
                "-sf",
                str(folder / f"{scenario}.xml"),
                "-inf",
                str(folder / "numbers.csv"),
            ]
            own += ["-r", "10", "-m", str(count), "-timeout", "30", "-timeout_error"]
            with (folder / f"{scenario}.out").open("wb") as out:
                subprocess.run(own, cwd=folder, stdout=out, stderr=out, timeout=60, check=True)
        until(lambda: (folder / "acc.log").read_bytes().count(b"method=BYE") >= CALLS - BUSY, "all calls end")
        subprocess.run(["sleep", "1"], check=True)
    return folder


@pytest.fixture
def today(tmp_path):
    now = dt.datetime.now(dt.UTC)
    world = World.make(tmp_path, now=now)
    day = now.date()
    world.epoch(str(day - dt.timedelta(days=1)), str(day + dt.timedelta(days=1)))
    return world


@pytest.mark.parametrize(("name", "file"), [("kamailio", "acc.log"), ("kamailio-sqlite", "acc.sqlite")])
def test_fresh_accounting_is_sealed_opened_and_audited(name, file, accounting, today):
    data = (accounting / file).read_bytes()
    assert name != "kamailio" or b"SECRET" in data
    (count,) = today.ingest_files([accounting / file], by=feed_of(name)).files
    assert (count.kept, count.rejected.total()) == (CALLS + TEXTS, 0)
    assert count.merged["bye"] == CALLS - BUSY
    day = today.now.date()
    days = [(str(day - dt.timedelta(days=1)), str(day))]
    note = today.authorize(subjects=[f"tel:{CALLER}"], days=days, kinds="call,text")
    rows = list(csv.DictReader(io.StringIO(today.open(note).records_csv.decode())))
    assert len(rows) == CALLS + TEXTS
    calls = [row for row in rows if row["kind"] == "call"]
    talked = [int(row["duration_s"]) for row in calls if row["duration_s"] not in ("", "0")]
    assert len(talked) == CALLS - BUSY
    assert set(talked) <= {1, 2, 3}  # 1.2 s each, and what a busy machine adds
    assert audit(["vault", str(today.vault.path)]) == 0
    assert not [p for p in today.vault.path.rglob("*") if p.is_file() and b"SECRET" in p.read_bytes()]
