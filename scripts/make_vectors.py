"""Write the known-answer vectors: ``python scripts/make_vectors.py [folder]`` (default tests/vectors).

They are made with the scalar reference (tests/reference.py) alone, from fixed seeds, so that a second run gives the same bytes. One scenario a file, named for what is
special about it; the first line says which layer must refuse it. HPKE draws its own randomness, so its vectors are kept as long as they still open; only a missing or
damaged one is made anew. What a file's keys mean is written beside each runner in tests/test_vectors.py.
"""

# ruff: noqa: ANN001, ANN002, ANN003, ANN201, ANN202, ANN204, PLR0915, PLR0912, C901, ARG005, PLW2901, E501 - as for the tests, whose other half this is

import base64
import hashlib
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PrivateKey, MLKEM768X25519PublicKey, Suite

ROOT = Path(__file__).parent.parent
VECTORS = ROOT / "tests" / "vectors"
sys.path.insert(0, str(ROOT / "tests"))

import reference as ref  # noqa: E402 - the tests' folder is no package

ORIGIN = "vector.example/vault"
NAMES = ("judge", "dpo", "regulator")
SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
TIME = "2016-09-05T12:00:00Z"


def seeded(name):
    return ref.h(b"vector seed " + name.encode())


def key(name):
    return ref.Key(name, seeded(name))


LOG, INGESTER, DESK = key(ORIGIN), key("ingester"), key("desk")
AUTH = {name: key(f"{name}/auth") for name in (*NAMES, "cnctr")}
RESP = {name: key(f"{name}/resp") for name in (*NAMES, "cnctr")}


class Folder:
    """Collects files, refusing two of one name."""

    def __init__(self):
        self.files = {}

    def add(self, path, expect, test, /, *, body=None, **fields):
        """One vector. ``fields``: str is written as JSON, bytes as hex, int as decimal, a list as repeated lines; ``body`` follows an empty line as it is."""
        lines = [f"expect: {expect}", f"test: {test}"]
        for name, value in fields.items():
            name = name.rstrip("_").replace("_", "-")
            lines += [f"{name}: {_value(item)}" for item in (value if isinstance(value, list) else [value])]
        raw = ("\n".join(lines) + "\n").encode("ascii")
        assert path not in self.files, path
        self.files[path] = raw if body is None else raw + b"\n" + body


class Word(str):
    """Written as it is, without quotes."""

    __slots__ = ()


def _value(value):
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, bytes):
        return value.hex() or "-"
    if isinstance(value, Word):
        return str(value)
    return json.dumps(value)


# -- wire ----------------------------------------------------------------------------------------------------------------


def make_wire(out):
    for name, text, expect in (
        ("zero", "0", "ok"),
        ("one", "1", "ok"),
        ("fifteen-digits", "9" * 15, "ok"),
        ("sixteen-digits", "1" + "0" * 15, "parse"),
        ("leading-zero", "01", "parse"),
        ("two-zeros", "00", "parse"),
        ("plus", "+1", "parse"),
        ("minus", "-1", "parse"),
        ("underscore", "1_0", "parse"),
        ("inner-space", "1 0", "parse"),
        ("empty", "", "parse"),
        ("line-end", "1\n", "parse"),
        ("non-ascii-digit", "\uff11", "parse"),
        ("twenty-digits", "9" * 20, "parse"),
    ):
        out.add(
            f"wire/decimal-{name}",
            expect,
            "decimal",
            text=text,
            high=10**15 - 1,
            **({"value": int(text)} if expect == "ok" else {}),
        )
    for name, text, expect in (
        ("lower", "00ff", "ok"),
        ("upper", "00FF", "parse"),
        ("odd", "00f", "parse"),
        ("long", "00ff00", "parse"),
        ("prefix", "0x00", "parse"),
        ("non-ascii", "0\u0661ff", "parse"),
    ):
        out.add(
            f"wire/hex-{name}",
            expect,
            "hex",
            text=text,
            size=2,
            **({"value": bytes.fromhex(text)} if expect == "ok" else {}),
        )
    for name, text, expect in (
        ("one-byte", "AA==", "ok"),
        ("not-canonical", "AB==", "parse"),
        ("unpadded", "AA", "parse"),
        ("half-padded", "AA=", "parse"),
        ("url-alphabet", "-_==", "parse"),
        ("line-end", "AA==\n", "parse"),
        ("space", "A A==", "parse"),
        ("non-ascii", "A\u0041\u0301==", "parse"),
    ):
        out.add(
            f"wire/base64-{name}", expect, "base64", text=text, size=1, **({"value": b"\0"} if expect == "ok" else {})
        )
    for name, text, expect in (
        ("ordinary", "2016-09-01", "ok"),
        ("leap", "2016-02-29", "ok"),
        ("leap-of-no-year", "2015-02-29", "parse"),
        ("century-no-leap", "1900-02-29", "parse"),
        ("one-digit-month", "2016-9-01", "parse"),
        ("month-13", "2016-13-01", "parse"),
        ("compact", "20160901", "parse"),
        ("week", "2016-W01-1", "parse"),
        ("year-zero", "0000-01-01", "parse"),
        ("last", "9999-12-31", "ok"),
        ("non-ascii", "2016-09-0\u0661", "parse"),
    ):
        out.add(f"wire/day-{name}", expect, "day", text=text)
    for name, text, expect in (
        ("ordinary", "2016-09-01T00:00:00Z", "ok"),
        ("last-second", "2016-09-01T23:59:59Z", "ok"),
        ("leap-second", "2016-12-31T23:59:60Z", "parse"),
        ("hour-24", "2016-09-01T24:00:00Z", "parse"),
        ("offset", "2016-09-01T00:00:00+00:00", "parse"),
        ("fraction", "2016-09-01T00:00:00.0Z", "parse"),
        ("small-z", "2016-09-01T00:00:00z", "parse"),
        ("space", "2016-09-01 00:00:00Z", "parse"),
        ("year-999", "0999-01-01T00:00:00Z", "ok"),
    ):
        out.add(f"wire/time-{name}", expect, "time", text=text)


# -- identity ------------------------------------------------------------------------------------------------------------


def make_identity(out):
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
        "unknown-scheme": "imsi:208010000000000",
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


# -- notes ---------------------------------------------------------------------------------------------------------------


def make_cosignatures(out):
    """Checkpoints with a witness's line: C2SP cosignature/v1."""
    log, witness, other = key(ORIGIN), key("w.example/w1"), key("w.example/w2")
    text = f"{ORIGIN}\n7\n{ref.b64(bytes(range(32)))}\n".encode()
    head = text + b"\n" + ref.signature_line(text, log)
    line = ref.cosignature_line(text, witness, 1_472_731_200)

    def add(name, expect, body, *, vkey=None, **found):
        vkey = vkey or ref.cosign_vkey(witness)
        out.add(f"notes/cosignature{name}", expect, "cosignature", key=vkey, body=body, **found)

    raw = base64.b64decode(line.decode().rsplit(" ", 1)[1])

    def changed(value, name=witness.name):
        return head + f"\u2014 {name} {ref.b64(value)}\n".encode()

    add("", "ok", head + line, time=1_472_731_200)
    add("-before-the-logs-line", "ok", text + b"\n" + line + ref.signature_line(text, log), time=1_472_731_200)
    add("-beside-another", "ok", head + ref.cosignature_line(text, other, 5) + line, time=1_472_731_200)
    add("-missing", "verify", head)
    add("-of-another", "verify", head + ref.cosignature_line(text, other, 1_472_731_200))
    add("-text-changed", "verify", (head + line).replace(b"\n7\n", b"\n8\n", 1))
    add("-time-changed", "verify", changed(raw[:11] + bytes([raw[11] ^ 1]) + raw[12:]))
    add("-time-zero", "verify", head + ref.cosignature_line(text, witness, 0))
    add("-signature-changed", "verify", changed(raw[:-1] + bytes([raw[-1] ^ 1])))
    add("-name-changed", "verify", changed(raw, "w.example/w3"))
    add("-one-byte-short", "verify", changed(raw[:-1]))
    add("-plain-signature-under-its-key-id", "verify", changed(raw[:4] + witness.sign(text)))
    add("-twice", "ok", head + line + line, time=1_472_731_200)
    add("-twice-one-newer", "ok", head + line + ref.cosignature_line(text, witness, 1_472_731_260), time=1_472_731_260)
    add("-twice-one-false", "verify", head + line + changed(raw[:-1] + bytes([raw[-1] ^ 1]))[len(head) :])
    # C2SP: what a reader does not know spoils nothing that it knows.
    foreign = {
        "a-longer-signature": f"w.example/w1 {ref.b64(bytes(2432))}",
        "a-name-with-a-colon": f"witness:8080/é {ref.b64(bytes(68))}",
        "one-byte-of-signature": f"x {ref.b64(bytes(5))}",
        "one-unknown-key-twice": f"x {ref.b64(bytes(68))}\n— x {ref.b64(bytes(68))}",
    }
    for what, foreign_line in foreign.items():
        add(f"-beside-{what}", "ok", head + f"— {foreign_line}\n".encode() + line, time=1_472_731_200)
    many = "".join(f"— w{n} {ref.b64(bytes(4) + bytes([n]) * 2428)}\n" for n in range(15)).encode()
    add("-beside-fifteen-post-quantum-ones", "ok", head + many + line, time=1_472_731_200)
    add("-beside-a-name-with-a-plus", "parse", head + f"— a+b {ref.b64(bytes(68))}\n".encode() + line)
    spaced = "— a\u2003b " + ref.b64(bytes(68)) + "\n"
    add("-beside-a-name-with-a-space", "parse", head + spaced.encode() + line)
    add("-beside-a-key-id-alone", "parse", head + f"— x {ref.b64(bytes(4))}\n".encode() + line)
    add("-of-an-ed25519-vkey", "parse", head + line, vkey=witness.vkey)
    resp = RESP["judge"]
    own = ref.cosign_vkey(resp)
    add("-of-a-custodian", "ok", head + ref.cosignature_line(text, resp, 1_472_731_200), vkey=own, time=1_472_731_200)
    add("-of-a-custodian-as-it-signs-entries", "verify", head + ref.signature_line(text, resp), vkey=own)
    others = b"".join(ref.cosignature_line(text, key(f"w.example/{n}"), 5) for n in range(63))
    without_last = others[: others.rindex(b"\xe2\x80\x94")]
    add("-among-64", "ok", head + without_last + line, time=1_472_731_200)
    add("-among-65", "parse", head + others + line)


def make_notes(out):
    one, two = key("note/one"), key("note/two")
    text = b"coffer.example/v1\nkey: value\n"
    whole = ref.note(text, one)
    sig = ref.signature_line(text, one)
    raw64 = one.key_id + one.sign(text)

    def line(name, raw):
        return f"\u2014 {name} {ref.b64(raw)}\n".encode()

    def add(name, expect, body):
        out.add(f"notes/{name}", expect, "note", key=one.vkey, body=body)

    add("one-signature", "ok", whole)
    add("two-signatures", "ok", ref.note(text, one, two))
    add("our-signature-second", "ok", ref.note(text, two, one))
    add(
        "sixteen-signatures",
        "ok",
        text + b"\n" + sig + b"".join(ref.signature_line(text, key(f"other/{i}")) for i in range(15)),
    )
    add(
        "seventeen-signatures",
        "parse",
        text + b"\n" + sig + b"".join(ref.signature_line(text, key(f"other/{i}")) for i in range(16)),
    )
    add("one-line", "ok", ref.note(b"x\n", one))
    add("unknown-key-only", "verify", ref.note(text, two))
    add("text-changed", "verify", whole.replace(b"value", b"Value"))
    add("line-added", "verify", text + b"key: more\n\n" + sig)
    add("signature-changed", "verify", text + b"\n" + line(one.name, raw64[:-1] + bytes([raw64[-1] ^ 1])))
    add("key-id-of-another", "verify", text + b"\n" + line(one.name, bytes([raw64[0] ^ 1]) + raw64[1:]))
    add("name-of-another", "verify", text + b"\n" + line("note/two", raw64))
    add("signature-63-bytes", "parse", text + b"\n" + line(one.name, raw64[:-1]))
    add("signature-65-bytes", "parse", text + b"\n" + line(one.name, raw64 + b"\0"))
    add("unknown-key-short-signature", "parse", whole + line("other", b"\1\2\3\4\5"))
    encoded = ref.b64(raw64)
    assert encoded.endswith("=")
    index = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".index(encoded[-2])
    loose = encoded[:-2] + "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[index ^ 1] + "="
    add("signature-base64-not-canonical", "parse", text + b"\n" + f"\u2014 {one.name} {loose}\n".encode())
    add("signature-unpadded", "parse", text + b"\n" + f"\u2014 {one.name} {encoded.rstrip('=')}\n".encode())
    add("same-key-twice", "parse", whole + sig)
    add("no-signature", "parse", text + b"\n")
    add("no-empty-line", "parse", text + sig)
    add("two-empty-lines", "parse", text + b"\n\n" + sig)
    add("no-last-line-end", "parse", whole[:-1])
    add("carriage-returns", "parse", whole.replace(b"\n", b"\r\n"))
    add("hyphen-for-dash", "parse", whole.replace("\u2014".encode(), b"-"))
    add("no-break-space", "parse", whole.replace("\u2014 ".encode(), "\u2014\u00a0".encode()))
    add("text-non-ascii", "parse", ref.note("cl\u00e9: valeur\n".encode(), one))
    add("text-tab", "parse", ref.note(b"key:\tvalue\n", one))
    add("text-empty", "parse", b"\n" + ref.signature_line(b"", one))
    add("name-non-ascii", "parse", text + b"\n" + line("not\u00e9", raw64))
    add("trailing-line", "parse", whole + b"\n")
    add("empty", "parse", b"")
    raw = b"\x01" + one.public
    good = (
        ("key", one.vkey, "ok"),
        ("dots-and-slashes", ref.vkey("a.B_c/d-1", one.public), "ok"),
        ("name-128", ref.vkey("n" * 128, one.public), "ok"),
    )
    bad = (
        ("name-129", ref.vkey("n" * 129, one.public), "parse"),
        ("name-empty", ref.vkey("", one.public), "parse"),
        ("name-slash-first", ref.vkey("/a", one.public), "parse"),
        ("id-of-another-name", one.vkey.replace("note/one", "note/two"), "parse"),
        ("id-capitals", one.vkey.replace(one.key_id.hex(), one.key_id.hex().upper()), "parse"),
        ("type-2", _typed(one, 2), "parse"),
        ("31-bytes", _typed_raw(one, raw[:-1]), "parse"),
        ("two-parts", "note/one+" + one.key_id.hex(), "parse"),
        ("trailing-space", one.vkey + " ", "parse"),
    )
    for name, vkey, expect in (*good, *bad):
        out.add(f"notes/vkey-{name}", expect, "vkey", text=vkey, **({"public": one.public} if expect == "ok" else {}))


def _typed(one, kind):
    return _typed_raw(one, bytes([kind]) + one.public)


def _typed_raw(one, raw):
    key_id = ref.h(one.name.encode(), bytes([10]), raw)[:4]
    return f"{one.name}+{key_id.hex()}+{ref.b64(raw)}"


# -- log -----------------------------------------------------------------------------------------------------------------


def leaves(size):
    return [ref.leaf(str(i).encode()) for i in range(size)]


def make_log(out):
    for size in (0, 1, 2, 3, 7, 255, 256, 257):
        out.add(f"log/root-{size}", "ok", "root", size=size, root=ref.root(leaves(size)))
    for size, index in ((1, 0), (2, 1), (7, 6), (255, 254), (256, 0), (256, 255), (257, 255), (257, 256)):
        tree = leaves(size)
        out.add(
            f"log/inclusion-{index}-of-{size}",
            "ok",
            "inclusion",
            index=index,
            size=size,
            leaf=tree[index],
            root=ref.root(tree),
            proof=ref.inclusion(tree, index) or [b""],
        )
    tree = leaves(7)
    good = {"index": 4, "size": 7, "leaf": tree[4], "root": ref.root(tree), "proof": ref.inclusion(tree, 4)}
    for name, change in (
        ("truncated", {"proof": good["proof"][:-1]}),
        ("extended", {"proof": [*good["proof"], good["root"]]}),
        ("swapped", {"proof": [good["proof"][1], good["proof"][0], *good["proof"][2:]]}),
        ("other-leaf", {"leaf": tree[5]}),
        ("other-index", {"index": 5}),
        ("index-is-size", {"index": 7}),
        ("other-root", {"root": ref.root(tree[:6])}),
        ("node-as-leaf", {"leaf": ref.node(tree[4], tree[5])}),
    ):
        out.add(f"log/inclusion-proof-{name}", "verify", "inclusion", **(good | change))
    for old, size in ((1, 1), (1, 2), (3, 7), (4, 7), (6, 8), (255, 256), (256, 257), (255, 257)):
        tree = leaves(size)
        out.add(
            f"log/consistency-{old}-to-{size}",
            "ok",
            "consistency",
            old_size=old,
            size=size,
            old_root=ref.root(tree[:old]),
            root=ref.root(tree),
            proof=ref.consistency(tree, old) or [b""],
        )
    tree = leaves(7)
    good = {
        "old_size": 3,
        "size": 7,
        "old_root": ref.root(tree[:3]),
        "root": ref.root(tree),
        "proof": ref.consistency(tree, 3),
    }
    for name, change in (
        ("truncated", {"proof": good["proof"][:-1]}),
        ("extended", {"proof": [*good["proof"], good["root"]]}),
        ("empty", {"proof": [b""]}),
        ("other-old-root", {"old_root": ref.root([*tree[:2], tree[3]])}),
        ("sizes-exchanged", {"old_size": 7, "size": 3, "old_root": good["root"], "root": good["old_root"]}),
        ("from-nothing", {"old_size": 0, "old_root": ref.root([])}),
        ("fork-at-one-size", {"old_size": 7, "old_root": ref.root(tree[::-1]), "proof": [b""]}),
    ):
        out.add(f"log/consistency-proof-{name}", "verify", "consistency", **(good | change))
    for level, index, width in (
        (0, 0, 1),
        (0, 0, 255),
        (0, 0, 256),
        (1, 999, 256),
        ("entries", 1000, 7),
        ("entries", 1_234_067, 256),
        (2, 1_000_000, 1),
    ):
        out.add(
            f"log/tile-{level}-{index}-{width}",
            "ok",
            "tile-path",
            level=Word(str(level)),
            index=index,
            width=width,
            path=ref.tile_path(level, index, width),
        )
    for size in (0, 1, 255, 256, 257, 65_535, 65_536, 65_537):
        listing = "".join(ref.tile_path(*tile) + "\n" for tile in ref.tiles(size)).encode()
        out.add(f"log/tiles-of-{size}", "ok", "tiles", size=size, count=len(ref.tiles(size)), digest=ref.h(listing))
    entries = [b"", b"a", "\u00e9".encode(), b"x" * 256]
    raw = ref.entry_bundle(entries)
    out.add("log/bundle-4", "ok", "bundle", raw=raw, entry=entries, width=4)
    out.add("log/bundle-trailing-byte", "parse", "bundle", raw=raw + b"\0", width=4)
    out.add("log/bundle-cut", "parse", "bundle", raw=raw[:-1], width=4)
    out.add("log/bundle-one-entry-less", "parse", "bundle", raw=raw, width=5)
    root = ref.root(leaves(7))

    def checkpoint(name, expect, text, signer=LOG):
        out.add(
            f"log/checkpoint-{name}",
            expect,
            "checkpoint",
            key=LOG.vkey,
            **({"size": 7, "root": root} if expect == "ok" else {}),
            body=ref.note(text, signer),
        )

    text = f"{ORIGIN}\n7\n{ref.b64(root)}\n".encode()
    checkpoint("7", "ok", text)
    checkpoint("signed-by-ingester", "verify", text, INGESTER)
    checkpoint("size-leading-zero", "parse", text.replace(b"\n7\n", b"\n07\n"))
    checkpoint("root-31-bytes", "parse", f"{ORIGIN}\n7\n{ref.b64(root[:-1])}\n".encode())
    checkpoint("four-lines", "parse", text + b"extension\n")
    checkpoint("two-lines", "parse", f"{ORIGIN}\n7\n".encode())


# -- rules and rosters ---------------------------------------------------------------------------------------------------


def make_rules(out):
    letters = [chr(97 + i) for i in range(9)]
    for name, count, expression in (
        ("2-of-3", 3, "2 of a,b,c"),
        ("2-of-3-and-1", 4, "2 of a,b,c and d"),
        ("3-of-5", 5, "3 of a,b,c,d,e"),
        ("2-of-4-and-2", 6, "2 of a,b,c,d and e,f"),
        ("and-member-of-set", 3, "2 of a,b,c and a"),
        ("5-of-9", 9, "5 of a,b,c,d,e,f,g,h,i"),
        ("order-of-names", 3, "2 of c,a,b"),
        ("not-everyone", 5, "2 of c,d,e"),
    ):
        masks = ref.clauses(expression, letters[:count])
        satisfied = sum(1 << signers for signers in range(2**count) if ref.is_satisfied(masks, signers))
        out.add(
            f"rules/{name}",
            "ok",
            "rule",
            expression=expression,
            custodians=count,
            clauses=b"".join(map(ref.u16, masks)),
            satisfied_hash=ref.h(satisfied.to_bytes(64, "big")),
        )
    for name, expression in (
        ("1-of-3", "1 of a,b,c"),
        ("2-of-2", "2 of a,b"),
        ("3-of-4", "3 of a,b,c,d"),
        ("unknown-name", "2 of a,b,x"),
        ("name-twice", "2 of a,b,b"),
        ("leading-zero", "02 of a,b,c"),
        ("and-nobody", "2 of a,b,c and"),
        ("and-twice", "2 of a,b,c and d,d"),
        ("space-after-comma", "2 of a, b, c"),
        ("zero", "0 of a,b,c"),
        ("empty", ""),
        ("non-ascii", "\uff12 of a,b,c"),
    ):
        out.add(f"rules/{name}", "parse", "rule", expression=expression, custodians=4)


def roster_text(
    *,
    time=TIME,
    names=NAMES,
    rules=("base 2 of judge,dpo,regulator",),
    witnesses=(),
    tally="exact",
    numbering="9.0.43",
    **changes,
):
    sealing = {name: bytes([65 + i]) * 1216 for i, name in enumerate((*NAMES, "cnctr"))}
    fields = {"quorum": "0", "retention-days": "365", "late-days": "30", "waiting-days": "90", "cell-cap": "200"} | {
        k.replace("_", "-"): v for k, v in changes.items()
    }
    lines = ["coffer.roster/v2", f"origin: {ORIGIN}", f"time: {time}"]
    lines += [f"custodian: {name} {AUTH[name].vkey} {RESP[name].vkey} {ref.b64(sealing[name])}" for name in names]
    lines += [f"rule: {rule}" for rule in rules] + [f"ingester: {INGESTER.vkey}", f"requester: desk {DESK.vkey}"]
    lines += [f"witness: {vkey}" for vkey in witnesses] + [f"{k}: {v}" for k, v in fields.items()]
    lines += [f"tally: {tally}", f"numbering: {numbering}"]
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
    add("-version-1", "parse", GENESIS.replace(b"coffer.roster/v2", b"coffer.roster/v1"))
    first = GENESIS.replace(b"waiting-days: 90\n", b"").replace(b"numbering: 9.0.43\n", b"")
    add("-of-version-1", "parse", first.replace(b"coffer.roster/v2", b"coffer.roster/v1"))
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


# -- entries -------------------------------------------------------------------------------------------------------------


def text_of(kind, *lines, time=TIME, origin=ORIGIN, version=None):
    version = version or {"fault": 2, "ingest": 2}.get(kind, 1)
    return ("\n".join([f"coffer.{kind}/v{version}", f"origin: {origin}", f"time: {time}", *lines]) + "\n").encode()


def hexes(name, size=32):
    return ref.stream(name.encode(), size).hex()


AUTHORIZATION = hexes("authorization")
COUNTS = ["files: 1024", "read: 10240", "kept: 7168", "rejected: 2048", "duplicate: 4611686018427387904"]
NONE = ["files: 0", "read: 0", "kept: 0", "rejected: 0", "duplicate: 0"]
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
        ],
    ),
    "draw": (("desk",), ["intent: 1", f"table: {hexes('table')}", "records: 268435456"]),
    "close": (
        ("desk",),
        ["intent: 1", f"result: {hexes('result')}", "records: 0", "answers: 9", "unconfirmed-cells: 0"],
    ),
    "refuse": (("judge/auth",), [f"authorization: {AUTHORIZATION}", "custodian: judge", "reason: merit"]),
    "revoke": (("judge/auth",), [f"authorization: {AUTHORIZATION}"]),
    "destroy": (("judge/resp",), ["custodian: judge", "day: 2016-09-01"]),
    "fault": (
        ("desk",),
        ["accuser: desk", "accused: judge", "object: intent 1", f"evidence: {hexes('evidence')}"],
    ),
    "absence": (("judge/auth", "dpo/auth"), ["custodian: regulator"]),
    "objection": (("regulator/auth",), ["absence: 1"]),
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


def make_entries(out):
    for name, (signers, lines) in ENTRIES.items():
        out.add(f"entries/{name}", "ok", "entry", body=signed(name.removesuffix("-empty"), lines, *signers))

    def bad(name, kind, old, new):
        signers, lines = ENTRIES[kind]
        text = text_of(kind, *lines)
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
    bad("batch-15-bytes", "withdraw", hexes("batch", 16).encode(), hexes("batch", 15).encode())
    bad("version-2", "withdraw", b"coffer.withdraw/v1", b"coffer.withdraw/v2")
    bad("version-3", "ingest", b"coffer.ingest/v2", b"coffer.ingest/v3")
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
    bad("no-records", "draw", b"records: 268435456", b"records: 0")
    bad("records-above-2-to-the-28", "draw", b"268435456", b"268435457")
    bad("ten-answers", "close", b"answers: 9", b"answers: 10")
    bad("reason-unknown", "refuse", b"merit", b"mood")
    bad("custodian-capital", "destroy", b"judge", b"Judge")
    bad("time-without-z", "destroy", b"12:00:00Z", b"12:00:00")
    bad("unknown-line", "destroy", b"day: 2016-09-01\n", b"day: 2016-09-01\nwhy: none\n")
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


# -- state ---------------------------------------------------------------------------------------------------------------


def later(minutes, seconds=0):
    hours, minutes = divmod(minutes, 60)
    return f"2016-09-05T{12 + hours:02d}:{minutes:02d}:{seconds:02d}Z"


def intent(nonce="n1", *, signers=("desk",), authorization=AUTHORIZATION, **changes):
    return signed(
        "intent",
        [f"authorization: {authorization}", "requester: desk", f"nonce: {hexes(nonce, 16)}", "cells-at-most: 4"],
        *signers,
        **changes,
    )


def draw(index, records=5):
    return signed("draw", [f"intent: {index}", f"table: {hexes('table')}", f"records: {records}"], "desk")


def close(index, records=5):
    return signed(
        "close",
        [f"intent: {index}", f"result: {hexes('result')}", f"records: {records}", "answers: 3", "unconfirmed-cells: 0"],
        "desk",
    )


def ingest(batch="b1", entry="1/1", counts=NONE, segments=(), feed="calls", signers=("ingester",)):
    lines = [f"batch: {hexes(batch, 16)}", f"entry: {entry}", f"feed: {feed}", *counts]
    return signed("ingest", [*lines, *(f"segment: {s}" for s in segments), "tally: -"], *signers)


def withdraw(batch="b1", signer="ingester"):
    return signed("withdraw", [f"batch: {hexes(batch, 16)}"], signer)


def segment(name="s1", day="2016-09-01", kind="call", rule="base", rows=1024, old="-"):
    return f"{hexes(name)} {hexes(name + ' header')} {day} {kind} {rule} 0 {rows} {old}"


def epoch_key(name="judge", day="2016-09-01", signer=None, roster=GENESIS):
    lines = [
        f"roster: {ref.roster_hash(roster).hex()}",
        f"custodian: {name}",
        f"day: {day}",
        f"key: {ref.b64(bytes([7]) * 1216)}",
    ]
    return signed("epoch-key", lines, signer or f"{name}/auth")


def destroy(name="judge", day="2016-09-01", signer=None):
    return signed("destroy", [f"custodian: {name}", f"day: {day}"], signer or f"{name}/resp")


def receipt(name="judge", seg="s1", signer=None):
    return signed(
        "receipt",
        [f"custodian: {name}", f"segment: {hexes(seg)}", f"canary: 0003 {hexes('c', 16)}"],
        signer or f"{name}/resp",
    )


def fault(accuser="desk", accused="judge", signer="desk", about="intent 1", evidence=None):
    return signed(
        "fault",
        [f"accuser: {accuser}", f"accused: {accused}", f"object: {about}", f"evidence: {evidence or hexes('e')}"],
        signer,
    )


ABOUT, HEADER = f"segment {hexes('s1')}", hexes("s1 header")


def receipts_evidence(*names):
    """Of the receipts that ``receipt`` makes of segment s1."""
    said = [len(name).to_bytes(4, "big") + name.encode() + b"\0\3" + ref.stream(b"c", 16) for name in sorted(names)]
    return hashlib.sha256(b"coffer/v1/receipts\n" + ref.stream(b"s1", 32) + b"".join(said)).hexdigest()


def revoke(signer="judge/auth"):
    return signed("revoke", [f"authorization: {AUTHORIZATION}"], signer)


def refuse(name="judge", signer=None):
    return signed(
        "refuse", [f"authorization: {AUTHORIZATION}", f"custodian: {name}", "reason: form"], signer or f"{name}/auth"
    )


def roster_note(text, *signers):
    return ref.note(text, *(AUTH[name] for name in signers))


def reveal(text, roster, shown, shift=0):
    lines = text.decode().split("\n")[:-1]
    salt = bytes.fromhex(next(line for line in lines if line.startswith("salt: ")).removeprefix("salt: "))
    rows = []
    for i, line in enumerate(lines):
        if i == 4:
            continue
        at = i + shift if i > 4 else i
        rows.append(
            f"line: {at} {ref.line_hmac(salt, i).hex()} {line}"
            if i in shown
            else f"hidden: {at} {ref.line_hash(salt, i, line).hex()}"
        )
    return signed("reveal", [f"authorization: {ref.commitment(text, roster).hex()}", *rows], "anyone")


def absence(name="cnctr", signers=NAMES, **changes):
    return signed("absence", [f"custodian: {name}"], *(f"{who}/auth" for who in signers), **changes)


def objection(index=2, signer="cnctr", **changes):
    return signed("objection", [f"absence: {index}"], f"{signer}/auth", **changes)


def days_later(days, seconds=0):
    moment = datetime(2016, 9, 5, 12, tzinfo=UTC) + timedelta(days=days, seconds=seconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


TOMORROW = days_later(1)
SOVEREIGN = ("base 2 of judge,dpo,regulator", "FR 2 of judge,dpo,regulator and cnctr")


def make_consent(out):
    """Who must sign a roster that touches a rule with an indispensable member, and how one that is gone is replaced."""
    first = roster_note(roster_text(names=(*NAMES, "cnctr"), rules=SOVEREIGN), *NAMES, "cnctr")

    def changed(*signers, rules=SOVEREIGN, time=TOMORROW, names=(*NAMES, "cnctr"), **fields):
        return roster_note(roster_text(names=names, rules=rules, time=time, **fields), *signers)

    def add(name, verdicts, *entries):
        add_state(out, name, f"ok ok {verdicts}", first, *entries)

    loosened = {
        "dropped": {"rules": SOVEREIGN[:1]},
        "dropped-with-its-member": {"rules": SOVEREIGN[:1], "names": NAMES},
        "weakened": {"rules": (SOVEREIGN[0], "FR 2 of judge,dpo,regulator")},
        "reordered": {"rules": (SOVEREIGN[0], "FR 2 of dpo,judge,regulator and cnctr")},
        "numbering": {"numbering": "9.0.44"},
        "waiting-lowered": {"waiting_days": "89"},
        "cell-cap-raised": {"cell_cap": "201"},
        "retention-raised": {"retention_days": "366"},
    }
    for name, fields in loosened.items():
        add(f"consent-{name}-by-base-alone", "R1", changed("judge", "dpo", **fields))
        add(f"consent-{name}-with-the-member", "ok", changed("judge", "dpo", "cnctr", **fields))
        add(f"consent-{name}-by-all-but-the-member", "R1", changed(*NAMES, **fields))
    for name, fields in {
        "waiting-raised": {"waiting_days": "91"},
        "cell-cap-lowered": {"cell_cap": "199"},
        "retention-lowered": {"retention_days": "364"},
        "late-days": {"late_days": "31"},
        "tally": {"tally": "epsilon 1"},
        "base-rule": {"rules": ("base 2 of dpo,judge,regulator", SOVEREIGN[1])},
        "another-country": {"rules": (SOVEREIGN[0], "DE 2 of judge,dpo,regulator", SOVEREIGN[1])},
        "witness": {"witnesses": (ref.cosign_vkey(key("w.example/w1")),), "quorum": "1"},
    }.items():
        add(f"consent-{name}-needs-none", "ok", changed("judge", "dpo", **fields))

    day = days_later(90)
    gone = {"rules": SOVEREIGN[:1], "names": NAMES, "time": day}
    clock = intent(time=day)
    add("absence-waited-for", "ok ok ok", absence(), clock, changed(*NAMES, **gone))
    add("absence-waited-for-in-a-quiet-log", "ok ok", absence(), changed(*NAMES, **gone))
    early = gone | {"time": days_later(90, -1)}
    add("absence-and-a-roster-a-second-too-early", "ok ok R1", absence(), clock, changed(*NAMES, **early))
    add("absence-and-a-roster-that-one-did-not-sign", "ok ok R1", absence(), clock, changed("judge", "dpo", **gone))
    add("absence-objected-to", "ok ok ok R1", absence(), objection(), clock, changed(*NAMES, **gone))
    last = objection(time=day)
    add("absence-objected-to-on-the-last-day", "ok ok ok R1", absence(), clock, last, changed(*NAMES, **gone))
    twice = [absence(), objection(), absence(time=later(1))]
    add("absence-again-waits-anew", "ok ok ok ok R1", *twice, clock, changed(*NAMES, **gone))
    add("absence-said-twice", "ok A1", absence(), absence(time=later(1)))
    add("absence-signed-by-two-of-three-others", "A1", absence(signers=("judge", "dpo")))
    add("absence-signed-by-its-own-custodian-for-another", "A1", absence(signers=("judge", "dpo", "cnctr")))
    add("absence-of-nobody", "A1", absence("stranger", (*NAMES, "cnctr")))
    add("absence-seven-days-old", "ok ok", intent(time=days_later(7)), absence())
    add("absence-seven-days-and-a-second-old", "ok A1", intent(time=days_later(7, 1)), absence())
    old = [intent(time=days_later(7)), absence(), intent("n2", time=day)]
    add("absence-waits-from-when-it-was-logged", "ok ok ok R1", *old, changed(*NAMES, **gone))
    add("objection-of-another", "ok A2", absence(), objection(signer="judge"))
    add("objection-to-another-entry", "ok A2", absence(), objection(index=1))
    add("objection-twice", "ok ok A2", absence(), objection(), objection(time=later(1)))
    add("objection-to-nothing", "A2", objection())
    back = changed("judge", "dpo", "cnctr", waiting_days="1", time=later(1))
    short = [absence(), back, intent(time=days_later(30))]
    still = changed(*NAMES, rules=SOVEREIGN[:1], names=NAMES, time=days_later(30))
    add("absence-keeps-the-days-of-its-own-roster", "ok ok ok R1", *short, still)
    member = roster_text(names=NAMES, rules=SOVEREIGN[:1], time=later(1))
    left = [absence(), roster_note(member, "judge", "dpo", "cnctr")]
    add("absence-ends-with-leaving", "ok ok A2", *left, objection())


def add_state(out, name, verdicts, *entries, genesis=None):
    verdicts = verdicts.split()
    kept = [Word("@entries/roster.txt"), *entries] if genesis is None else [*genesis, *entries]
    assert len(verdicts) == len(kept), name
    rows = [item if isinstance(item, Word) else Word(ref.b64(item)) for item in kept]
    out.add(
        f"state/{name}",
        "ok" if set(verdicts) == {"ok"} else "state",
        "state",
        origin=Word(ORIGIN),
        genesis=ref.roster_hash(GENESIS),
        verdict=[Word(v) for v in verdicts],
        entry=rows,
    )


def make_state(out):
    def add(name, verdicts, *entries, genesis=None):
        add_state(out, name, verdicts, *entries, genesis=genesis)

    ok_roster = roster_note(GENESIS, *NAMES)
    second = roster_text(
        names=(*NAMES, "cnctr"), rules=("base 2 of judge,dpo,regulator", "FR 2 of judge,dpo,regulator and cnctr")
    )
    add("genesis", "ok")
    add("genesis-not-pinned", "R1 R1", intent(), genesis=[roster_note(roster_text(cell_cap="201"), *NAMES)])
    add("genesis-one-signature-short", "R1 R1", intent(), genesis=[roster_note(GENESIS, "judge", "dpo")])
    add("genesis-second", "R1 R1", ok_roster, genesis=[intent()])
    add("genesis-again", "ok R1", ok_roster)
    add(
        "roster-signed-by-base-and-newcomer",
        "ok ok ok",
        roster_note(second, "judge", "dpo", "cnctr"),
        epoch_key(roster=second),
    )
    add("roster-signed-by-one", "ok R1", roster_note(second, "judge", "cnctr"))
    unwitnessed = roster_text(quorum="1", time="2016-09-05T12:00:01Z")
    add("roster-with-a-quorum-and-no-witness", "ok V1", roster_note(unwitnessed, *NAMES))
    add("roster-without-newcomer", "ok R1", roster_note(second, *NAMES))
    add("roster-entry-named-old-roster", "ok ok K1", roster_note(second, *NAMES, "cnctr"), epoch_key())
    add("roster-back-to-the-first", "ok ok R1", roster_note(second, *NAMES, "cnctr"), ok_roster)
    thrice = "base 2 of judge,dpo,cnctr"
    left = roster_text(names=("judge", "dpo", "cnctr"), rules=(thrice,))
    renamed = roster_text(names=(*NAMES, "cnctr"), rules=("base 2 of judge,dpo,regulator",)).replace(
        RESP["cnctr"].vkey.encode(), ref.vkey("cnctr/resp", key("another").public).encode()
    )
    add(
        "roster-of-one-that-left-and-destroys",
        "ok ok ok ok",
        epoch_key("regulator"),
        roster_note(left, "judge", "dpo", "cnctr"),
        destroy("regulator"),
    )
    add(
        "roster-of-one-that-left-and-refuses",
        "ok ok F1",
        roster_note(left, "judge", "dpo", "cnctr"),
        refuse("regulator"),
    )
    add(
        "roster-name-with-another-key",
        "ok ok R2",
        roster_note(second, *NAMES, "cnctr"),
        roster_note(renamed, *NAMES, "cnctr"),
    )
    dated = {days: roster_text(time=f"2016-09-{5 + days:02d}T12:00:00Z", cell_cap="201") for days in (0, 1)}
    older = roster_text(cell_cap="202")
    add("roster-older-than-the-one-in-force", "ok ok R1", roster_note(dated[1], *NAMES), roster_note(older, *NAMES))
    add("roster-seven-days-old", "ok ok ok", intent(time="2016-09-12T12:00:00Z"), roster_note(older, *NAMES))
    add(
        "roster-seven-days-and-a-second-old",
        "ok ok R1",
        intent(time="2016-09-12T12:00:01Z"),
        roster_note(older, *NAMES),
    )
    add(
        "fault-of-the-ingester",
        "ok ok F2 F2 F2 F2 F2 ok ok F2 F1",
        ingest(segments=[segment()]),
        fault("judge", "ingester", "judge/resp", ABOUT),
        fault("judge", "nobody", "judge/resp", ABOUT, HEADER),
        fault("judge", "dpo", "judge/resp", ABOUT, HEADER),
        fault("judge", "ingester", "judge/auth", ABOUT, HEADER),
        fault("judge", "ingester", "judge/resp", f"segment {hexes('s2')}", HEADER),
        fault("judge", "ingester", "judge/resp", ABOUT, HEADER),
        fault("dpo", "ingester", "dpo/resp", ABOUT, HEADER),
        fault("judge", "ingester", "judge/resp", ABOUT, HEADER),
        receipt(),
    )
    add(
        "fault-after-a-receipt",
        "ok ok ok F2",
        ingest(segments=[segment()]),
        receipt(),
        fault("judge", "ingester", "judge/resp", ABOUT, HEADER),
    )
    add(
        "fault-about-receipts",
        "ok ok ok ok F2 ok F2 ok",
        ingest(segments=[segment()]),
        receipt(),
        receipt("dpo"),
        fault("desk", "judge", "desk", ABOUT, receipts_evidence("judge")),
        fault("desk", "judge", "desk", ABOUT, receipts_evidence("judge", "dpo")),
        fault("desk", "regulator", "desk", ABOUT, receipts_evidence("judge", "dpo")),
        fault("desk", "ingester", "desk", ABOUT, HEADER),
    )
    add("epoch-key-ten-years-ahead", "ok ok K1", epoch_key(day="2026-10-23"), epoch_key(day="2026-10-24"))
    add("epoch-key-a-hundred-years-back", "ok ok K1", epoch_key(day="1916-09-30"), epoch_key(day="1916-09-29"))
    add("dated-15-minutes-back", "ok ok ok", intent("a", time=later(20)), intent("b", time=later(5)))
    add("dated-15-minutes-1-second-back", "ok ok V1", intent("a", time=later(20)), intent("b", time=later(4, 59)))
    add(
        "dated-back-against-valid-entries-only",
        "ok N1 ok",
        intent("a", time=later(40), signers=("judge/auth",)),
        intent("b"),
    )
    add("other-origin", "ok V1", intent(origin="vector.example/other"))
    add("junk", "ok V1 V1", b"junk", b"")
    add("epoch-key-twice", "ok ok K1 ok", epoch_key(), epoch_key(), epoch_key(day="2016-09-02"))
    add("epoch-key-signed-by-resp", "ok K1", epoch_key(signer="judge/resp"))
    add("epoch-key-of-a-stranger", "ok K1", epoch_key(name="cnctr"))
    add("opening", "ok ok ok ok", intent(), draw(1), close(1))
    add("opening-without-draw", "ok ok ok", intent(), close(1, 0))
    add("intent-nonce-again", "ok ok N1 ok", intent("a"), intent("a", time=later(1)), intent("b"))
    add("intent-of-a-revoked", "ok ok ok N1", intent("a"), revoke(), intent("b"))
    add("intent-signed-by-ingester", "ok N1", intent(signers=("ingester",)))
    add("draw-twice", "ok ok ok D1", intent(), draw(1), draw(1, 6))
    add("draw-of-no-intent", "ok D1 ok D1", draw(1), intent(), draw(3))
    add("draw-after-close", "ok ok ok D1", intent(), close(1, 0), draw(1))
    add("close-more-than-drawn", "ok ok ok C1 ok", intent(), draw(1), close(1, 6), close(1, 5))
    add("close-twice", "ok ok ok ok C1", intent(), draw(1), close(1), close(1))
    add(
        "ingest-in-two-parts",
        "ok ok ok",
        ingest(entry="1/2", segments=[segment("s1")]),
        ingest(entry="2/2", segments=[segment("s2")]),
    )
    add("ingest-last-part-first", "ok I1 ok", ingest(entry="2/2"), ingest(entry="1/2"))
    add("ingest-part-of-another-feed", "ok ok I1", ingest(entry="1/2"), ingest(entry="2/2", feed="texts"))
    add(
        "ingest-pending-does-not-exist",
        "ok ok F1 ok ok",
        ingest(entry="1/2", segments=[segment()]),
        receipt(),
        ingest(entry="2/2"),
        receipt(),
    )
    add("ingest-batch-again", "ok ok I1", ingest(), ingest())
    add("ingest-signed-by-desk", "ok I1", ingest(signers=("desk",)))
    add(
        "ingest-part-of-other-counts",
        "ok ok I1 ok",
        ingest(entry="1/2"),
        ingest(entry="2/2", counts=COUNTS),
        ingest(entry="2/2"),
    )
    old = [f"batch: {hexes('b1', 16)}", "entry: 1/1", "feed: calls", f"file: {hexes('f', 16)} 3 3 0 0", "tally: -"]
    add("ingest-of-version-1", "ok V1 ok", signed("ingest", old, "ingester", version=1), ingest())
    add("withdraw", "ok ok ok", ingest(segments=[segment()]), withdraw())
    add("withdraw-twice", "ok ok ok W1", ingest(), withdraw(), withdraw())
    add("withdraw-unknown", "ok W1 ok ok", withdraw(), ingest(), withdraw())
    add("withdraw-pending", "ok ok W1 ok ok", ingest(entry="1/2"), withdraw(), ingest(entry="2/2"), withdraw())
    add(
        "withdraw-signed-by-desk",
        "ok ok W1 W1 ok",
        ingest(),
        withdraw(signer="desk"),
        withdraw(signer="judge/auth"),
        withdraw(),
    )
    add("withdrawn-batch-again", "ok ok ok I1 ok", ingest(), withdraw(), ingest(), ingest("b2"))
    add(
        "withdrawn-segment-again",
        "ok ok ok I3",
        ingest(segments=[segment()]),
        withdraw(),
        ingest("b2", segments=[segment()]),
    )
    add(
        "withdrawn-segment-gets-a-receipt-and-is-superseded-by-another",
        "ok ok ok ok ok",
        ingest(segments=[segment()]),
        withdraw(),
        receipt(),
        ingest("b2", segments=[segment("s2", old=hexes("s1"))]),
    )
    add("ingest-segment-again", "ok ok I3", ingest(segments=[segment()]), ingest("b2", segments=[segment()]))
    add("ingest-segment-twice-in-a-batch", "ok I3", ingest(segments=[segment(), segment()]))
    add("ingest-1023-rows", "ok I3", ingest(segments=[segment(rows=1023)]))
    add("ingest-1025-rows", "ok I3", ingest(segments=[segment(rows=1025)]))
    add("ingest-rule-not-in-roster", "ok I3", ingest(segments=[segment(rule="FR")]))
    add(
        "ingest-supersedes",
        "ok ok ok",
        ingest(segments=[segment()]),
        ingest("b2", segments=[segment("s2", old=hexes("s1"))]),
    )
    add("ingest-supersedes-unknown", "ok I3", ingest(segments=[segment("s2", old=hexes("s1"))]))
    add(
        "ingest-supersedes-another-day",
        "ok ok I3",
        ingest(segments=[segment()]),
        ingest("b2", segments=[segment("s2", day="2016-09-02", old=hexes("s1"))]),
    )
    add(
        "ingest-supersedes-another-feed",
        "ok ok I3",
        ingest(segments=[segment()]),
        ingest("b2", feed="texts", segments=[segment("s2", old=hexes("s1"))]),
    )
    add(
        "ingest-two-pending-with-one-segment",
        "ok ok ok I3",
        ingest(entry="1/2", segments=[segment()]),
        ingest("b2", segments=[segment()]),
        ingest(entry="2/2"),
    )
    without = roster_text(names=(*NAMES, "cnctr"), rules=("base 2 of judge,dpo,regulator",))
    add(
        "ingest-over-a-roster-that-drops-its-first-rule",
        "ok ok ok ok ok",
        roster_note(second, *NAMES, "cnctr"),
        ingest(entry="1/2", segments=[segment("s1", rule="FR")]),
        roster_note(without, *NAMES, "cnctr"),
        ingest(entry="2/2", segments=[segment("s2")]),
    )
    add(
        "ingest-over-a-roster-that-drops-its-second-rule",
        "ok ok ok ok I3",
        roster_note(second, *NAMES, "cnctr"),
        ingest(entry="1/2", segments=[segment("s1")]),
        roster_note(without, *NAMES, "cnctr"),
        ingest(entry="2/2", segments=[segment("s2", rule="FR")]),
    )
    add("receipt-twice", "ok ok ok F1 ok", ingest(segments=[segment()]), receipt(), receipt(), receipt("dpo"))
    add("receipt-signed-by-auth", "ok ok F1", ingest(segments=[segment()]), receipt(signer="judge/auth"))
    add("destroy-without-key", "ok F1 ok ok F1", destroy(), epoch_key(), destroy(), destroy())
    add("refuse", "ok ok F1", refuse(), refuse("cnctr"))
    add("revoke-by-desk", "ok F1", revoke("desk"))
    add(
        "fault",
        "ok ok ok F2 F2 F2 F2 F2 F2 F2 ok ok F2",
        intent(),
        fault(),
        fault(),
        fault("judge", "desk", "judge/resp"),
        fault("judge", "dpo", "judge/resp"),
        fault(accused="dpo", signer="judge/resp"),
        fault(accused="nobody"),
        fault(accused="dpo", about="intent 2"),
        fault("ingester", "judge", "ingester"),
        fault(accused="dpo"),
        close(1, 0),
        fault(accused="regulator"),
    )
    paper = authorization_text()
    add("reveal", "ok ok", reveal(paper, ref.roster_hash(GENESIS), {0, 1, 11}))
    shown = reveal(paper, ref.roster_hash(GENESIS), {0, 1, 11})
    false = f"\u2014 judge/auth {ref.b64(AUTH['judge'].key_id + bytes(64))}\n".encode()
    add("reveal-of-which-no-signature-is-looked-at", "ok ok", shown[: shown.index(b"\n\n") + 2] + false)
    add("reveal-of-another-roster", "ok L1", reveal(paper, hexes("roster").encode()[:32], {0, 1, 11}))
    add("reveal-with-shifted-indexes", "ok V1", reveal(paper, ref.roster_hash(GENESIS), {0, 1, 11}, shift=1))
    good = text_of(
        "intent", f"authorization: {AUTHORIZATION}", "requester: desk", f"nonce: {hexes('n1', 16)}", "cells-at-most: 4"
    )
    broken = f"\u2014 judge/auth {ref.b64(AUTH['judge'].key_id + bytes(64))}\n".encode()
    add("broken-signature-of-a-known-key-beside-a-good-one", "ok V1", ref.note(good, DESK) + broken)
    add(
        "odd-signature-of-an-unknown-key-beside-a-good-one",
        "ok V1",
        ref.note(good, DESK) + f"\u2014 other {ref.b64(bytes(9))}\n".encode(),
    )
    add("unknown-key-beside-a-good-one", "ok ok", ref.note(good, DESK, key("stranger")))


# -- authorization -------------------------------------------------------------------------------------------------------


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


def make_authorization(out):
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
    raw = ref.approvals(secret, items)
    lines = raw.splitlines(keepends=True)

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
    approvals("middle-line-removed", "verify", lines[0] + lines[2], 0)
    approvals("commitment-changed", "verify", raw.replace(items[0][0].hex().encode(), items[1][0].hex().encode(), 1), 0)
    approvals("time-changed", "verify", raw.replace(b"12:01:00", b"12:01:01"), 0)
    approvals("line-repeated", "verify", lines[0] + lines[0], 0)


# -- segments ------------------------------------------------------------------------------------------------------------


def seg_core(kind=1, layout=1, clause_count=3, n=3, **changes):
    fields = {
        "day": 17045,
        "part": 0,
        "rule": "base",
        "feed": "calls",
        "roster": ref.roster_hash(GENESIS),
        "origin": ORIGIN,
        "nonce": seeded("nonce"),
    }
    return fields | {"kind": kind, "layout": layout, "n": n, "clause_count": clause_count} | changes


def seg_fields(core):
    return {
        "origin": Word(core["origin"]),
        "rule": Word(core["rule"]),
        "feed": Word(core["feed"]),
        **{k: core[k] for k in ("day", "kind", "layout", "n", "clause_count", "part", "roster", "nonce")},
    }


def make_segments(out):
    for name, core in (
        ("call", seg_core()),
        ("text-every-field", seg_core(kind=2, layout=31, part=2**32 - 1, rule="FR", feed="0123456789abcdef")),
        ("email-day-zero", seg_core(kind=3, layout=16, day=0)),
        ("126-clauses", seg_core(n=9, clause_count=126)),
    ):
        raw = ref.header_core(**core)
        out.add(
            f"segments/core-{name}",
            "ok",
            "core",
            **seg_fields(core),
            raw=raw,
            seg_id=ref.segment_id(raw),
            pi=ref.permutation_key(ref.segment_id(raw)),
        )

    raw = ref.header_core(**seg_core())
    seg_id = ref.segment_id(raw)
    masks = [3, 5, 6]
    subkeys = {mask: ref.stream(b"subkey" + bytes([mask]), 32) for mask in masks}
    for mask in masks:
        out.add(
            f"segments/subkey-{mask}",
            "ok",
            "subkey",
            seg_id=seg_id,
            mask=mask,
            subkey=subkeys[mask],
            commitment=ref.subkey_commitment(seg_id, mask, subkeys[mask]),
            effective=ref.effective_key(seg_id, mask, subkeys[mask]),
        )
    out.add(
        "segments/bundle-plaintext",
        "ok",
        "bundle-plaintext",
        mask=masks,
        subkey=[subkeys[m] for m in masks],
        bundle=[ref.bundle_plaintext(subkeys, i) for i in (1, 2, 3)],
    )
    for name, sid, lane, rank in (
        ("label", ref.sid_tel(33612345678), 1, 0),
        ("data", ref.sid_tel(33612345678), 2, 0),
        ("canary", ref.CANARY, 1, 0),
        ("last-rank", ref.sid_email("é@example.org"), 2, 2**24 - 1),
    ):
        effective = ref.effective_key(seg_id, 3, subkeys[3])
        y = ref.combined([ref.effective_key(seg_id, m, subkeys[m]) for m in masks], sid, lane, 1, rank)
        out.add(
            f"segments/prf-{name}",
            "ok",
            "prf",
            seg_id=seg_id,
            mask=masks,
            subkey=[subkeys[m] for m in masks],
            sid=sid,
            lane=lane,
            kind=1,
            rank=rank,
            message=ref.message(sid, lane, 1, rank),
            partial=ref.partial(effective, sid, lane, 1, rank),
            y=y,
            pad=[ref.pad(ref.permutation_key(seg_id), y, j) for j in range(3)],
        )

    plain = {
        "peer_type": 1,
        "peer": 33612345678,
        "second": 36_000,
        "duration_s": 60,
        "direction": 0,
        "is_answered": True,
        "is_last": False,
    }
    flat = {"cell": 0, "imei": 0, "imsi": 0, "short": "", "long": ""}

    def row(name, layout=0, expect="ok", *, patch=lambda core, extra: (core, extra), **changes):
        fields = plain | {k: v for k, v in changes.items() if k in plain}
        more = flat | {k: v for k, v in changes.items() if k in flat}
        core, extra = patch(ref.core(**fields), ref.extra(layout, **more))
        if expect != "ok":
            out.add(f"segments/row-{name}", expect, "row", layout=layout, core=core, extra=extra)
            return
        out.add(f"segments/row-{name}", expect, "row", layout=layout, core=core, extra=extra, **fields, **more)

    for name, duration in (
        ("zero", 0),
        ("one", 1),
        ("2-to-the-20-less-1", 2**20 - 1),
        ("saturated", 2**20),
        ("week", 604_800 * 2),
    ):
        row(f"duration-{name}", duration_s=duration)
    row("second-first", second=0)
    row("second-last", second=86_399)
    row("second-86400", expect="verify", second=86_400)
    row("withheld", peer_type=0, peer=0)
    row("withheld-with-a-number", expect="verify", peer_type=0, peer=1)
    row("number-15-digits", peer=10**15 - 1)
    row("short-code", peer_type=3, peer=ref.pack_short_peer("FR", "00036500"))
    row("dialled", peer_type=4, peer=ref.pack_dialled_peer("0612")[1])
    row("peer-type-7", expect="verify", patch=lambda core, extra: (bytes([0x70 | core[0] & 15]) + core[1:], extra))
    row("check-bit-set", expect="verify", patch=lambda core, extra: (core[:-1] + b"\x01", extra))
    row("check-bit-32-set", expect="verify", patch=lambda core, extra: (core[:12] + b"\x80" + core[13:], extra))
    for direction in (1, 2, 3):
        row(f"direction-{direction}", direction=direction, is_answered=False, is_last=direction == 3)
    row("cell", 1, cell=int.from_bytes(ref.pack_cell(208, 1, 65535, 2**28 - 1), "big"))
    row("cell-imei-imsi", 7, cell=int.from_bytes(ref.pack_cell(1, 0, 0, 0), "big"), imei=10**16 - 1, imsi=10**15 - 1)
    row("imsi-alone", 4, imsi=208_010)
    row("sender-15-bytes", 8, peer_type=2, peer=0, short="ABCDEFGHIJKLMNO")
    row("sender-1-byte", 8, peer_type=2, peer=0, short="A")
    row("sender-length-16", 8, "verify", peer_type=2, peer=0, patch=lambda core, extra: (core, b"\x10" + b"x" * 15))
    row(
        "string-padding-set",
        8,
        "verify",
        peer_type=2,
        peer=0,
        short="A",
        patch=lambda core, extra: (core, extra[:-1] + b"x"),
    )
    row("string-missing", 8, "verify", peer_type=2, peer=0)
    row("string-beside-a-number", 8, "verify", short="A")
    row("long-63-bytes", 16, peer_type=2, peer=0, long="l" * 63)
    row("long-64-bytes", 16, peer_type=2, peer=0, long="l" * 64)
    row("long-64-length", 16, "verify", peer_type=2, peer=0, patch=lambda core, extra: (core, b"\x40" + b"x" * 63))
    row("long-non-ascii-63-bytes", 16, peer_type=2, peer=0, long="é" * 31 + "z")
    row("long-non-ascii-64-bytes-cut-within-a-character", 16, peer_type=2, peer=0, long="é" * 32)
    row("long-not-utf8", 16, "verify", peer_type=2, peer=0, patch=lambda core, extra: (core, b"\x01\xff" + bytes(62)))
    row("both-strings-in-layout", 24, peer_type=2, peer=0, long="201")
    for name, parts in (
        ("france", (208, 1, 7, 99)),
        ("largest", (999, 999, 65535, 2**28 - 1)),
        ("three-digit-mnc", (310, 410, 1, 1)),
        ("smallest", (1, 0, 0, 0)),
    ):
        out.add(
            f"segments/cell-{name}",
            "ok",
            "cell",
            text=f"{parts[0]:03d}-{parts[1]:02d}-{parts[2]}-{parts[3]}",
            packed=ref.pack_cell(*parts),
        )
    for name, text in (
        ("lac-65536", "208-01-65536-1"),
        ("ci-2-to-the-28", "208-01-1-268435456"),
        ("mcc-zero", "000-01-1-1"),
        ("mcc-two-digits", "20-01-1-1"),
        ("non-ascii", "208-0\u0661-1-1"),
    ):
        out.add(f"segments/cell-{name}", "parse", "cell", text=text)
    for name, country, digits in (
        ("3-digits", "FR", "367"),
        ("leading-zeros", "IN", "00012"),
        ("11-digits", "ZZ", "9" * 11),
        ("aa", "AA", "000"),
    ):
        out.add(
            f"segments/short-peer-{name}",
            "ok",
            "short-peer",
            country=Word(country),
            digits=digits,
            packed=ref.pack_short_peer(country, digits),
        )
    for name, packed in (
        ("marker-2", 2367),
        ("two-digits", 136),
        ("twelve-digits", 10**12),
        ("country-676", 676 << 40 | 1367),
    ):
        out.add(f"segments/short-peer-{name}", "parse", "short-peer", packed=packed)
    for name, digits, shown in (
        ("1-digit", "0", "0"),
        ("leading-zeros", "0049030123456", "0049030123456"),
        ("15-digits", "9" * 15, "9" * 15),
        ("00-and-14-digits", "00" + "9" * 14, "00" + "9" * 14),
        ("00-and-15-digits", "00" + "0" * 15, "0" * 17),
        ("16-digits", "1234567890123456", "123456789012345~"),
        ("18-digits", "0" * 18, "0" * 15 + "~"),
    ):
        kind, peer = ref.pack_dialled_peer(digits)
        out.add(f"segments/dialled-peer-{name}", "ok", "dialled-peer", digits=digits, type=kind, peer=peer, shown=shown)
    first = sum(10**size for size in range(15))  # of 15 digits
    for name, kind, peer in (
        ("no-digit", 4, 0),
        ("16-digits", 4, first + 10**15),
        ("00-and-13-digits", 5, first - 10**14 - 1),
        ("cut-with-14-digits", 6, first - 1),
        ("cut-with-16-digits", 6, first + 10**15),
    ):
        out.add(f"segments/dialled-peer-refused-{name}", "verify", "dialled-peer", type=kind, peer=peer)

    coms = [(mask, ref.subkey_commitment(seg_id, mask, subkeys[mask])) for mask in masks]
    bundles = [ref.stream(b"bundle" + bytes([i]), 40 + i) for i in range(3)]
    epochs = [ref.stream(b"epoch" + bytes([i]), 32) for i in range(3)]
    good = (raw, coms, bundles, 1024, seeded("manifest"), bytes(32), epochs)

    def head(name, expect, whole, parts=None):
        more = {}
        if expect == "ok":
            stripped = ref.stripped_header(*parts)
            more = {"seg_id": ref.segment_id(parts[0]), "stripped": stripped, "hash": ref.header_hash(stripped)}
        out.add(f"segments/header-{name}", expect, "header", raw=whole, **more)

    whole = ref.header(*good)
    head("ordinary", "ok", whole, good)
    for name, at, value in (
        ("no-bundle-of-third", 2, [*bundles[:2], b""]),
        ("rows-2-to-the-28", 3, 2**28),
        ("supersedes", 5, seeded("old")),
    ):
        parts = (*good[:at], value, *good[at + 1 :])
        head(name, "ok", ref.header(*parts), parts)
    named = (ref.header_core(**seg_core(), home="DE"), *good[1:])
    head("home-country", "ok", ref.header(*named), named)
    for name, at, value in (
        ("canon-3", 20, b"\x03"),
        ("home-small-letters", 112, b"de"),
        ("home-one-letter", 112, b"D\0"),
        ("home-three-letters", 112, b"DEU"),
        ("home-of-canon-1", 20, b"\x01"),
    ):
        raw_named = ref.header(*named)
        head(name, "parse", raw_named[:at] + value + raw_named[at + len(value) :])
    for name, at, value in (
        ("rows-zero", 3, 0),
        ("rows-1023", 3, 1023),
        ("rows-1025", 3, 1025),
        ("rows-above-2-to-the-28", 3, 2**28 + 1024),
        ("masks-descending", 1, coms[::-1]),
        ("mask-twice", 1, [coms[0], coms[0], coms[2]]),
        ("mask-of-a-fourth", 1, [*coms[:2], (8, coms[2][1])]),
        ("mask-zero", 1, [(0, coms[0][1]), *coms[1:]]),
    ):
        head(name, "parse", ref.header(*good[:at], value, *good[at + 1 :]))
    head("trailing-byte", "parse", whole + b"\0")
    head("cut", "parse", whole[:-1])
    for name, at, value in (
        ("magic", 7, b"2"),
        ("canon-2", 20, b"\x02"),
        ("suite-2", 21, b"\x02"),
        ("reserved-22", 22, b"\x01"),
        ("reserved-24", 27, b"\x01"),
        ("reserved-112", 112, b"\x01"),
        ("kind-0", 12, b"\0"),
        ("kind-4", 12, b"\x04"),
        ("layout-32", 13, b"\x20"),
        ("no-custodian", 14, b"\0"),
        ("feed-hole", 34, b"\0"),
        ("feed-non-ascii", 32, b"\xe9"),
        ("rule-empty", 28, bytes(4)),
    ):
        head(f"{name}", "parse", whole[:at] + value + whole[at + len(value) :])
    head("batch-rows-1023", "parse", whole.replace(ref.u64(1024) + ref.u32(1024), ref.u64(1024) + ref.u32(1023)))

    def sealed(name, count, *, kind=1, layout=1, subjects=1000, rule="base", expression="2 of a,b,c", n=3):
        masks = ref.clauses(expression, [chr(97 + i) for i in range(n)])
        core = seg_core(kind=kind, layout=layout, clause_count=len(masks), n=n, rule=rule, nonce=seeded(name))
        seed = seeded("sealed " + name)
        keys = {mask: ref.stream(seed + ref.u16(mask), 32) for mask in masks}
        raw_core = ref.header_core(**core)
        rows = ref.sample_rows(seed, count, kind=kind, layout=layout, subjects=subjects)
        whole = ref.seal_rows(
            ref.segment_id(raw_core), kind, layout, rows, keys, lambda size: ref.stream(seed + b"dummies", size)
        )
        size = 24 + len(ref.extra(layout))
        manifest = ref.manifest(ref.segment_id(raw_core), whole, size)
        out.add(
            f"segments/sealed-{name}",
            "ok",
            "sealed",
            **seg_fields(core),
            expression=expression,
            seed=seed,
            records=count,
            subjects=subjects,
            rows=len(whole) // size,
            rows_hash=ref.h(whole),
            manifest=manifest,
            manifest_hash=ref.manifest_hash(ref.segment_id(raw_core), len(whole) // size, manifest),
        )

    sealed("nobody", 0)
    sealed("one", 1)
    for count in (1022, 1023, 1024):  # with the canary 1,023, 1,024 and 1,025 rows
        sealed(f"{count + 1}-rows-with-canary", count, layout=0, subjects=40)
    for layout in (0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 23):
        sealed(f"call-layout-{layout}", 70, layout=layout)
    for layout in (8, 9, 15, 24, 25, 31):
        sealed(f"text-layout-{layout}", 70, kind=2, layout=layout)
    for layout in (16, 17, 23):
        sealed(f"email-layout-{layout}", 70, kind=3, layout=layout)
    sealed("one-subject-many-ranks", 300, subjects=1)
    sealed("rule-with-and", 40, rule="FR", expression="2 of a,b,c and d", n=4, kind=2, layout=9)
    sealed("rule-3-of-5", 40, rule="IN", expression="3 of a,b,c,d,e", n=5)
    sealed("rule-5-of-9", 8, expression="5 of a,b,c,d,e,f,g,h,i", n=9)


# -- exchange, answer, tally, vault --------------------------------------------------------------------------------------


def make_exchange(out):
    a, b = seeded("seg a"), seeded("seg b")
    a, b = min(a, b), max(a, b)
    salt = seeded("draw salt")
    for name, cells in (
        ("one", [(a, 1, 0, 64)]),
        ("two-windows", [(a, 1, 0, 64), (a, 1, 64, 64)]),
        ("largest-numbers", [(a, 20, 0, 2**32 - 1), (b, 255, 2**32 - 1, 1)]),
    ):
        raw = b"".join(ref.cell(*cell) for cell in cells)
        out.add(f"exchange/cells-{name}", "ok", "cells", raw=raw, salt=salt, commitment=ref.draw_commitment(salt, raw))
    for name, raw in (
        ("empty", b""),
        ("rank-count-zero", ref.cell(a, 1, 0, 0)),
        ("twice", ref.cell(a, 1, 0, 1) * 2),
        ("descending", ref.cell(b, 1, 0, 1) + ref.cell(a, 1, 0, 1)),
        ("cut", ref.cell(a, 1, 0, 1)[:-1]),
        ("trailing-byte", ref.cell(a, 1, 0, 1) + b"\0"),
    ):
        out.add(f"exchange/cells-{name}", "parse", "cells", raw=raw)

    raw_core = ref.header_core(**seg_core())
    seg_id = ref.segment_id(raw_core)
    coms = [(mask, ref.stream(b"com" + bytes([mask]), 32)) for mask in (3, 5, 6)]
    parts = (
        raw_core,
        coms,
        [b"bundle 1", b"bundle 2", b"bundle 3"],
        1024,
        seeded("manifest"),
        bytes(32),
        [seeded(f"e{i}") for i in range(3)],
    )
    paper = ref.note(authorization_text(), DESK)
    seal = ref.stream(b"seal", 1216)
    base = {
        "note": paper,
        "seal": seal,
        "intent": 5,
        "draw": ref.NO_DRAW,
        "lane": 1,
        "salt": bytes(32),
        "cells": ref.cell(seg_id, 1, 0, 64),
        "checkpoint": ref.checkpoint(ORIGIN, 7, ref.root(leaves(7)), LOG),
    }

    def request(name, expect, headers=(parts,), mangle=lambda raw: raw, **changes):
        raw, digest = ref.request(
            DESK,
            [ref.header(*one) for one in headers],
            [ref.stripped_header(*one) for one in headers],
            **(base | changes),
        )
        more = {"hash": ref.request_hash(digest), "digest": ref.h(digest)} if expect == "ok" else {}
        out.add(f"exchange/request-{name}", expect, "request", key=DESK.vkey, **more, raw=mangle(raw))

    request("labels", "ok")
    request("data", "ok", lane=2, draw=6, salt=salt, cells=ref.cell(seg_id, 1, 0, 3))
    request("labels-with-a-draw", "parse", draw=6)
    request("labels-with-a-salt", "parse", salt=salt)
    request("data-without-a-draw", "parse", lane=2, salt=salt)
    request("lane-3", "parse", lane=3)
    request("seal-key-1215-bytes", "parse", seal=seal[:-1])
    request("header-missing", "parse", headers=())
    request("header-twice", "parse", headers=(parts, parts))
    request("cells-of-another-segment", "parse", cells=ref.cell(a, 1, 0, 64))
    request("trailing-byte", "parse", mangle=lambda raw: raw + b"\0")
    request("signature-changed", "verify", mangle=lambda raw: raw[:-1] + bytes([raw[-1] ^ 1]))
    request(
        "intent-changed",
        "verify",
        mangle=lambda raw: raw.replace(ref.u64(5) + ref.u64(ref.NO_DRAW), ref.u64(4) + ref.u64(ref.NO_DRAW)),
    )

    _, digest = ref.request(DESK, [ref.header(*parts)], [ref.stripped_header(*parts)], **base)
    request_hash = ref.request_hash(digest)
    labels = [ref.stream(b"value" + bytes([i]), 16) for i in range(2 * 64)]
    request_raw = ref.request(DESK, [ref.header(*parts)], [ref.stripped_header(*parts)], **base)[0]

    def reply(name, expect, payload, *, code=0, signer=RESP["judge"], over=None):
        signature = signer.sign(ref.response_message(request_hash, seal, over or payload))
        out.add(
            f"exchange/reply-{name}",
            expect,
            "reply",
            request=request_raw,
            key=RESP["judge"].vkey,
            index=1,
            mask=[3, 5],
            **({"code": code} if expect == "ok" else {}),
            raw=payload + signature,
        )

    good = ref.payload(1, 1, request_hash, labels)
    reply("labels", "ok", good)
    for number, name in enumerate(("scope", "time", "budget", "log", "internal"), 1):
        reply(f"refusal-{name}", "ok", ref.refusal(1, request_hash, number), code=number)
    reply("refusal-code-6", "verify", ref.refusal(1, request_hash, 6))
    reply("refusal-code-0", "verify", ref.refusal(1, request_hash, 0))
    reply("of-another-custodian", "verify", ref.payload(2, 1, request_hash, labels))
    reply("to-another-request", "verify", ref.payload(1, 1, seeded("other"), labels))
    reply("of-another-lane", "verify", ref.payload(1, 2, request_hash, labels))
    reply("value-missing", "verify", ref.payload(1, 1, request_hash, labels[:-1]))
    reply("value-too-many", "verify", ref.payload(1, 1, request_hash, [*labels, labels[0]]))
    reply("signed-by-auth", "verify", good, signer=AUTH["judge"])
    reply("signature-over-another", "verify", good, over=ref.refusal(1, request_hash, 1))


def make_answer(out):
    salt = seeded("result salt")
    records = "subject,kind\nmailto:é@example.org,email\n".encode()
    out.add(
        "answer/result",
        "ok",
        "result",
        salt=salt,
        records=records,
        superseded=b"",
        commitment=ref.result_commitment(salt, records, b""),
    )
    out.add(
        "answer/result-superseded",
        "ok",
        "result",
        salt=salt,
        records=records,
        superseded=b"subject\n",
        commitment=ref.result_commitment(salt, records, b"subject\n"),
    )
    out.add("answer/tally", "ok", "tally-hash", hours=b"hours", countries=b"", hash=ref.tally_hash(b"hours", b""))
    for name, content, kib in (("", "é,1\n".encode(), 1024), ("-empty", b"", 1024), ("-of-more-memory", b"a\n", 8192)):
        out.add(
            f"answer/remembered{name}",
            "ok",
            "remembered",
            key=seeded("file key"),
            content=content,
            salt=seeded("salt of a file")[:16],
            memory_kib=kib,
            print=ref.content_print(seeded("file key"), content, seeded("salt of a file")[:16], kib),
            name="Master.csv.1",
            name_print=ref.name_print(seeded("file key"), "Master.csv.1"),
        )

    def pins(name, expect, text):
        out.add(f"answer/pins-{name}", expect, "pins", body=text.encode())

    good = f'format = "coffer.vault/v1"\norigin = "{ORIGIN}"\nlog = "{LOG.vkey}"\ngenesis = "{ref.roster_hash(GENESIS).hex()}"\n'
    pins("ordinary", "ok", good)
    pins("log-key-of-another-origin", "parse", good.replace(LOG.vkey, INGESTER.vkey))
    pins("genesis-31-bytes", "parse", good.replace('genesis = "', 'genesis = "')[:-4] + '"\n')
    pins("version-2", "parse", good.replace("vault/v1", "vault/v2"))
    pins("key-missing", "parse", good.split("genesis", maxsplit=1)[0])
    pins("key-unknown", "parse", good + 'witness = "none"\n')
    pins("not-toml", "parse", good.replace("=", ":"))
    pins("non-ascii", "parse", good + "# é\n")


# -- hpke ----------------------------------------------------------------------------------------------------------------


def hpke_key(secret):
    mlkem, x25519 = MLKEM768PrivateKey.from_seed_bytes(secret[:64]), X25519PrivateKey.from_private_bytes(secret[64:])
    return MLKEM768X25519PrivateKey(mlkem, x25519), MLKEM768X25519PublicKey(mlkem.public_key(), x25519.public_key())


def make_hpke(out, kept):
    """Keep what still opens; make what is missing."""
    seg_id = ref.segment_id(ref.header_core(**seg_core()))
    subkeys = {mask: ref.stream(b"subkey" + bytes([mask]), 32) for mask in (3, 5, 6)}
    for name, info, plain in (
        ("bundle", ref.bundle_info(seg_id, 1), ref.bundle_plaintext(subkeys, 1)),
        ("request", ref.request_info(ref.roster_hash(GENESIS), 2), "request, é".encode()),
        ("reply", ref.reply_info(seeded("request"), 3), b"COFRSP01 reply"),
        ("empty", ref.reply_info(seeded("request"), 1), b""),
    ):
        secret = ref.stream(b"hpke " + name.encode(), 96)
        private, public = hpke_key(secret)
        sealed = _kept_ciphertext(kept / f"hpke/{name}.txt", private, info, plain)
        how = "kept"
        if sealed is None:
            sealed, how = SUITE.encrypt(plain, public, info), "made anew"
        print(f"hpke/{name}.txt: {how}")
        fields = {"private": secret, "info": info, "plaintext": plain, "sealed": sealed}
        out.add(f"hpke/{name}", "ok", "hpke", **fields)
        if name == "bundle":
            out.add(
                "hpke/bundle-of-another-custodian", "verify", "hpke", **(fields | {"info": ref.bundle_info(seg_id, 2)})
            )
            out.add(
                "hpke/bundle-one-bit-changed",
                "verify",
                "hpke",
                **(fields | {"sealed": sealed[:-1] + bytes([sealed[-1] ^ 1])}),
            )
            out.add(
                "hpke/bundle-encapsulation-changed",
                "verify",
                "hpke",
                **(fields | {"sealed": bytes([sealed[0] ^ 1]) + sealed[1:]}),
            )
            out.add(
                "hpke/bundle-of-another-key", "verify", "hpke", **(fields | {"private": ref.stream(b"hpke other", 96)})
            )
            out.add("hpke/bundle-cut", "verify", "hpke", **(fields | {"sealed": sealed[:1135]}))
            out.add("hpke/bundle-nothing", "verify", "hpke", **(fields | {"sealed": b""}))


def _kept_ciphertext(path, private, info, plain):
    if not path.is_file():
        return None
    line = next(line for line in path.read_text("ascii").splitlines() if line.startswith("sealed: "))
    sealed = bytes.fromhex(line.removeprefix("sealed: "))
    try:
        return sealed if SUITE.decrypt(sealed, private, info) == plain else None
    except (InvalidTag, ValueError):
        return None


def make_all(folder):
    out = Folder()
    for make in (
        make_wire,
        make_identity,
        make_mailboxes,
        make_notes,
        make_cosignatures,
        make_log,
        make_rules,
        make_rosters,
        make_entries,
        make_state,
        make_consent,
        make_authorization,
        make_segments,
        make_exchange,
        make_answer,
    ):
        make(out)
    make_hpke(out, VECTORS)
    for path, raw in out.files.items():
        file = folder / f"{path}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(raw)
    wanted = {f"{path}.txt" for path in out.files}
    for file in folder.glob("*/*.txt"):
        if str(file.relative_to(folder)) not in wanted:
            file.unlink()
    (folder / ".gitattributes").write_text("*.txt -text\n")
    return len(out.files)


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else VECTORS
    print(f"{make_all(target)} vectors in {target}")
