import reference as ref
from known_answers.entries.make import GENESIS, hexes
from known_answers.parties import AUTH, DESK, ORIGIN, later

PERIOD = "2016-09-01T00:00:00+02:00 2016-09-04T00:00:00+02:00"


def authorization_text(*, subjects=("tel:+33612345678",), periods=(PERIOD,), version="v2", **changes):
    """``periods``: those of every subject, or a list for each."""
    each = [[text] if isinstance(text, str) else list(text) for text in periods]
    shared = [span for spans in each for span in spans]
    own = each if any(not isinstance(text, str) for text in periods) else [shared] * len(subjects)
    fields = {
        "origin": ORIGIN,
        "roster": ref.roster_hash(GENESIS).hex(),
        "id": hexes("id", 16),
        "salt": hexes("salt"),
        "requester": f"desk {DESK.vkey}",
        "seal": hexes("seal"),
        "authority": "Court of Example, Judge A. Name",
        "basis": "Act 1, section 2; case 3/2016",
        "purpose": "theft of a bicycle",
        "person": "B. Example",
        "subject": [line for subject, spans in zip(subjects, own, strict=True) for line in (subject, *spans)],
        "rules": "FR",
        "days": [],
        "kinds": "call,text",
        "max-records": "200",
        "hub": "no",
        "not-before": "2016-09-05T12:00:00Z",
        "expires": "2016-10-05T12:00:00Z",
        "secret-until": "2017-09-05",
    } | {k.replace("_", "-"): v for k, v in changes.items()}
    lines = [f"coffer.authorization/{version}"]
    for name, value in fields.items():
        items = value if isinstance(value, list) else [value]
        lines += [f"{'period' if name == 'subject' and item[:4].isdigit() else name}: {item}" for item in items]
    return ("\n".join(lines) + "\n").encode()


def make(out):
    def add(name, expect, text, signers=(DESK, AUTH["judge"])):
        fields = (
            {"roster": ref.roster_hash(GENESIS), "commitment": ref.commitment(text, ref.roster_hash(GENESIS))}
            if expect == "ok"
            else {}
        )
        out.add(f"authorization/{name}", expect, "authorization", **fields, body=ref.note(text, *signers))

    def periods(name, expect, *spans):
        add(name, expect, authorization_text(periods=spans))

    many = [f"opaque:pbx/{i}" for i in range(21)]
    every = ["tel:+33612345678", "mailto:a@example.org", "short:FR/36500", "sender:Corp", "opaque:pbx/201"]
    good = authorization_text()
    add("ordinary", "ok", good)
    add(
        "every-subject",
        "ok",
        authorization_text(
            subjects=every,
            periods=[
                [PERIOD],
                ["2016-09-01T08:00:00+02:00 2016-09-01T08:00:01+02:00"],
                ["2016-08-01T00:00:00+00:00 2016-08-02T00:00:00+00:00", PERIOD],
                ["2016-09-01T13:59:59+14:00 2016-09-01T00:00:00-14:00"],
                [
                    "2016-09-01T05:45:00+05:45 2016-09-01T05:30:00+03:30",
                    "2016-09-01T05:30:00+03:30 2016-09-01T03:00:00+00:00",
                ],
            ],
            kinds="call,text,email",
            hub="yes",
        ),
    )
    add("20-subjects", "ok", authorization_text(subjects=many[:20]))
    add("21-subjects", "parse", authorization_text(subjects=many))
    add("no-subject", "parse", authorization_text(subjects=[]))
    add("subject-twice", "parse", authorization_text(subjects=["sender:corp", "sender:CORP"]))
    hours = [f"2016-09-{day:02d}T08:00:00+00:00 2016-09-{day:02d}T09:00:00+00:00" for day in range(1, 22)]
    periods("20-periods", "ok", *hours[:20])
    periods("21-periods", "parse", *hours)
    add("no-period", "parse", authorization_text(periods=[[]]))
    add("subject-without-period", "parse", authorization_text(subjects=every[:2], periods=[[PERIOD], []]))
    add(
        "period-before-subject",
        "parse",
        good.replace(
            f"subject: tel:+33612345678\nperiod: {PERIOD}\n".encode(),
            f"period: {PERIOD}\nsubject: tel:+33612345678\n".encode(),
        ),
    )
    periods("92-days", "ok", "2016-06-01T00:00:00+00:00 2016-09-01T00:00:00+00:00")
    periods("92-days-and-a-second", "parse", "2016-06-01T00:00:00+00:00 2016-09-01T00:00:01+00:00")
    periods("92-local-days-touch-93", "parse", "2016-06-01T00:00:00+02:00 2016-09-01T00:00:00+02:00")
    periods(
        "93-days-in-two-periods",
        "parse",
        "2016-01-01T00:00:00+00:00 2016-03-01T00:00:00+00:00",
        "2016-03-01T00:00:00+00:00 2016-04-03T00:00:00+00:00",
    )
    quarter = [
        ["2016-01-01T00:00:00+00:00 2016-02-16T00:00:00+00:00"],
        ["2016-06-01T00:00:00+00:00 2016-07-17T00:00:00+00:00"],
    ]
    add("92-days-of-two-subjects", "ok", authorization_text(subjects=every[:2], periods=quarter))
    longer = [quarter[0], ["2016-06-01T00:00:00+00:00 2016-07-17T00:00:01+00:00"]]
    add("93-days-of-two-subjects", "parse", authorization_text(subjects=every[:2], periods=longer))
    periods("period-of-a-century", "parse", "2016-01-01T00:00:00+00:00 2116-01-01T00:00:00+00:00")
    periods(
        "periods-overlap",
        "parse",
        "2016-01-01T00:00:00+00:00 2016-01-03T00:00:00+00:00",
        "2016-01-02T23:59:59+00:00 2016-01-06T00:00:00+00:00",
    )
    periods(
        "periods-overlap-by-their-offsets",
        "parse",
        "2016-01-01T00:00:00+00:00 2016-01-03T00:00:00+00:00",
        "2016-01-03T00:00:00+01:00 2016-01-06T00:00:00+01:00",
    )
    periods(
        "periods-touch",
        "ok",
        "2016-01-01T00:00:00+00:00 2016-01-03T00:00:00+00:00",
        "2016-01-03T00:00:00+00:00 2016-01-06T00:00:00+00:00",
    )
    periods(
        "periods-descending",
        "parse",
        "2016-01-05T00:00:00+00:00 2016-01-06T00:00:00+00:00",
        "2016-01-01T00:00:00+00:00 2016-01-02T00:00:00+00:00",
    )
    periods("period-backwards", "parse", "2016-01-02T00:00:00+00:00 2016-01-01T00:00:00+00:00")
    periods("period-empty", "parse", "2016-01-02T00:00:00+00:00 2016-01-02T00:00:00+00:00")
    periods("period-empty-by-its-offsets", "parse", "2016-01-02T00:00:00+00:00 2016-01-02T02:00:00+02:00")
    periods("period-without-end", "parse", "2016-01-02T00:00:00+00:00")
    periods("period-of-three", "parse", f"{PERIOD} 2016-09-05T00:00:00+02:00")
    periods("period-z", "parse", "2016-09-01T00:00:00Z 2016-09-04T00:00:00Z")
    periods("period-minus-zero", "parse", "2016-09-01T00:00:00-00:00 2016-09-04T00:00:00+00:00")
    periods("period-without-offset", "parse", "2016-09-01T00:00:00 2016-09-04T00:00:00")
    periods("period-offset-14-15", "parse", "2016-09-01T00:00:00+14:15 2016-09-04T00:00:00+14:00")
    periods("period-offset-minus-14-15", "parse", "2016-09-01T00:00:00-14:00 2016-09-04T00:00:00-14:15")
    periods("period-offset-01-10", "parse", "2016-09-01T00:00:00+01:10 2016-09-04T00:00:00+01:10")
    periods("period-offset-without-colon", "parse", "2016-09-01T00:00:00+0200 2016-09-04T00:00:00+0200")
    periods("period-fraction", "parse", "2016-09-01T00:00:00.0+02:00 2016-09-04T00:00:00+02:00")
    periods("period-lower-case-t", "parse", "2016-09-01t00:00:00+02:00 2016-09-04T00:00:00+02:00")
    periods("period-leap-second", "parse", "2016-09-01T23:59:60+00:00 2016-09-04T00:00:00+00:00")
    periods("period-24-hours", "parse", "2016-09-01T24:00:00+00:00 2016-09-04T00:00:00+00:00")
    periods("period-30-february", "parse", "2016-02-30T00:00:00+00:00 2016-03-01T00:00:00+00:00")
    periods("period-first-second-of-the-calendar", "ok", "0001-01-01T00:00:00+00:00 0001-01-01T00:00:01+00:00")
    periods("period-before-the-calendar", "parse", "0001-01-01T00:00:00+00:15 0001-01-02T00:00:00+00:00")
    periods("period-end-of-the-calendar", "ok", "9999-12-31T23:59:58+00:00 9999-12-31T23:59:59+00:00")
    periods("period-after-the-calendar", "parse", "9999-12-31T00:00:00+00:00 9999-12-31T23:59:59-00:15")
    add("days-line", "parse", authorization_text(days=["2016-09-01 2016-09-03"]))
    add("version-1", "parse", authorization_text(periods=[[]], days=["2016-09-01 2016-09-03"], version="v1"))
    add("version-1-with-periods", "parse", authorization_text(version="v1"))
    add("secret-for-ten-years", "ok", authorization_text(secret_until="2026-10-06"))
    add("secret-for-ten-years-and-a-day", "parse", authorization_text(secret_until="2026-10-07"))
    add("secret-for-ever", "parse", authorization_text(secret_until="9999-12-31"))
    add("kinds-out-of-order", "parse", authorization_text(kinds="text,call"))
    add("kinds-twice", "parse", authorization_text(kinds="call,call"))
    add("kinds-with-space", "parse", authorization_text(kinds="call, text"))
    add("two-rules", "ok", authorization_text(rules="FR,base"))
    add("rules-out-of-order", "parse", authorization_text(rules="base,FR"))
    add("rule-twice", "parse", authorization_text(rules="FR,FR"))
    add("rule-of-no-country", "parse", authorization_text(rules="fr"))
    add("no-rules", "parse", authorization_text(rules=[]))
    add("one-record", "ok", authorization_text(max_records="1"))
    add("no-records", "parse", authorization_text(max_records="0"))
    add("million-records", "ok", authorization_text(max_records="1000000"))
    add("million-and-one-records", "parse", authorization_text(max_records="1000001"))
    add("hub-maybe", "parse", authorization_text(hub="maybe"))
    add("30-days-and-a-second", "parse", authorization_text(expires="2016-10-05T12:00:01Z"))
    add("expires-at-not-before", "parse", authorization_text(expires="2016-09-05T12:00:00Z"))
    add("purpose-500-characters", "ok", authorization_text(purpose="p" * 500))
    add("purpose-501-characters", "parse", authorization_text(purpose="p" * 501))
    add("person-non-ascii", "parse", good.replace(b"B. Example", "Ren\u00e9e".encode()))
    add("person-empty", "parse", good.replace(b"person: B. Example", b"person: "))
    add("line-added", "parse", good.replace(b"hub: no\n", b"hub: no\nnote: urgent\n"))
    add(
        "lines-exchanged",
        "parse",
        good.replace(
            b"authority: Court of Example, Judge A. Name\nbasis: Act 1, section 2; case 3/2016\n",
            b"basis: Act 1, section 2; case 3/2016\nauthority: Court of Example, Judge A. Name\n",
        ),
    )
    add(
        "salt-31-bytes", "parse", good.replace(f"salt: {hexes('salt')}".encode(), f"salt: {hexes('salt', 31)}".encode())
    )
    add("requester-of-another-name", "parse", good.replace(b"requester: desk desk+", b"requester: chair desk+"))
    add("version-3", "parse", good.replace(b"authorization/v2", b"authorization/v3"))
    secret = ref.stream(b"approvals", 32)
    items = [(ref.stream(bytes([i]), 32), later(i)) for i in range(3)]
    raw = ref.approvals(secret, [f"approved {time} {c.hex()} 0" for c, time in items])
    head, *lines = raw.splitlines(keepends=True)

    def approvals(name, expect, body, count):
        out.add(
            f"authorization/approvals-{name}",
            expect,
            "approvals",
            key=secret,
            commitment=[c for c, _ in items[:count]] or [b""],
            body=body,
        )

    approvals("three", "ok", raw, 3)
    approvals("empty", "ok", b"", 0)
    approvals("last-line-cut", "ok", raw[:-70], 2)
    approvals("middle-line-removed", "verify", head + lines[0] + lines[2], 0)
    approvals("commitment-changed", "verify", raw.replace(items[0][0].hex().encode(), items[1][0].hex().encode(), 1), 0)
    approvals("time-changed", "verify", raw.replace(b"12:01:00", b"12:01:01"), 0)
    approvals("line-repeated", "verify", head + lines[0] + lines[0], 0)
    approvals("header-alone", "ok", head, 0)
    approvals("header-missing", "verify", b"".join(lines), 0)
    approvals("version-1", "verify", raw.replace(b"approvals/v2", b"approvals/v1"), 0)
