import reference as ref
from known_answers.parties import AUTH, DESK, INGESTER, NAMES, ORIGIN, RESP, TIME, key


def roster_text(
    *,
    time=TIME,
    names=NAMES,
    rules=("base 2 of judge,dpo,regulator",),
    witnesses=(),
    tally="exact",
    numbering="9.0.43",
    emergency=None,
    ratify="48",
    statistics="full",
    **changes,
):
    sealing = {name: bytes([65 + i]) * 1216 for i, name in enumerate((*NAMES, "cnctr"))}
    fields = {"quorum": "0", "retention-days": "365", "late-days": "30", "waiting-days": "90", "cell-cap": "200"} | {
        k.replace("_", "-"): v for k, v in changes.items()
    }
    lines = ["coffer.roster/v3", f"origin: {ORIGIN}", f"time: {time}"]
    lines += [f"custodian: {name} {AUTH[name].vkey} {RESP[name].vkey} {ref.b64(sealing[name])}" for name in names]
    lines += [f"rule: {rule}" for rule in rules]
    lines += [] if emergency is None else [f"emergency: {emergency}", f"ratify-hours: {ratify}"]
    lines += [f"ingester: {INGESTER.vkey}", f"requester: desk {DESK.vkey}"]
    lines += [f"witness: {vkey}" for vkey in witnesses] + [f"{k}: {v}" for k, v in fields.items()]
    lines += [f"tally: {tally}", f"numbering: {numbering}", f"statistics: {statistics}"]
    return ("\n".join(lines) + "\n").encode()


GENESIS = roster_text()


def swapped(text, first, second):
    assert first + second in text
    return text.replace(first + second, second + first)


def make_rosters(out):
    def add(name, expect, text):
        signed = ref.note(text, *(AUTH[name] for name in NAMES))
        out.add(
            f"entries/roster{name}",
            expect,
            "roster",
            **({"hash": ref.roster_hash(text)} if expect == "ok" else {}),
            body=signed,
        )

    add("", "ok", GENESIS)
    add(
        "-with-everything",
        "ok",
        roster_text(
            names=(*NAMES, "cnctr"),
            rules=("base 2 of judge,dpo,regulator", "FR 2 of judge,dpo,regulator and cnctr"),
            witnesses=(ref.cosign_vkey(key("w.example/w1")),),
            quorum="1",
            tally="epsilon 0.1",
            cell_cap="65535",
            late_days="0",
            retention_days="36500",
            waiting_days="3650",
            numbering="1234.0.0001.9",
        ),
    )
    urgent = {"names": (*NAMES, "cnctr"), "emergency": "2 of dpo,regulator,cnctr"}
    sovereign = ("base 2 of judge,dpo,regulator", "FR 2 of judge,dpo,regulator and judge")
    add("-emergency", "ok", roster_text(**urgent))
    add("-emergency-of-two-rules", "ok", roster_text(**urgent, rules=sovereign))
    add("-emergency-with-indispensable", "ok", roster_text(emergency="2 of judge,dpo,regulator and judge"))
    add("-emergency-ratify-168", "ok", roster_text(**urgent, ratify="168"))
    add("-emergency-ratify-169", "parse", roster_text(**urgent, ratify="169"))
    add("-emergency-ratify-0", "parse", roster_text(**urgent, ratify="0"))
    add("-emergency-of-one", "parse", roster_text(emergency="1 of judge,dpo,regulator"))
    add("-emergency-of-too-few", "parse", roster_text(emergency="2 of judge,dpo"))
    add("-emergency-of-a-stranger", "parse", roster_text(emergency="2 of judge,dpo,cnctr"))
    without = roster_text(**urgent).replace(b"ratify-hours: 48\n", b"")
    add("-emergency-without-hours", "parse", without)
    add("-ratify-hours-without-emergency", "parse", GENESIS.replace(b"ingester: ", b"ratify-hours: 48\ningester: ", 1))
    add("-version-2", "parse", GENESIS.replace(b"coffer.roster/v3", b"coffer.roster/v2"))
    second = GENESIS.replace(b"statistics: full\n", b"")
    add("-of-version-2", "parse", second.replace(b"coffer.roster/v3", b"coffer.roster/v2"))
    add("-of-version-2-in-version-3", "parse", second)
    for level, expect in (("coarse", "ok"), ("none", "ok"), ("all", "parse"), ("Full", "parse")):
        add(f"-statistics-{level}", expect, roster_text(statistics=level))
    add("-waiting-1", "ok", roster_text(waiting_days="1"))
    add("-waiting-zero", "parse", roster_text(waiting_days="0"))
    add("-waiting-3651", "parse", roster_text(waiting_days="3651"))
    add("-waiting-before-late", "parse", swapped(GENESIS, b"late-days: 30\n", b"waiting-days: 90\n"))
    add("-numbering-before-tally", "parse", swapped(GENESIS, b"tally: exact\n", b"numbering: 9.0.43\n"))
    for name, version, expect in (
        ("two-numbers", "2026.11", "ok"),
        ("one-number", "9", "parse"),
        ("five-numbers", "1.2.3.4.5", "parse"),
        ("five-digits", "20261.1", "parse"),
        ("dot-last", "9.0.", "parse"),
        ("letter", "9.0.43a", "parse"),
    ):
        add(f"-numbering-{name}", expect, roster_text(numbering=version))
    add("-quorum-without-witness", "parse", roster_text(quorum="1"))
    one = (ref.cosign_vkey(key("w.example/w1")),)
    add("-quorum-of-all-witnesses", "ok", roster_text(witnesses=one, quorum="1"))
    add("-quorum-above-witnesses", "parse", roster_text(witnesses=one, quorum="2"))
    add("-tally-epsilon-zero", "parse", roster_text(tally="epsilon 0.000000"))
    add("-tally-epsilon-10", "ok", roster_text(tally="epsilon 10"))
    add("-tally-epsilon-above-10", "parse", roster_text(tally="epsilon 10.000001"))
    add("-quorum-without-witnesses", "parse", roster_text(quorum="1"))
    add("-cell-cap-zero", "parse", roster_text(cell_cap="0"))
    add("-retention-zero", "parse", roster_text(retention_days="0"))
    add("-base-second", "parse", roster_text(rules=("FR 2 of judge,dpo,regulator", "base 2 of judge,dpo,regulator")))
    add(
        "-countries-descending",
        "parse",
        roster_text(
            rules=("base 2 of judge,dpo,regulator", "FR 2 of judge,dpo,regulator", "DE 2 of judge,dpo,regulator")
        ),
    )
    add(
        "-same-key-in-two-roles",
        "parse",
        GENESIS.replace(
            f"ingester: {INGESTER.vkey}".encode(), f"ingester: {ref.vkey('ingester', DESK.public)}".encode()
        ),
    )
    add(
        "-key-of-another-name",
        "parse",
        GENESIS.replace(AUTH["judge"].vkey.encode(), ref.vkey("court/auth", AUTH["judge"].public).encode()),
    )
    add("-no-ingester", "parse", GENESIS.replace(f"ingester: {INGESTER.vkey}\n".encode(), b""))


def text_of(kind, *lines, time=TIME, origin=ORIGIN, version=None):
    version = version or {"close": 2, "fault": 2, "ingest": 2, "intent": 2, "refuse": 2}.get(kind, 1)
    return ("\n".join([f"coffer.{kind}/v{version}", f"origin: {origin}", f"time: {time}", *lines]) + "\n").encode()


def text_named(name):
    """The text of an entry of ``ENTRIES``, whose name begins with its type."""
    kind = name.partition("-without")[0].partition("-of-an")[0].removesuffix("-empty").removesuffix("-from-topic")
    return text_of(kind, *ENTRIES[name][1], version=3 if name.endswith("-from-topic") else None)


def exchanged(first, second):
    """What two lines are, and what they are in the other order."""
    return f"{first}\n{second}\n".encode(), f"{second}\n{first}\n".encode()


def hexes(name, size=32):
    return ref.stream(name.encode(), size).hex()


AUTHORIZATION = hexes("authorization")

COUNTS = ["files: 1024", "read: 10240", "kept: 7168", "rejected: 2048", "duplicate: 4611686018427387904"]

CODES = [
    "class: produce",
    "urgency: ordinary",
    "due: d10",
    "kinds: call,text",
    "age: w4",
    "issued-by: court",
    "issued-in: home",
]
"""Those of an intent, where the roster shows all."""

URGENT = [line.replace("ordinary", "emergency") for line in CODES]

REFUSED = ["class: preserve", "urgency: emergency"]

NONE = ["files: 0", "read: 0", "kept: 0", "rejected: 0", "duplicate: 0"]


def mark(offset):
    """What stands for an offset."""
    return hexes(f"offset {offset}", 16)


OFFSETS = [
    f"offsets: 0 - {mark(0)} {mark(1)}",
    f"offsets: 7 {mark(1000)} {mark(1400)} {mark(1500)}",
    f"offsets: 2147483647 {mark(9)} {mark(9)} {mark(10)}",
]

ENTRIES = {
    "epoch-key": (
        ("judge/auth",),
        [
            f"roster: {ref.roster_hash(GENESIS).hex()}",
            "custodian: judge",
            "day: 2016-09-01",
            f"key: {ref.b64(ref.stream(b'epoch', 1216))}",
        ],
    ),
    "ingest": (
        ("ingester",),
        [
            f"batch: {hexes('batch', 16)}",
            "entry: 1/1",
            "feed: calls",
            *COUNTS,
            f"segment: {hexes('seg')} {hexes('header')} 2016-09-01 call base 0 1024 -",
            f"segment: {hexes('seg2')} {hexes('header2')} 2016-09-01 email FR 4294967295 268435456 {hexes('old')}",
            f"tally: {hexes('tally')}",
        ],
    ),
    "ingest-empty": (
        ("ingester",),
        [f"batch: {hexes('batch', 16)}", "entry: 99999/99999", "feed: 0", *NONE, "tally: -"],
    ),
    "ingest-from-topic": (
        ("ingester",),
        [
            f"batch: {hexes('batch', 16)}",
            "entry: 1/1",
            "feed: calls",
            *COUNTS,
            f"topic: {hexes('topic', 16)}",
            *OFFSETS,
            f"segment: {hexes('seg')} {hexes('header')} 2016-09-01 call base 0 1024 -",
            f"tally: {hexes('tally')}",
        ],
    ),
    "withdraw": (("ingester",), [f"batch: {hexes('batch', 16)}"]),
    "receipt": (
        ("judge/resp",),
        [
            "custodian: judge",
            f"segment: {hexes('seg')}",
            f"canary: 0003 {hexes('c1', 16)}",
            f"canary: 0005 {hexes('c2', 16)}",
        ],
    ),
    "intent": (
        ("desk",),
        [
            f"authorization: {AUTHORIZATION}",
            "requester: desk",
            f"nonce: {hexes('nonce', 16)}",
            "cells-at-most: 1048576",
            *CODES,
        ],
    ),
    "intent-without-codes": (
        ("desk",),
        [
            f"authorization: {AUTHORIZATION}",
            "requester: desk",
            f"nonce: {hexes('nonce', 16)}",
            "cells-at-most: 1",
            *(f"{line.partition(':')[0]}: -" for line in CODES),
        ],
    ),
    "intent-of-an-emergency": (
        ("desk",),
        [
            f"authorization: {AUTHORIZATION}",
            "requester: desk",
            f"nonce: {hexes('nonce', 16)}",
            "cells-at-most: 1",
            "rules: FR,base",
            *URGENT,
        ],
    ),
    "ratify": (
        ("judge/auth",),
        ["intent: 4611686018427387904", f"authorization: {AUTHORIZATION}", "custodian: judge"],
    ),
    "draw": (("desk",), ["intent: 1", f"table: {hexes('table')}", "records: 268435456"]),
    "close": (
        ("desk",),
        [
            "intent: 1",
            f"result: {hexes('result')}",
            "records: 0",
            "answers: 9",
            "unconfirmed-cells: 0",
            "outcome: none",
            "took: d10",
        ],
    ),
    "refuse": (("judge/auth",), [f"authorization: {AUTHORIZATION}", "custodian: judge", "reason: merit", *REFUSED]),
    "revoke": (("judge/auth",), [f"authorization: {AUTHORIZATION}"]),
    "destroy": (("judge/resp",), ["custodian: judge", "day: 2016-09-01"]),
    "fault": (
        ("desk",),
        ["accuser: desk", "accused: judge", "object: intent 1", f"evidence: {hexes('evidence')}"],
    ),
    "absence": (("judge/auth", "dpo/auth"), ["custodian: regulator"]),
    "objection": (("regulator/auth",), ["absence: 1"]),
    "hold": (
        ("desk",),
        [
            f"note: {hexes('hold note')}",
            f"roster: {ref.roster_hash(GENESIS).hex()}",
            "rules: FR,base",
            "requester: desk",
            "until: 2016-12-04T12:00:00Z",
        ],
    ),
    "held": (
        ("judge/resp",),
        ["hold: 1", f"note: {hexes('hold note')}", "custodian: judge", "cells-at-most: 1048576"],
    ),
    "extend": (("desk",), ["hold: 1", f"note: {hexes('second note')}", "until: 2016-12-04T12:00:00Z"]),
    "release": (("desk",), ["hold: 4611686018427387904"]),
    "reveal": (
        ("anyone",),
        [
            f"authorization: {AUTHORIZATION}",
            f"hidden: 0 {hexes('l0')}",
            f"line: 1 {hexes('l1')} origin: {ORIGIN}",
            f"line: 2 {hexes('l2')} a  b",
            f"hidden: 3 {hexes('l3')}",
        ],
    ),
}


def signed(kind, lines, *signers, **changes):
    return ref.note(text_of(kind, *lines, **changes), *(key(name) for name in signers))


def make_entry(out):
    for name, (signers, _) in ENTRIES.items():
        out.add(f"entries/{name}", "ok", "entry", body=ref.note(text_named(name), *(key(s) for s in signers)))

    def bad(name, kind, old, new):
        signers, _ = ENTRIES[kind]
        text = text_named(kind)
        assert old in text, (name, old)
        out.add(
            f"entries/{kind}-{name}",
            "parse",
            "entry",
            body=ref.note(text.replace(old, new, 1), *(key(s) for s in signers)),
        )

    bad("part-above-total", "ingest", b"entry: 1/1", b"entry: 2/1")
    bad("part-zero", "ingest", b"entry: 1/1", b"entry: 0/1")
    bad("feed-17-characters", "ingest", b"feed: calls", b"feed: " + b"c" * 17)
    bad("kind-unknown", "ingest", b" call base", b" fax base")
    bad("tally-missing", "ingest", f"tally: {hexes('tally')}\n".encode(), b"")
    bad("lines-exchanged", "ingest", b"entry: 1/1\nfeed: calls", b"feed: calls\nentry: 1/1")
    bad("read-not-coarse", "ingest", b"read: 10240", b"read: 10241")
    bad("files-not-coarse", "ingest", b"files: 1024", b"files: 1")
    bad("duplicate-above-2-to-the-62", "ingest", b"4611686018427387904", b"4611686018427388928")
    bad("count-missing", "ingest", b"rejected: 2048\n", b"")
    bad("count-with-leading-zero", "ingest", b"kept: 7168", b"kept: 07168")
    bad(
        "file-line-of-version-1",
        "ingest",
        b"kept: 7168\n",
        f"kept: 7168\nfile: {hexes('file', 16)} 10 7 2 1\n".encode(),
    )
    bad("rules-descending", "intent-of-an-emergency", b"rules: FR,base", b"rules: base,FR")
    bad("rules-behind-codes", "intent-of-an-emergency", *exchanged("rules: FR,base", URGENT[0]))
    bad("of-nobody", "ratify", b"\ncustodian: judge", b"")
    bad("of-no-authorization", "ratify", f"\nauthorization: {AUTHORIZATION}".encode(), b"")
    bad("batch-15-bytes", "withdraw", hexes("batch", 16).encode(), hexes("batch", 15).encode())
    bad("version-2", "withdraw", b"coffer.withdraw/v1", b"coffer.withdraw/v2")
    bad("version-3", "ingest", b"coffer.ingest/v2", b"coffer.ingest/v3")
    bad("version-4", "ingest-from-topic", b"coffer.ingest/v3", b"coffer.ingest/v4")
    bad("in-version-2", "ingest-from-topic", b"coffer.ingest/v3", b"coffer.ingest/v2")
    bad("topic-missing", "ingest-from-topic", f"topic: {hexes('topic', 16)}\n".encode(), b"")
    bad("topic-15-bytes", "ingest-from-topic", hexes("topic", 16).encode(), hexes("topic", 15).encode())
    first = f"offsets: 0 - {mark(0)} {mark(1)}"
    bad("topic-behind-offsets", "ingest-from-topic", *exchanged(f"topic: {hexes('topic', 16)}", first))
    bad("partitions-descending", "ingest-from-topic", b"offsets: 0 ", b"offsets: 8 ")
    bad("partition-twice", "ingest-from-topic", b"offsets: 7 ", b"offsets: 0 ")
    bad("partition-of-2-to-the-31", "ingest-from-topic", b"offsets: 2147483647 ", b"offsets: 2147483648 ")
    bad("partition-with-leading-zero", "ingest-from-topic", b"offsets: 7 ", b"offsets: 07 ")
    bad("no-offsets", "ingest-from-topic", b"".join(line.encode() + b"\n" for line in OFFSETS), b"")
    bad("end-is-start", "ingest-from-topic", mark(1).encode(), mark(0).encode())
    bad("end-is-after", "ingest-from-topic", mark(1500).encode(), mark(1000).encode())
    bad("start-missing", "ingest-from-topic", f"- {mark(0)}".encode(), b"- -")
    bad("mark-of-15-bytes", "ingest-from-topic", mark(1400).encode(), mark(1400)[2:].encode())
    bad("offsets-of-3-parts", "ingest-from-topic", f" {mark(0)} ".encode(), b" ")
    many = b"".join(f"offsets: {at} - {mark(0)} {mark(1)}\n".encode() for at in range(257))
    bad("257-partitions", "ingest-from-topic", b"".join(line.encode() + b"\n" for line in OFFSETS), many)
    old = [
        f"batch: {hexes('batch', 16)}",
        "entry: 1/1",
        "feed: calls",
        f"file: {hexes('file', 16)} 10 7 2 1",
        f"segment: {hexes('seg')} {hexes('header')} 2016-09-01 call base 0 1024 -",
        f"tally: {hexes('tally')}",
    ]
    out.add("entries/ingest-version-1", "parse", "entry", body=signed("ingest", old, "ingester", version=1))
    out.add(
        "entries/ingest-version-2-in-version-1",
        "parse",
        "entry",
        body=signed("ingest", ENTRIES["ingest"][1], "ingester", version=1),
    )
    bad("canaries-descending", "receipt", b"canary: 0003", b"canary: 0006")
    bad("no-canary", "receipt", f"canary: 0003 {hexes('c1', 16)}\ncanary: 0005 {hexes('c2', 16)}\n".encode(), b"")
    bad("cells-no-power-of-2", "intent", b"1048576", b"1048575")
    bad("cells-above-2-to-the-20", "intent", b"1048576", b"2097152")
    bad("nonce-15-bytes", "intent", f"nonce: {hexes('nonce', 16)}".encode(), f"nonce: {hexes('nonce', 15)}".encode())
    for line in CODES:
        name = line.partition(":")[0]
        bad(f"{name}-unknown", "intent", f"{line}\n".encode(), f"{name}: fax\n".encode())
    bad("class-preserve", "intent", b"class: produce", b"class: preserve")
    bad("kinds-in-another-order", "intent", b"kinds: call,text", b"kinds: text,call")
    bad("kinds-twice", "intent", b"kinds: call,text", b"kinds: call,call")
    bad("codes-exchanged", "intent", *exchanged(*CODES[:2]))
    bad("code-missing", "intent", b"issued-in: home\n", b"")
    bad("version-1", "intent", b"coffer.intent/v2", b"coffer.intent/v1")
    bad("took-none", "close", b"took: d10", b"took: none")
    bad("outcome-unknown", "close", b"outcome: none", b"outcome: empty")
    bad("version-1", "close", b"coffer.close/v2", b"coffer.close/v1")
    bad("reason-immunity", "refuse", b"merit", b"immunity")
    bad("class-unknown", "refuse", b"preserve", b"keep")
    bad("version-1", "refuse", b"coffer.refuse/v2", b"coffer.refuse/v1")
    bad("no-records", "draw", b"records: 268435456", b"records: 0")
    bad("records-above-2-to-the-28", "draw", b"268435456", b"268435457")
    bad("ten-answers", "close", b"answers: 9", b"answers: 10")
    bad("reason-unknown", "refuse", b"merit", b"mood")
    bad("custodian-capital", "destroy", b"judge", b"Judge")
    bad("time-without-z", "destroy", b"12:00:00Z", b"12:00:00")
    bad("unknown-line", "destroy", b"day: 2016-09-01\n", b"day: 2016-09-01\nwhy: none\n")
    bad("rules-descending", "hold", b"FR,base", b"base,FR")
    bad("rule-twice", "hold", b"FR,base", b"base,base")
    bad("rule-in-small-letters", "hold", b"FR,base", b"base,fr")
    bad("no-rule", "hold", b"rules: FR,base\n", b"")
    bad("until-a-day", "hold", b"2016-12-04T12:00:00Z", b"2016-12-04")
    bad("requester-before-rules", "hold", *exchanged("rules: FR,base", "requester: desk"))
    bad("cells-no-power-of-2", "held", b"1048576", b"1048575")
    bad("no-cells", "held", b"1048576", b"0")
    bad("note-31-bytes", "held", hexes("hold note").encode(), hexes("hold note", 31).encode())
    bad("of-a-note", "extend", b"hold: 1\n", f"hold: {hexes('hold note')}\n".encode())
    bad("version-2", "extend", b"coffer.extend/v1", b"coffer.extend/v2")
    bad("of-two-to-the-62-and-one", "release", b"4611686018427387904", b"4611686018427387905")
    bad("type-unknown", "revoke", b"coffer.revoke/v1", b"coffer.revokes/v1")
    bad("version-2", "revoke", b"coffer.revoke/v1", b"coffer.revoke/v2")
    bad("key-without-space", "revoke", b"authorization: ", b"authorization:")
    bad("value-outer-space", "revoke", b"authorization: ", b"authorization:  ")
    bad("hash-capitals", "revoke", AUTHORIZATION.encode(), AUTHORIZATION.upper().encode())
    bad("custodian-capital", "absence", b"regulator", b"Regulator")
    bad("unknown-line", "absence", b"custodian: regulator\n", b"custodian: regulator\nwhy: none\n")
    bad("leading-zero", "objection", b"absence: 1", b"absence: 01")
    bad("of-two-to-the-62-and-one", "objection", b"absence: 1", f"absence: {2**62 + 1}".encode())
    bad("part-1-of-100000", "ingest", b"entry: 1/1", b"entry: 1/100000")
    bad("count-above-2-to-the-62", "ingest", b"read: 10240\n", f"read: {2**62 + 1024}\n".encode())
    bad("part-of-2-to-the-32", "ingest", b"4294967295", b"4294967296")
    bad("rows-above-2-to-the-28", "ingest", b"268435456", b"268436480")
    bad("24-o-clock", "destroy", b"12:00:00Z", b"24:00:00Z")
    bad("leap-second", "destroy", b"12:00:00Z", b"23:59:60Z")
    bad("version-1", "fault", b"coffer.fault/v2", b"coffer.fault/v1")
    bad("object-without-its-kind", "fault", b"intent 1", hexes("object").encode())
    bad("object-of-another-kind", "fault", b"intent 1", b"cell 1")
    bad("three-lines", "reveal", f"hidden: 3 {hexes('l3')}\n".encode(), b"")
    bad("lines-descending", "reveal", b"line: 2", b"line: 1")
    bad("no-lines", "reveal", "\n".join(ENTRIES["reveal"][1][1:]).encode() + b"\n", b"")


def make(out):
    make_entry(out)
    make_rosters(out)
