"""Invented files of every format, with a canary in each field that holds content, and a way to read them.

    case = CASES["kannel"]
    found = read(case, [case.data], size=100)       # in pieces of about 100 bytes
    table(found)                                    # file -> rows, rejects, merged, skipped

All numbers are invented. Each case says how many source records stand in it and how many events they tell of, counted by hand.
"""

import datetime as dt
import io
import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq

import roaming_writing as roaming
from cdr_writing import framed, record, stamp
from coffer.records.draft import Window
from coffer.records.feed import Feed, parse_feed
from coffer.records.readers.formats import HEAD_BYTES, format_named
from coffer.records.readers.port import Found, Framing, Piece

WINDOW = Window(earliest=dt.datetime(2026, 1, 1, tzinfo=dt.UTC), latest=dt.datetime(2027, 1, 1, tzinfo=dt.UTC))
CANARY = "SECRET"
T0 = 1795456810
"""2026-11-23 18:00:10 UTC."""
A, B, C, D = "+4930111111", "+4930222222", "+4930333333", "+4930444444"


@dataclass(frozen=True, kw_only=True)
class Case:
    """``records``: source records in ``data``; ``events``: what they tell of; ``more``: lines of the feed's own tables."""

    name: str
    data: bytes
    records: int
    events: int
    more: str = ""
    top: str = ""
    zone: str = "UTC"

    @property
    def feed(self) -> Feed:
        return feed_of(self.name, more=self.more, top=self.top, zone=self.zone)

    @property
    def is_lines(self) -> bool:
        return format_named(self.name).framing is Framing.LINES


def feed_of(name: str, *, more: str = "", top: str = "", zone: str = "UTC") -> Feed:
    text = f'[feed]\nname = "x"\nformat = "{name}"\nhome_country = "DE"\ntime_zone = "{zone}"\n{top}\n{more}\n'
    return parse_feed(text, "feed.toml")


def read(
    case: Case, files: Sequence[bytes], *, size: int = 1 << 24, make: Callable | None = None, anywhere: bool = False
) -> list[Found]:
    """Everything a reader gives for some files, each cut into pieces of about ``size`` bytes; ``anywhere``: also within lines."""
    form = format_named(case.name)
    if form.bind is not None:
        return _read_bound(case, files, size)
    reader = (make or form.open)(case.feed, WINDOW)
    found: list[Found] = []
    for number, data in enumerate(files):
        for piece in pieces(number, data, size, is_lines=case.is_lines, anywhere=anywhere):
            found += reader.take(piece)
        found += reader.end_file(number)
    return [*found, *reader.finish()]


def _read_bound(case: Case, files: Sequence[bytes], size: int) -> list[Found]:
    """Files whose lines stand alone; any run of whole lines is read by itself."""
    found: list[Found] = []
    for number, data in enumerate(files):
        bound = format_named(case.name).bind(case.feed, data[:HEAD_BYTES], "file")
        for piece in pieces(number, data, size, is_lines=True):
            parsed = bound.read(piece.data, first_line=piece.first, window=WINDOW)
            found.append(Found(file=number, parsed=parsed))
    return found


def pieces(number: int, data: bytes, size: int, *, is_lines: bool, anywhere: bool = False):
    at, line = 0, 1
    while at < len(data):
        end = min(len(data), at + size)
        if is_lines and not anywhere and end < len(data):
            end = data.find(b"\n", end - 1) + 1 or len(data)
        yield Piece(file=number, data=data[at:end], first=line if is_lines else at)
        line += data.count(b"\n", at, end)
        at = end


def table(found: Sequence[Found]) -> dict[int, tuple]:
    """By file: rows in the order of their places, rejects, merged and skipped; empty where nothing was found."""
    rows, rejects = defaultdict(list), defaultdict(list)
    merged, skipped = defaultdict(Counter), defaultdict(Counter)
    for one in found:
        parsed = one.parsed
        rows[one.file] += parsed.batch.to_pylist()
        rejects[one.file] += zip(
            parsed.rejects.lines.tolist(), parsed.rejects.reasons.tolist(), parsed.rejects.fields, strict=True
        )
        merged[one.file].update(parsed.merged)
        skipped[one.file].update(parsed.skipped)
    return {
        file: (sorted(rows[file], key=lambda row: row["line"]), sorted(rejects[file]), merged[file], skipped[file])
        for file in sorted({one.file for one in found})
    }


def counts(found: Sequence[Found]) -> tuple[int, int, int, int]:
    """Read, kept, rejected, merged."""
    parsed = [one.parsed for one in found]
    return (
        sum(p.read for p in parsed),
        sum(p.batch.num_rows for p in parsed),
        sum(len(p.rejects.lines) for p in parsed),
        sum(p.merged.total() for p in parsed),
    )


# Asterisk: 21 columns. A forwarded call, a forked one, one from an unknown extension.


def master_row(src, dst, channel, to, start, answer, end, seconds, disposition, unique, linked) -> str:
    answered = f'"{answer}"' if answer else ""
    return (
        f'"acct","{src}","{dst}","ctx","""{CANARY} name"" <{src}>","{channel}","{to}","Dial","{CANARY},30","{start}",{answered},"{end}",'
        f'30,{seconds},"{disposition}","DOCUMENTATION","{unique}","{CANARY} field","","{linked}",7\n'
    )


def _stamp(second: int) -> str:
    return f"2026-11-23 18:00:{second:02d}"


def _asterisk() -> bytes:
    s = _stamp
    rows = [
        master_row(A, B, "PJSIP/t-1", "PJSIP/201-1", s(0), s(2), s(9), 7, "ANSWERED", "1795456810.1", "1795456810.1"),
        master_row(A, B, "PJSIP/t-2", "PJSIP/201-2", s(0), "", s(9), 0, "NO ANSWER", "1795456811.1", "1795456811.1"),
        master_row(A, B, "PJSIP/t-2", "Local/9@x-1;1", s(1), s(3), s(9), 5, "ANSWERED", "1795456811.1", "1795456811.1"),
        master_row(A, C, "Local/9@x-1;2", "PJSIP/202", s(1), s(3), s(9), 5, "ANSWERED", "1795456811.2", "1795456811.1"),
        master_row(D, A, "PJSIP/t-3", "", s(1), "", s(9), 0, "BUSY", "1795456812.2", "1795456812.2"),
    ]
    return "".join(rows).encode()


# CUCM: an answered call, a forwarded one, a transferred one (two legs), a conference (three legs).

CUCM_NAMES = (
    "cdrRecordType",
    "globalCallID_callManagerId",
    "globalCallID_callId",
    "origLegCallIdentifier",
    "dateTimeOrigination",
    "callingPartyNumber",
    "originalCalledPartyNumber",
    "finalCalledPartyNumber",
    "dateTimeConnect",
    "dateTimeDisconnect",
    "lastRedirectDn",
    "pkid",
    "duration",
    "globalCallId_ClusterID",
    "huntPilotDN",
    "callingPartyUnicodeLoginUserID",
    "comment",
)


def cucm_row(call, begun, a, original, final, connected, ended, seconds, pilot="") -> str:
    return (
        f'1,1,{call},5,{begun},"{a}","{original}","{final}",{connected},{ended},"","{CANARY}",{seconds},"C","{pilot}",'
        f'"{CANARY}","{CANARY}"\n'
    )


def _cucm() -> bytes:
    head = ",".join(f'"{name}"' for name in CUCM_NAMES) + "\n" + ",".join(["INTEGER"] * len(CUCM_NAMES)) + "\n"
    rows = [
        cucm_row(10, T0, A, B, B, T0 + 2, T0 + 10, 8),
        cucm_row(11, T0, A, B, C, 0, T0 + 10, 0),
        cucm_row(12, T0, A, B, B, T0 + 2, T0 + 10, 8),
        cucm_row(12, T0 + 10, A, C, C, T0 + 10, T0 + 40, 30),
        cucm_row(14, T0, A, B, B, T0 + 2, T0 + 10, 8),
        cucm_row(14, T0 + 10, A, "b0029901001", "b0029901001", T0 + 10, T0 + 60, 50),
        cucm_row(14, T0 + 10, B, "b0029901001", "b0029901001", T0 + 10, T0 + 50, 40),
        cucm_row(15, T0, A, "8000", B, T0 + 2, T0 + 10, 8, pilot="8000"),
    ]
    return (head + "".join(rows)).encode()


# FreeSWITCH: an A leg with two B legs, a transferred call, a redirected and unanswered one.


def leg(uuid, direction, a, b, begun, answered, ended, cause="NORMAL_CLEARING", *, rdnis="", then="", **variables):
    own = {
        "uuid": uuid,
        "direction": direction,
        "start_epoch": str(begun),
        "start_uepoch": f"{begun}123456",
        "answer_epoch": str(answered),
        "end_epoch": str(ended),
        "billsec": str(ended - answered if answered else 0),
        "hangup_cause": cause,
        "digits_dialed": CANARY,
        "sip_h_Subject": f"{CANARY}%20words",
        "record_file": f"/{CANARY}.wav",
        **variables,
    }
    flows = [{"profile_index": "1", "caller_profile": _profile(a, b, uuid, rdnis)}]
    if then:
        flows.insert(0, {"profile_index": "2", "caller_profile": _profile(a, then, uuid, "")})
    return {
        "core-uuid": "c",
        "channel_data": {"state": "CS_REPORTING"},
        "variables": {key: quote(value) for key, value in own.items()},
        "app_log": {"applications": [{"app_name": "bridge", "app_data": CANARY}]},
        "callflow": flows,
    }


def _profile(a, b, uuid, rdnis):
    return {
        "username": CANARY,
        "caller_id_name": CANARY,
        "caller_id_number": quote(a),
        "destination_number": quote(b),
        "rdnis": quote(rdnis),
        "uuid": uuid,
    }


LEGS = [
    leg("a-1", "inbound", A, B, T0, T0 + 2, T0 + 10),
    leg("b-1", "outbound", A, "201", T0, T0 + 2, T0 + 10, originating_leg_uuid="a-1", signal_bond="a-1"),
    leg("b-2", "outbound", A, "202", T0, 0, T0 + 2, "LOSE_RACE", originator="a-1"),
    leg("a-3", "inbound", A, B, T0, T0 + 2, T0 + 10, then=C),
    leg("a-4", "inbound", A, B, T0, 0, T0 + 10, "NO_ANSWER", rdnis=D),
]


def xml_leg(document) -> str:
    def element(name, value):
        return f"<{name}>{value}</{name}>"

    variables = "".join(element(key, value) for key, value in document["variables"].items())
    flows = "".join(
        f'<callflow dialplan="XML" profile_index="{flow["profile_index"]}"><caller_profile>'
        + "".join(element(key, value) for key, value in flow["caller_profile"].items())
        + "</caller_profile></callflow>"
        for flow in document["callflow"]
    )
    return (
        '<?xml version="1.0"?>\n<cdr core-uuid="c"><channel_data><state>x</state></channel_data><variables>'
        f'{variables}</variables><app_log><application app_name="bridge" app_data="{CANARY}"/></app_log>{flows}</cdr>\n'
    )


# Kamailio: an answered call with BYE (by the callee) and CDR, a busy one with two rows and a CDR, a text, and other lines.

STAMP = "Nov 23 18:00:09 vm kamailio[15911]: NOTICE: acc [acc.c:261]: acc_log_request(): ACC: "


def acc_line(prefix, second, method, tags, call, code, a, b, fraction=0) -> str:
    return (
        f"{STAMP}{prefix}: timestamp={T0 + second};tusec={fraction};method={method};from_tag={tags[0]};to_tag={tags[1]};call_id={call};"
        f"code={code};reason={CANARY};src_user={a};src_domain=corp.example;dst_ouser={b};dst_user={b};body={CANARY};name={CANARY}\n"
    )


def cdr_line(begun, seconds, a, b, call) -> str:
    return (
        f"Nov 23 18:00:10 vm kamailio[15910]: NOTICE: acc [acc_cdr.c:395]: log_write_cdr(): start_time={begun}.100; end_time={begun + seconds}.900; "
        f"duration={seconds}.800; src_user={a}; dst_user={b}; callid={call}; subject={CANARY}\n"
    )


def _kamailio() -> bytes:
    lines = [
        acc_line("transaction answered", 0, "INVITE", ("f1", "t1"), "c1@x", 200, A, B, 945788),
        acc_line("call missed", 1, "INVITE", ("f2", "t2"), "c2@x", 486, B, C),
        acc_line("transaction failed", 1, "INVITE", ("f2", "t2"), "c2@x", 486, B, C),
        f"Nov 23 18:00:10 vm kamailio[1]: NOTICE: <script>: {CANARY}\n",
        acc_line("request acknowledged", 1, "ACK", ("f1", "t1"), "c1@x", 200, A, ""),
        acc_line("transaction answered", 9, "BYE", ("t1", "f1"), "c1@x", 200, B, "", 0),
        cdr_line(T0, 8, A, B, "c1@x"),
        cdr_line(T0 + 1, 0, B, C, "c2@x"),
        acc_line("transaction answered", 2, "MESSAGE", ("f3", "t3"), "c3@x", 202, A, C),
        acc_line("transaction answered", 2, "OPTIONS", ("f4", "t4"), "c4@x", 200, A, C),
    ]
    return "".join(lines).encode()


def _kamailio_sqlite() -> bytes:
    connection = sqlite3.connect(":memory:")
    columns = (
        "id INTEGER PRIMARY KEY, method TEXT, from_tag TEXT, to_tag TEXT, callid TEXT, sip_code TEXT, sip_reason TEXT, time TIMESTAMP, "
        "tsec INTEGER, tusec INTEGER, src_user TEXT, dst_user TEXT, dst_ouser TEXT, body TEXT"
    )
    for name in ("acc", "missed_calls"):
        connection.execute(f"CREATE TABLE {name} ({columns})")
    connection.execute(
        "CREATE TABLE acc_cdrs (id INTEGER PRIMARY KEY, start_time TIMESTAMP, end_time TIMESTAMP, duration FLOAT(10,3), src_user TEXT, "
        "dst_user TEXT, callid TEXT, subject TEXT)"
    )

    def add(table, second, method, tags, call, code, a, b):
        julian = (T0 + second - 0.5) / 86400 + 2440587.5
        row = (method, *tags, call, code, CANARY, julian, T0 + second, 0, a, b, b, CANARY)
        connection.execute(f"INSERT INTO {table} VALUES (NULL, {', '.join('?' * len(row))})", row)

    add("acc", 0, "INVITE", ("f1", "t1"), "c1@x", "200", A, B)
    add("acc", 9, "BYE", ("f1", "t1"), "c1@x", "200", A, "")
    add("acc", 2, "MESSAGE", ("f3", "t3"), "c3@x", "202", A, C)
    add("acc", 2, "OPTIONS", ("f4", "t4"), "c4@x", "200", A, C)
    add("missed_calls", 1, "INVITE", ("f2", "t2"), "c2@x", "486", B, C)
    julian = (T0 + 20 - 0.5) / 86400 + 2440587.5
    for call, seconds, a, b in (("c1@x", 9.0, A, B), ("c9@x", 3.7, B, D)):
        row = (julian, julian, seconds, a, b, call, CANARY)
        connection.execute("INSERT INTO acc_cdrs VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)", row)
    connection.commit()
    return connection.serialize()


def _kamailio_table() -> bytes:
    """As ``mysql --batch`` writes them: an answered call with BYE, one that nobody took, a text, a registration."""
    names = "id method from_tag to_tag callid sip_code sip_reason time src_user dst_user dst_ouser body"
    rows = [
        ("INVITE", "f1", "t1", "c1@x", "200", "18:00:10", A, B),
        ("INVITE", "f2", "t2", "c2@x", "486", "18:00:11", B, C),
        ("MESSAGE", "f3", "t3", "c3@x", "202", "18:00:12", A, C),
        ("REGISTER", "f4", "t4", "c4@x", "200", "18:00:12", A, A),
        ("BYE", "t1", "f1", "c1@x", "200", "18:00:19", B, "NULL"),
    ]
    lines = [
        (str(number), method, *tags, code, CANARY, f"2026-11-23 {at}", a, b, b, CANARY)
        for number, (method, *tags, code, at, a, b) in enumerate(rows, 1)
    ]
    return "".join("\t".join(line) + "\n" for line in (names.split(), *lines)).encode()


def jasmin_line(way, number, a, b, text, status="ESME_ROK", more="", second=6) -> str:
    return (
        f"2026-11-23 18:58:{second:02d} INFO     1234 SMS-{way} [cid:op-1] [queue-msgid:q-{number}] {more}[status:{status}] "
        f"[prio:1] [validity:none] [from:{a}] [to:{b}] [content:{text}]\n"
    )


def _jasmin() -> bytes:
    lines = [
        f"2026-11-23 18:58:05 INFO     1234 {CANARY} configured and ready.\n",
        jasmin_line("MT", 1, A, B, f"{CANARY}] [to:+4930999999] [content:"),
        jasmin_line("MO", 2, f"b'{B}'", "b'36500'", f"b'{CANARY}'"),
        jasmin_line("MT", 3, "b'CORP'", f"b'{C}'", CANARY, "ERROR/ESME_RTHROTTLED", "[retry:True] ").replace(
            "[retry:True] [status:ERROR/ESME_RTHROTTLED] ", "[status:ERROR/ESME_RTHROTTLED] [retry:True] "
        ),
        jasmin_line("MT", 3, "b'CORP'", f"b'{C}'", CANARY, more="[smpp-msgid:7] ", second=20),
        f"2026-11-23 18:58:21 INFO     1234 DLR [cid:op-1] [smpp-msgid:7] [status:DELIVRD] [content:{CANARY}]\n",
    ]
    return "".join(lines).encode()


# Kannel: a text sent, one received, one that failed, a delivery report; texts that imitate the fields behind them.


def kannel_line(what, a, b, text) -> str:
    return (
        f"2026-11-23 18:58:06 {what} [SMSC:FAKE] [SVC:tester] [ACT:] [BINF:] [FID:] [META:] [from:{a}] [to:{b}] [flags:-1:0:-1:-1:-1] "
        f"[msg:{len(text)}:{text}] [udh:0:{CANARY}]\n"
    )


def _kannel() -> bytes:
    lines = [
        "2026-11-23 18:58:03 Log begins\n",
        kannel_line("Sent SMS", A, B, f"{CANARY} ] [to:+4930999999] [flags:-1:0:-1:-1:-1] [msg:2:hi]"),
        kannel_line("Receive SMS", B, "36500", CANARY),
        kannel_line("FAILED Send SMS", "CORP", C, CANARY),
        kannel_line("Receive DLR", A, B, CANARY),
        "2026-11-23 18:58:18 Log ends\n",
    ]
    return "".join(lines).encode()


# Twilio: a call with the leg it dialled, a withheld caller, a forwarded call; texts with line ends and quotes in the body.


def _twilio_calls() -> bytes:
    lines = [
        "Call Sid,Parent Call Sid,From,To,Direction,Start Time,Duration,Status,Forwarded From,Caller Name",
        f'CA1,,{A},{B},inbound,"Mon, 23 Nov 2026 18:00:10 +0000",30,completed,,{CANARY}',
        f"CA2,CA1,{A},{C},outbound-dial,2026-11-23T18:00:15Z,20,completed,,{CANARY}",
        f"CA3,,+266696687,{B},inbound,18:00:10 UTC 2026-11-23,,no-answer,,{CANARY}",
        f"CA4,,{A},{B},inbound,2026-11-23 18:00:10,5,busy,{D},{CANARY}",
    ]
    return "".join(line + "\n" for line in lines).encode()


def _twilio_messages() -> bytes:
    lines = [
        "From,To,Body,Status,SentDate,ApiVersion,NumSegments,ErrorCode,AccountSid,Sid,Direction,Price,PriceUnit",
        f'{A},{B},"{CANARY}, and\n{A},{D},""two""",delivered,2026-11-23 18:00:10 UTC,2010,1,,AC,SM1,outbound-api,,',
        f'CORP,{B},"{CANARY}",failed,2026-11-23T19:00:10+01:00,2010,1,,AC,SM2,outbound-api,,',
        f'{B},whatsapp:{A},{CANARY},received,"Mon, 23 Nov 2026 18:00:10 +0000",2010,1,,AC,SM3,inbound,,',
    ]
    return "".join(line + "\n" for line in lines).encode()


# Parquet: as the feed names the columns; a text column that it does not name.

PARQUET_TABLES = (
    '[parquet]\n[columns]\na = "caller"\nb = "callee"\nstart = "begun"\nduration_s = "seconds"\nanswered = "ok"'
)


def _parquet() -> bytes:
    at = dt.datetime(2026, 11, 23, 18, 0, 10)  # noqa: DTZ001 - a column without a zone
    made = pa.table(
        {
            "caller": pa.array([A, B, A]).dictionary_encode(),
            "callee": pa.array([4930222222, 4930333333, None]),
            "begun": pa.array([at, at, at], pa.timestamp("ms")),
            "seconds": pa.array([1.5, 2, None]),
            "ok": [True, False, None],
            "body": [CANARY] * 3,
        }
    )
    out = io.BytesIO()
    pq.write_table(made, out)
    return out.getvalue()


CASES = {
    case.name: case
    for case in (
        Case(name="asterisk", data=_asterisk(), records=5, events=3),
        Case(name="cucm", data=_cucm(), records=8, events=5),
        Case(
            name="freeswitch-json",
            data="".join(json.dumps(one) + "\n" for one in LEGS).encode(),
            records=5,
            events=3,
        ),
        Case(name="freeswitch-xml", data="".join(xml_leg(one) for one in LEGS).encode(), records=5, events=3),
        Case(name="jasmin", data=_jasmin(), records=5, events=3),
        Case(name="kamailio", data=_kamailio(), records=8, events=3),
        Case(name="kamailio-sqlite", data=_kamailio_sqlite(), records=6, events=4),
        Case(name="kamailio-table", data=_kamailio_table(), records=4, events=3),
        Case(name="kannel", data=_kannel(), records=4, events=3),
        Case(name="parquet", data=_parquet(), records=3, events=2, more=PARQUET_TABLES, top='kind = "call"'),
        Case(name="twilio-calls", data=_twilio_calls(), records=4, events=3),
        Case(name="twilio-messages", data=_twilio_messages(), records=3, events=3),
    )
}


# Mail: a mail that is delivered, one that is deferred first, with what header lines, replies and subjects hold between them.

MAIL_A, MAIL_B = "ann@x.example", "bob@y.example"


def _postfix() -> bytes:
    def line(second, daemon, text):
        return f"Nov 23 18:00:{second:02d} mx postfix/{daemon}[7]: {text}\n"

    lines = [
        line(0, "smtpd", "4jYDB64xy6zCHdY: client=c[192.0.2.7]"),
        line(0, "cleanup", "4jYDB64xy6zCHdY: message-id=<m1@x.example>"),
        line(0, "cleanup", f"4jYDB64xy6zCHdY: warning: header Subject: {CANARY} from c[192.0.2.7]"),
        line(0, "qmgr", f"4jYDB64xy6zCHdY: from=<{MAIL_A}>, size=9, nrcpt=1 (queue active)"),
        line(1, "smtp", f"4jYDB64xy6zCHdY: to=<{MAIL_B}>, relay=none, delay=1, dsn=4.0.0, status=deferred ({CANARY})"),
        line(
            9,
            "smtp",
            f"4jYDB64xy6zCHdY: to=<{MAIL_B}>, relay=y[192.0.2.8]:25, delay=9, dsn=2.0.0, status=sent (250 ok)",
        ),
        line(9, "qmgr", "4jYDB64xy6zCHdY: removed"),
    ]
    return "".join(lines).encode()


def _sendmail() -> bytes:
    def line(second, text):
        return f"Nov 23 18:00:{second:02d} mx sm-mta[7]: 6ANI00rB000007: {text}\n"

    to = f"to=<{MAIL_B}>, delay=00:00:01, xdelay=00:00:00, mailer=esmtp, pri=30237, relay=y. [192.0.2.8], "
    lines = [
        line(0, f"from=<{MAIL_A}>, size=9, class=0, nrcpts=1, msgid=<m1@x.example>, proto=SMTP, relay=c [192.0.2.7]"),
        line(0, f"Milter change: header Subject: from {CANARY} to {CANARY}"),
        line(1, f"{to}dsn=4.2.0, reply=450 4.2.0 {CANARY}, stat=Deferred: 450 4.2.0 {CANARY}"),
        line(9, f"{to}dsn=2.0.0, stat=Sent ({CANARY})"),
    ]
    return "".join(lines).encode()


def _opensmtpd() -> bytes:
    def line(second, text):
        return f"Nov 23 18:00:{second:02d} mx smtpd[7]: {text}\n"

    to = f'evpid=3d4c4a424797fe79 from=<{MAIL_A}> to=<{MAIL_B}> rcpt=<-> source="192.0.2.1" relay="192.0.2.8 (y)" delay=9s'
    lines = [
        line(0, "5df87c9b982c840c smtp connected address=192.0.2.7 host=c"),
        line(0, f'5df87c9b982c840c smtp failed-command command="{CANARY}" result="500 no"'),
        line(0, "5df87c9b982c840c smtp message msgid=3d4c4a42 size=9 nrcpt=1 proto=ESMTP"),
        line(0, f"5df87c9b982c840c smtp envelope evpid=3d4c4a424797fe79 from=<{MAIL_A}> to=<{MAIL_B}>"),
        line(1, f'5df87c9b982c8411 mta delivery {to} result="TempFail" stat="450 {CANARY}"'),
        line(9, f'5df87c9b982c8411 mta delivery {to} result="Ok" stat="250 {CANARY}"'),
    ]
    return "".join(lines).encode()


def _exim() -> bytes:
    lines = [
        f'1xVYQR-0004xz-2m <= {MAIL_A} H=c.example [192.0.2.7] P=esmtp S=9 id=m1@x.example T="{CANARY}"',
        f"1xVYQR-0004xz-2m == {MAIL_B} R=dnslookup T=remote_smtp defer (-53): {CANARY}",
        f'1xVYQR-0004xz-2m => {MAIL_B} R=dnslookup T=remote_smtp H=y.example [192.0.2.8] C="250 Ok {CANARY}"',
        "1xVYQR-0004xz-2m Completed",
    ]
    return "".join(f"2026-11-23 18:00:0{second} {line}\n" for second, line in enumerate(lines)).encode()


def _exchange() -> bytes:
    names = (
        "date-time,event-id,message-id,network-message-id,recipient-address,message-subject,sender-address,return-path"
    )
    events = ((0, "RECEIVE"), (1, "DEFER"), (2, "DELIVER"))
    lines = [
        f'2026-11-23T18:00:0{s}.123Z,{event},<m1@x>,n1,{MAIL_B},"{CANARY}, and",{MAIL_A},{MAIL_A}'
        for s, event in events
    ]
    return "".join(f"{line}\r\n" for line in (f"#Fields: {names}", *lines)).encode()


# Charging records: a call in TS 32.297 frames, and the same record once more.


def _ber() -> bytes:
    call = record(
        "mo", imsi="262011234567890", msisdn="4930111111", calling="4930111111", called="4930222222", entity="491770000001",
        answer=stamp("261123180010"), duration=42, cause=0, reference=b"\0\1",
    )  # fmt: skip
    return framed([call, call])


# CSV and JSON lines: as the feed names the columns, and one that it does not name.

CSV_TABLES = (
    '[csv]\nheader = false\ndate_format = "%Y-%m-%d %H:%M:%S"\n[columns]\na = 0\nb = 1\nstart = 2\nduration_s = 3'
)
JSON_TABLES = '[jsonl]\ndate_format = "%Y-%m-%d %H:%M:%S"\n[columns]\na = "a"\nb = "b"\nstart = "at"\nduration_s = "s"'
FIXED_TABLES = (
    '[fixed]\nblank = "16"\ndate_format = "%Y-%m-%d %H:%M:%S"\n[fixed.places]\nFrom = "1-15"\nTo = "17-31"\n'
    'At = "33-51"\nFor = "53-55"\n[columns]\na = "From"\nb = "To"\nstart = "At"\nduration_s = "For"'
)
_ROWS = ((A, B, "2026-11-23 18:00:10", 5), (B, C, "2026-11-23 18:00:20", 0), (A, "", "2026-11-23 18:00:30", 7))


def _csv() -> bytes:
    return "".join(f"{a},{b},{at},{s},{CANARY}\n" for a, b, at, s in _ROWS).encode()


def _fixed() -> bytes:
    return "".join(f"{a:15} {b:15} {at} {s:3} {CANARY}\n" for a, b, at, s in _ROWS).encode()


def _jsonl() -> bytes:
    return "".join(
        json.dumps({"a": a, "b": b, "at": at, "s": s, "body": f"{CANARY}, and"}) + "\n" for a, b, at, s in _ROWS
    ).encode()


def _nrtrde() -> bytes:
    """A call abroad, and one of data."""
    return roaming.nrtrde(
        roaming.event(3, more=roaming.el(27, B[1:].encode()) + roaming.el(30, CANARY.encode())),
        roaming.el(5, roaming.el(16, CANARY.encode()), constructed=True),
    )


_TAP3 = Path(__file__).parent / "samples/roaming/tap3.tap"
ALL_CASES = CASES | {
    case.name: case
    for case in (
        Case(name="ber", data=_ber(), records=2, events=1),
        Case(name="csv", data=_csv(), records=3, events=2, more=CSV_TABLES, top='kind = "call"'),
        Case(name="exchange", data=_exchange(), records=2, events=1),
        Case(name="exim", data=_exim(), records=2, events=1),
        Case(name="fixed", data=_fixed(), records=3, events=2, more=FIXED_TABLES, top='kind = "call"'),
        Case(name="jsonl", data=_jsonl(), records=3, events=2, more=JSON_TABLES, top='kind = "call"'),
        Case(name="nrtrde", data=_nrtrde(), records=1, events=1),
        Case(name="opensmtpd", data=_opensmtpd(), records=2, events=1),
        Case(name="postfix", data=_postfix(), records=2, events=1),
        Case(name="sendmail", data=_sendmail(), records=2, events=1),
        Case(name="tap3", data=_TAP3.read_bytes(), records=10, events=8),
    )
}
"""Every format there is; ``CASES`` without mail, charging records and columns, of which other tests write their own files."""

EACH_LINE_TOLD = {
    name for name, case in ALL_CASES.items() if case.is_lines and name not in ("twilio-calls", "twilio-messages")
}
"""Formats in which each line is one thing: kept, merged, rejected or skipped. Texts of Twilio may hold line ends."""


def skipped(found: Sequence[Found]) -> Counter:
    """Lines that report no event, by what they are."""
    return sum((one.parsed.skipped for one in found), Counter())


def is_every_line_told(name: str, data: bytes, found: Sequence[Found]) -> bool:
    """Whether as many lines are accounted for as the file has; records of other formats are no lines."""
    lines = data.count(b"\n") + (bool(data) and not data.endswith(b"\n"))
    told = counts(found)[0] + skipped(found).total()
    if name == "cucm":  # the header is none of them
        return told in (lines, lines - 1)
    if name in ("exchange", "sendmail"):  # a line may name several recipients
        return told >= lines
    return name not in EACH_LINE_TOLD or told == lines
