import reference as ref
from known_answers.folder import Word


def make_subjects(out):
    good = {
        "tel-france": ("tel:+33612345678", "FR"),
        "tel-canada": ("tel:+16135550123", "CA"),
        "tel-jersey": ("tel:+447797712345", "JE"),
        "tel-shared-code": ("tel:+80012345678", None),
        "mailto": ("mailto:a.b+c@example.org", None),
        "mailto-a-label": ("mailto:a@xn--bcher-kva.example", None),
        "short-3-digits": ("short:FR/367", "FR"),
        "short-11-digits": ("short:IN/01234567890", "IN"),
        "short-leading-zeros": ("short:FR/000", "FR"),
        "sender-1-byte": ("sender:A", None),
        "sender-15-bytes": ("sender:ABCDEFGHIJKLM-O", None),
        "sender-small-letters": ("sender:Corp", None),
        "opaque-1-byte": ("opaque:pbx/2", None),
        "opaque-63-bytes": ("opaque:pbx/" + "x" * 63, None),
        "opaque-slash": ("opaque:pbx/a/b", None),
        "dialled-1-digit": ("dialled:FR/7", "FR"),
        "dialled-leading-zeros": ("dialled:DE/0049030123456", "DE"),
        "dialled-32-digits": ("dialled:US/" + "1" * 32, "US"),
        "imsi-france": ("imsi:208011234567890", "FR"),
        "imsi-14-digits": ("imsi:65501123456789", "ZA"),
        "imsi-three-digit-mnc": ("imsi:310410123456789", "US"),
        "imsi-of-several-countries": ("imsi:340011234567890", None),
        "imsi-of-no-country": ("imsi:901281234567890", None),
        "imei": ("imei:490154203237518", None),
        "imei-check-digit-0": ("imei:356938035643890", None),
        "imei-leading-zero": ("imei:011234567890126", None),
    }
    for name, (line, country) in good.items():
        out.add(f"identity/subject-{name}", "ok", "subject", text=line, sid=ref.sid_of_subject(line), country=country)
    bad = {
        "tel-without-plus": "tel:33612345678",
        "tel-spaces": "tel:+33 612345678",
        "tel-leading-zero": "tel:+033612345678",
        "tel-unknown-code": "tel:+999123456789",
        "tel-16-digits": "tel:+4912345678901234",
        "tel-one-digit-short": "tel:+3361234567",
        "tel-non-ascii-digits": "tel:+3361234567\u0668",
        "tel-nothing": "tel:+",
        "mailto-capital": "mailto:A@example.org",
        "mailto-domain-capital": "mailto:a@Example.org",
        "mailto-two-ats": "mailto:a@b@example.org",
        "mailto-non-ascii": "mailto:\u00e9@example.org",
        "mailto-u-label": "mailto:a@b\u00fccher.example",
        "mailto-space": "mailto:a b@example.org",
        "short-2-digits": "short:FR/36",
        "short-12-digits": "short:FR/" + "1" * 12,
        "short-small-country": "short:fr/367",
        "short-no-country": "short:ZZ/367",
        "sender-16-bytes": "sender:ABCDEFGHIJKLMNOP",
        "sender-no-letter": "sender:123",
        "sender-outer-space": "sender: CORP",
        "opaque-64-bytes": "opaque:pbx/" + "x" * 64,
        "opaque-empty": "opaque:pbx/",
        "opaque-feed-capital": "opaque:PBX/201",
        "dialled-33-digits": "dialled:US/" + "1" * 33,
        "dialled-plus": "dialled:FR/+33612",
        "dialled-nothing": "dialled:FR/",
        "dialled-no-country": "dialled:ZZ/0612",
        "dialled-small-country": "dialled:fr/0612",
        "dialled-cut": "dialled:FR/123456789012345~",
        "scheme-capital": "TEL:+33612345678",
        "unknown-scheme": "msisdn:33612345678",
        "imsi-13-digits": "imsi:2080112345678",
        "imsi-16-digits": "imsi:2080112345678901",
        "imsi-test-network": "imsi:001011234567890",
        "imsi-private-network": "imsi:999991234567890",
        "imsi-without-subscriber": "imsi:208011000000000",
        "imsi-non-ascii-digit": "imsi:20801123456789\u0660",
        "imsi-spaces": "imsi:208 01 1234567890",
        "imei-wrong-check-digit": "imei:490154203237517",
        "imei-14-digits": "imei:49015420323751",
        "imei-16-digits": "imei:4901542032375101",
        "imei-spare-digit": "imei:490154203237510",
        "imei-all-zeros": "imei:000000000000000",
        "imei-all-ones": "imei:111111111111119",
        "imei-test-of-00": "imei:001234567890128",
        "imei-test-of-02": "imei:021234567890124",
        "imei-12345678": "imei:123456781234568",
        "imei-01234567": "imei:012345671234560",
        "imei-of-10": "imei:133270032123498",
        "imei-serial-zeros": "imei:356938030000005",
        "imei-tac-all-nines": "imei:999999991234564",
        "imei-non-ascii-digit": "imei:49015420323751\u0668",
        "imei-hyphens": "imei:49-015420-323751-8",
        "empty": "",
    }
    for name, line in bad.items():
        out.add(f"identity/subject-{name}", "parse", "subject", text=line)
    for name, text, form in (
        ("domain-umlaut", "Anna@B\u00dcCHER.Example", "anna@xn--bcher-kva.example"),
        ("local-nfc", "re\u0301my@example.org", "r\u00e9my@example.org"),
        ("local-ascii-lowered-only", "\u00c9COLE@example.org", "\u00c9cole@example.org"),
        ("plus-and-dots-kept", "a.b+c@example.org", "a.b+c@example.org"),
        ("local-64", "l" * 64 + "@example.org", "l" * 64 + "@example.org"),
    ):
        out.add(f"identity/email-{name}", "ok", "email", text=text, form=form, sid=ref.sid_email(form))
    for name, text in (
        ("two-ats", "a@b@c.org"),
        ("no-at", "example.org"),
        ("empty-local", "@example.org"),
        ("empty-domain", "a@"),
        ("no-dot", "a@localhost"),
        ("local-65", "l" * 65 + "@example.org"),
        ("space", "a b@example.org"),
        ("line-end", "a@example.org\n"),
        ("hyphen-first", "a@-b.org"),
    ):
        out.add(f"identity/email-{name}", "parse", "email", text=text)
    number, fault = (lambda e164: {"type": 1, "number": e164}), (lambda name: {"type": 0, "fault": Word(name)})
    dialled = lambda digits: {"type": 6, "found_text": digits}  # noqa: E731
    short = lambda country, digits: {"type": 3, "number": ref.pack_short_peer(country, digits)}  # noqa: E731
    for name, text, kind, home, found in (
        ("international", "+33612345678", 1, "FR", number(33612345678)),
        ("national-trunk", "06 12 34 56 78", 1, "FR", number(33612345678)),
        ("idd", "0033612345678", 1, "FR", number(33612345678)),
        ("idd-of-another-home", "01133612345678", 1, "US", number(33612345678)),
        ("short-code", "36500", 2, "FR", short("FR", "36500")),
        ("short-code-3", "112", 1, "FR", short("FR", "112")),
        ("two-digits", "36", 1, "FR", dialled("36")),
        ("non-ascii-digits", "+3361234567\u0668", 1, "FR", fault("NOT_A_NUMBER")),
        ("letters", "6123ABC", 1, "FR", fault("NOT_A_NUMBER")),
        ("sender-in-a-call", "CORP", 1, "FR", fault("NOT_A_NUMBER")),
        ("sender-in-a-text", "CORP", 2, "FR", {"type": 4, "found_text": "CORP"}),
        ("sender-15-bytes", "ABCDEFGHIJKLMNO", 2, "FR", {"type": 4, "found_text": "ABCDEFGHIJKLMNO"}),
        ("sender-16-bytes", "ABCDEFGHIJKLMNOP", 2, "FR", fault("NOT_A_NUMBER")),
        ("unknown-calling-code", "+999123456789", 1, "FR", dialled("999123456789")),
        ("fifteen-digits", "+498001234567890", 1, "DE", number(498001234567890)),
        ("fifteen-digits-of-no-number", "+491234567890123", 1, "DE", dialled("491234567890123")),
        ("sixteen-digits", "+4912345678901234", 1, "DE", dialled("4912345678901234")),
        ("twenty-digits", "+" + "4" * 20, 1, "DE", dialled("4" * 20)),
        ("33-digits", "4" * 33, 1, "DE", fault("IMPOSSIBLE_LENGTH")),
        ("trunk-digit-in-brackets", "+49 (0)30 123456", 1, "DE", number(4930123456)),
        ("trunk-digit-behind-the-code", "0049030123456", 1, "DE", number(4930123456)),
        ("two-readings", "33612345678", 1, "DE", dialled("33612345678")),
        ("leading-zero-of-italy", "+39 06 12345678", 1, "DE", number(390612345678)),
        ("number-in-a-uri", "sip:+33612345678;rn=+33699999999@192.0.2.1:5060;user=phone", 1, "FR", number(33612345678)),
        ("local-number-with-context", "tel:30123456;phone-context=+49", 1, "FR", number(4930123456)),
        ("withheld-uri", "sip:anonymous@anonymous.invalid", 1, "FR", {"type": 0}),
        ("withheld-empty", "", 1, "FR", {"type": 0}),
        ("withheld-word", "ANONYMOUS", 1, "FR", {"type": 0}),
        ("withheld-minus-one", "-1", 1, "FR", {"type": 0}),
        ("address", "A@Example.org", 3, "FR", {"type": 2, "found_text": "a@example.org"}),
        ("number-in-an-email", "+33612345678", 3, "FR", fault("NOT_AN_ADDRESS")),
    ):
        out.add(f"identity/column-{name}", "ok", "column", text=text, kind=kind, home=Word(home), **found)


def make_mailboxes(out):
    """One mailbox, one text: addresses as they come, their canonical form, and subject lines that are in it or not."""
    ok = {
        "dot-of-the-root": ("a@example.org.", "a@example.org"),
        "dot-of-the-root-full-width": ("a@example\uff0eorg\u3002", "a@example.org"),
        "domain-full-width": ("a@\uff25xample.org", "a@example.org"),
        "domain-sharp-s": ("a@stra\u00dfe.example", "a@xn--strae-oqa.example"),
        "domain-soft-hyphen": ("a@exam\u00adple.org", "a@example.org"),
        "domain-zero-width-non-joiner": (
            "a@\u0646\u0627\u0645\u0647\u200c\u0627\u06cc.example",
            "a@xn--mgba3gch31f060k.example",
        ),
        "a-label-capital": ("a@XN--BCHER-KVA.example", "a@xn--bcher-kva.example"),
        "domain-of-another-script": ("a@\u0430lice.org", "a@xn--lice-43d.org"),
        "angle-brackets": ("<A@Example.org>", "a@example.org"),
        "quoted": ('"A.b"@example.org', "a.b@example.org"),
        "quoted-pairs": (r'"\a\.b"@example.org', "a.b@example.org"),
        "quoted-two-dots": ('"a..b"@example.org', "a..b@example.org"),
        "two-dots": ("a..b@example.org", "a..b@example.org"),
        "quoted-comma": ('"a,b"@example.org', '"a,b"@example.org'),
        "comma": ("a,b@example.org", '"a,b"@example.org'),
        "quoted-quote": (r'"a\"b\c"@example.org', r'"a\"bc"@example.org'),
        "quoted-comment": ('"a(b)"@example.org', '"a(b)"@example.org'),
        "percent-kept": ("a%2Bb@example.org", "a%2bb@example.org"),
        "plus-tag-kept": ("a+tag@example.org", "a+tag@example.org"),
        "local-kanji": ("\u6f22@example.org", "\u6f22@example.org"),
    }
    for name, (text, form) in ok.items():
        out.add(f"identity/email-{name}", "ok", "email", text=text, form=form, sid=ref.sid_email(form))
    bad = {
        "two-dots-of-the-root": "a@example.org..",
        "bad-a-label": "a@xn--zzzz99.example",
        "comment": "a(b)@example.org",
        "comment-before": "(b)a@example.org",
        "bracket-inside": "a<b@example.org",
        "open-quote": '"a@example.org',
        "quote-inside": 'a"b@example.org',
        "backslash": r"a\b@example.org",
        "quoted-nothing": '""@example.org',
        "quoted-space": '"a b"@example.org',
        "c1-control": "q\x9b2J@example.org",
        "bidi-override": "a\u202eb\u202c@example.org",
        "zero-width-space": "a\u200bb@example.org",
        "zero-width-joiner": "a\u200db@example.org",
        "line-separator": "a\u2028b@example.org",
        "tag-character": "a\U000e0041@example.org",
        "variation-selector": "a\ufe0f@example.org",
        "domain-control": "a@exa\x9bmple.org",
        "percent-for-the-at": "a%40example.org",
        "display-name": "A <a@example.org>",
        "source-route": "<@b.example:a@example.org>",
    }
    for name, text in bad.items():
        out.add(f"identity/email-{name}", "parse", "email", text=text)
    for name, text in (("quoted-comma", 'mailto:"a,b"@example.org'), ("percent", "mailto:a%2bb@example.org")):
        out.add(
            f"identity/subject-mailto-{name}", "ok", "subject", text=text, sid=ref.sid_of_subject(text), country=None
        )
    for name in ("dot-of-the-root", "angle-brackets", "quoted", "comma", "quoted-quote", "domain-full-width"):
        out.add(f"identity/subject-mailto-{name}", "parse", "subject", text=f"mailto:{ok[name][0]}")
    for name in ("comment", "quote-inside", "backslash", "quoted-nothing", "two-dots-of-the-root"):
        out.add(f"identity/subject-mailto-{name}", "parse", "subject", text=f"mailto:{bad[name]}")
    for name, text in (
        ("outer-space", "mailto: a@example.org"),
        ("no-dot", "mailto:a@localhost"),
        ("local-65", "mailto:" + "l" * 65 + "@example.org"),
        ("hyphens-in-third-place", "mailto:a@ab--c.org"),
        ("percent-for-the-at", "mailto:a%40example.org"),
    ):
        out.add(f"identity/subject-mailto-{name}", "parse", "subject", text=text)
    for name in ("c1-control", "bidi-override", "zero-width-space"):
        fault = {"type": 0, "fault": Word("ADDRESS_CONTROLS")}
        out.add(f"identity/column-address-{name}", "ok", "column", text=bad[name], kind=3, home=Word("FR"), **fault)


def make(out):
    make_subjects(out)
    make_mailboxes(out)
