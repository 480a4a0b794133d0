import reference as ref
from known_answers.entries.make import GENESIS, hexes
from known_answers.parties import AUTH, DESK, ORIGIN, later

RECEIVED = "2016-09-05T09:30:00+02:00"
PERIOD = "2016-09-01T00:00:00+02:00 2016-09-04T00:00:00+02:00"


def authorization_text(*, subjects=("tel:+33612345678",), periods=(PERIOD,), version="v3", **changes):
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
        "class": "produce",
        "urgency": "ordinary",
        "issued-by": "court",
        "issued-in": "home",
        "received": RECEIVED,
        "due": "2016-09-15T09:30:00+02:00",
        "order": [f"{hexes('order')} 48213"],
        "authority": "Court of Example, Judge A. Name",
        "basis": "Act 1, section 2; case 3/2016",
        "purpose": "theft of a bicycle",
        "subject": [
            line
            for subject, spans in zip(subjects, own, strict=True)
            for line in (f"subject: {subject}", "person: B. Example", *(f"period: {span}" for span in spans))
        ],
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
        lines += [item if name == "subject" else f"{name}: {item}" for item in items]
    return ("\n".join(lines) + "\n").encode()


WRITTEN = {
    "french": "Cour d’appel de Besançon, M. Lefèvre – n° 12/0417",  # noqa: RUF001 - as it is written
    "german": "Landgericht Köln, Große Strafkammer, § 100g StPO, „Az. 3“",
    "greek": "Εφετείο Αθηνών, Ανακριτής Γεώργιος Παπαδόπουλος",
    "bulgarian": "Софийски градски съд, съдия Иванов",
    "maltese-polish-romanian": "Ħal Qormi, Łódź, Ștefănești",
    "armenian": "Երևանի դատարան",
    "georgian": "თბილისის სასამართლო",
    "signs": "5 € · 10 £ × 2 ÷ 3 ± 1 µm; № 7 – 8 — 9 … “x” ‘y’ «z»",  # noqa: RUF001
    "mixed-alphabets": "\u0421ourt of Example",
}
UNWRITTEN = {
    "accent-apart": "Rene\u0301e",
    "direction-override": "A\u202eB",
    "direction-mark": "A\u200eB",
    "zero-width-joiner": "A\u200dB",
    "soft-hyphen": "A\u00adB",
    "no-break-space": "A\u00a0B",
    "narrow-no-break-space": "A\u202fB",
    "line-separator": "A\u2028B",
    "next-line": "A\u0085B",
    "tab": "A\tB",
    "delete": "A\x7fB",
    "hebrew": "\u05d3\u05d9\u05df",
    "arabic": "\u0642\u0627\u0636",
    "ohm-sign": "5 \u2126",
    "greek-question-mark": "A\u037e",
    "combining-mark-of-cyrillic": "A\u0483",
    "unassigned": "A\u0530B",
    "full-width": "\uff21",
    "mathematical-letter": "\U0001d400",
    "emoji": "\U0001f600",
    "private-use": "\ue000",
    "no-character": "\ufffe",
}


def letters(add, good):
    """People's own text in every place of it."""
    for name, text in WRITTEN.items():
        for key in (b"authority: Court of Example, Judge A. Name", b"person: B. Example"):
            word = key.partition(b":")[0]
            add(f"{word.decode()}-{name}", "ok", good.replace(key, word + b": " + text.encode()))
    for name, text in UNWRITTEN.items():
        add(f"purpose-with-{name}", "parse", good.replace(b"purpose: theft of", b"purpose: theft " + text.encode()))
    add("basis-500-letters", "ok", authorization_text(basis="é" * 500))
    add("basis-501-letters", "parse", authorization_text(basis="é" * 501))
    add("basis-not-utf8", "parse", good.replace(b"basis: Act", b"basis: \xe9ct"))
    add("basis-overlong-utf8", "parse", good.replace(b"basis: Act", b"basis: \xc1\x81ct"))
    add("basis-surrogate", "parse", good.replace(b"basis: Act", b"basis: \xed\xa0\x80ct"))
    add("subject-with-letters", "parse", good.replace(b"tel:+33612345678", "mailto:é@example.org".encode()))
    add("origin-with-letters", "parse", good.replace(b"origin: ", "origin: é".encode()))


def orders(add, good):
    """The lines about the order."""
    file, due = f"order: {hexes('order')} 48213\n".encode(), b"due: 2016-09-15T09:30:00+02:00\n"
    received = f"received: {RECEIVED}\n".encode()
    for word in ("extend", "access"):
        issuer = {"extend": "court", "access": "person"}[word]
        add(f"class-{word}", "ok", authorization_text(**{"class": word, "issued-by": issuer}))
    add("class-access-of-a-court", "parse", authorization_text(**{"class": "access"}))
    add("class-produce-of-a-person", "parse", authorization_text(**{"issued-by": "person"}))
    add("class-preserve", "parse", authorization_text(**{"class": "preserve"}))
    add("class-missing", "parse", good.replace(b"class: produce\n", b""))
    for word in ("urgent", "emergency"):
        add(f"urgency-{word}", "ok", authorization_text(urgency=word))
    add("urgency-high", "parse", authorization_text(urgency="high"))
    add("urgency-upper-case", "parse", authorization_text(urgency="Ordinary"))
    for word in ("prosecutor", "police", "other"):
        add(f"issued-by-{word}", "ok", authorization_text(**{"issued-by": word}))
    add("issued-by-nobody", "parse", authorization_text(**{"issued-by": "nobody"}))
    for word in ("union", "elsewhere"):
        add(f"issued-in-{word}", "ok", authorization_text(**{"issued-in": word}))
    add("issued-in-a-country", "parse", authorization_text(**{"issued-in": "FR"}))
    add("received-missing", "parse", good.replace(received, b""))
    add("received-z", "parse", good.replace(received, b"received: 2016-09-05T07:30:00Z\n"))
    add("received-with-spaces", "parse", good.replace(received, b"received: 2016-09-05 09:30:00+02:00\n"))
    add("due-missing", "ok", good.replace(due, b""))
    add("due-a-second-later", "ok", good.replace(due, b"due: 2016-09-05T07:30:01+00:00\n"))
    add("due-when-received", "parse", good.replace(due, b"due: 2016-09-05T07:30:00+00:00\n"))
    add("due-366-days-later", "ok", good.replace(due, b"due: 2017-09-06T09:30:00+02:00\n"))
    add("due-366-days-and-a-second-later", "parse", good.replace(due, b"due: 2017-09-06T09:30:01+02:00\n"))
    add("due-before-received", "parse", good.replace(received + due, due + received))
    add("due-twice", "parse", good.replace(due, due + due))
    add("no-file", "ok", good.replace(file, b""))
    files = [f"{hexes(f'order {n}')} {n}" for n in range(1, 10)]
    add("8-files", "ok", authorization_text(order=files[:8]))
    add("9-files", "parse", authorization_text(order=files))
    add("file-twice", "parse", authorization_text(order=[files[0], f"{hexes('order 1')} 2"]))
    add("file-of-0-bytes", "parse", authorization_text(order=[f"{hexes('order')} 0"]))
    add("file-of-8-mib", "ok", authorization_text(order=[f"{hexes('order')} {1 << 23}"]))
    add("file-of-8-mib-and-a-byte", "parse", authorization_text(order=[f"{hexes('order')} {(1 << 23) + 1}"]))
    add("file-without-bytes", "parse", authorization_text(order=[hexes("order")]))
    add("file-with-a-name", "parse", authorization_text(order=[f"{hexes('order')} 48213 order.pdf"]))
    add("file-of-31-bytes-of-hash", "parse", authorization_text(order=[f"{hexes('order', 31)} 48213"]))
    add("file-after-authority", "parse", good.replace(file, b"").replace(b"basis: ", file + b"basis: "))


def before_subject(line):
    """From the line behind its subject to the line before it."""
    subject = b"subject: tel:+33612345678\n"
    return subject + line, line + subject


def each_person(text):
    """The persons of three subjects, each another."""
    head, *rest = text.split(b"B. Example")
    return head + b"".join(name + part for name, part in zip((b"B. Example", b"C. Example", b"D."), rest, strict=True))


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
            f"subject: tel:+33612345678\nperson: B. Example\nperiod: {PERIOD}\n".encode(),
            f"period: {PERIOD}\nsubject: tel:+33612345678\nperson: B. Example\n".encode(),
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
    letters(add, good)
    orders(add, good)
    add("person-missing", "parse", good.replace(b"person: B. Example\n", b""))
    add("person-before-subject", "parse", good.replace(*before_subject(b"person: B. Example\n")))
    add("person-of-each", "ok", each_person(authorization_text(subjects=every[:3])))
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
    add("version-2", "parse", authorization_text(version="v2"))
    add("version-4", "parse", good.replace(b"authorization/v3", b"authorization/v4"))
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
