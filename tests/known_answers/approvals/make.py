import base64

import cbor2
from cryptography.hazmat.primitives.asymmetric import rsa

import reference as ref
from authenticator import PRESENT, VERIFIED, Authenticator, cose
from known_answers.authorization.make import authorization_text
from known_answers.entries.make import GENESIS
from known_answers.folder import Word
from known_answers.parties import AUTH, ORIGIN, later

# an RSA key cannot be made from a seed: its two primes, drawn once
P = int(
    "caaacc07d1ae74ff85e9efc5197019323dda817ed8ef3228a876d7e10b5f9cd0b1975f008294ff76dfdf573845f5f02ed3ae"
    "d6646d055e8313cb948afbf4b13ea03c611774214623f9cad93c5e40ac9cae3c96e2e383113c9b9e76d6c9c651f4dbf61733"
    "c87c69ece67d8e471a4f89dc5551c44713e4b520674a1a08ee54133b",
    16,
)
Q = int(
    "c773d9088b7b33857413ce3b64657a37596ed71d9a160e72742b920ceca179920c92845216bcf095087682e5a5451858111d"
    "e990d06dc8d456661d88ca6224aeb8bde5ba605497fbf8a50021f12a41e5e73e664da23b66e9b18652dfd217872bbc31b478"
    "4e3f7636c06cbeb703eab0b72c9bf33ed5236022be4347fc90a717a5",
    16,
)


SITE, OTHER_SITE = "https://judge.example:8444", "https://judge.example"
CONTEXT = "own\ncustodian judge"
KEY = ref.stream(b"passkey approvals", 32)
TEXT = authorization_text()
COMMITMENT = ref.commitment(TEXT, ref.roster_hash(GENESIS))
P384 = cbor2.dumps({1: 2, 3: -35, -1: 2, -2: bytes(48), -3: bytes(48)})
OTHER_TEXT = authorization_text(purpose="theft of a car")
OTHER = ref.commitment(OTHER_TEXT, ref.roster_hash(GENESIS))


def _rsa():
    public, phi = rsa.RSAPublicNumbers(65537, P * Q), (P - 1) * (Q - 1)
    d = pow(65537, -1, phi)
    return rsa.RSAPrivateNumbers(P, Q, d, d % (P - 1), d % (Q - 1), pow(Q, -1, P), public).private_key()


def person(number, **options):
    """The authenticator of a person: 1 by ES256, 2 by EdDSA, 3 by RS256."""
    if number == 3:
        return Authenticator(SITE, key=_rsa(), **options)
    seed = ref.h(b"passkey", bytes([number]))
    return Authenticator(SITE, algorithm={2: "EdDSA"}.get(number, "ES256"), seed=seed, **options)


def b64(raw):
    return base64.b64encode(raw).decode()


def nonce(number):
    return ref.h(b"nonce", bytes([number]))


def site_line(site=SITE):
    return f"{later(0)} site {site}"


def enrolled_lines(*numbers):
    lines = []
    for number in numbers:
        key = person(number)
        code = ref.h(b"code", bytes([number]))
        lines.append(f"{later(1)} invited {number} {code.hex()} 2016-09-08T12:01:00Z Personne n\u00b0 {number}")
        lines.append(f"{later(2)} enrolled {number} {b64(key.id)} {b64(cose(key.key))} 0 no clef")
    return lines


THREE = [site_line(), *enrolled_lines(1, 2, 3)]
TWO_NEEDED = [*THREE, f"{later(3)} required 2"]


def agreed(number, *, at=10, lines=8, own=None, text=TEXT, challenge=None, commitment=COMMITMENT, key=None, **faults):
    """A line of the approvals file without its MAC. ``own``: the number of its nonce."""
    key, fresh = key or person(number), nonce(own or at)
    signed = challenge or ref.approval_challenge("judge", commitment, text, fresh)
    data, client_data, signature = key.assertion(signed, **faults)
    words = [later(at), commitment.hex(), str(lines), str(number), fresh.hex(), ref.h(text).hex()]
    return " ".join(["agreed", *words, *(b64(part) for part in (key.id, data, client_data, signature))])


def ratifies(number, *, at=10, intent=7, named=None, **faults):
    """A line of who ratifies an opening; ``named``: the index at its end, if it is another than what was signed."""
    challenge = ref.ratification_challenge("judge", COMMITMENT, intent, TEXT, nonce(at))
    return f"{agreed(number, at=at, challenge=challenge, **faults)} {intent if named is None else named}"


def decided(out):
    """Approvals files beside the files of their people, for the custodian."""

    def add(name, expect, lines, *commitments, people=TWO_NEEDED, ratified=None):
        fields = {"commitment": list(commitments) or [b""]} if expect == "ok" else {}
        fields |= {} if ratified is None else {"ratified": ratified}
        out.add(
            f"approvals/decided-{name}",
            expect,
            "decided",
            key=KEY,
            context=CONTEXT,
            custodian=Word("judge"),
            people=ref.people(KEY, CONTEXT.encode(), people) if people else b"",
            **fields,
            body=ref.approvals(KEY, lines),
        )

    one, two, three = agreed(1, at=10), agreed(2, at=11), agreed(3, at=12)
    back = f"taken-back {later(13)} {COMMITMENT.hex()} 8 1"
    no = f"withdrawn {later(14)} {COMMITMENT.hex()} 8 2"
    terminal = f"approved {later(9)} {COMMITMENT.hex()}"
    add("by-two", "ok", [one, two], COMMITMENT)
    add("by-two-of-other-algorithms", "ok", [three, two], COMMITMENT)
    add("by-one-of-two", "ok", [one])
    add("by-one-where-one-is-enough", "ok", [one], COMMITMENT, people=[*THREE, f"{later(3)} required 1"])
    add("taken-back", "ok", [one, back, two])
    add("taken-back-and-agreed-again", "ok", [one, back, two, agreed(1, at=15)], COMMITMENT)
    add("withdrawn", "ok", [one, two, no])
    add(
        "at-the-terminal-before-there-were-people",
        "ok",
        [f"{terminal} 0", agreed(1, commitment=OTHER, text=OTHER_TEXT)],
        COMMITMENT,
    )
    add("at-the-terminal-past-the-people", "verify", [f"{terminal} 8"])
    add("another-challenge", "verify", [one, agreed(2, at=11, challenge=bytes(32))])
    add("another-request", "verify", [one, two.replace(COMMITMENT.hex(), OTHER.hex())])
    add("another-text", "verify", [one, agreed(2, at=11, text=OTHER_TEXT)])
    add("person-not-verified", "verify", [one, agreed(2, at=11, flags=PRESENT)])
    add("person-not-present", "verify", [one, agreed(2, at=11, flags=VERIFIED)])
    add("one-person-twice", "verify", [one, agreed(1, at=11)])
    add("passkey-of-another-person", "verify", [one, agreed(2, at=11, key=person(3))])
    add("another-origin", "verify", [one, agreed(2, at=11, origin=OTHER_SITE)])
    add("another-host", "verify", [one, agreed(2, at=11, rp_id="example")])
    add("within-another-site", "verify", [one, agreed(2, at=11, extra={"crossOrigin": True})])
    add("registration-for-an-assertion", "verify", [one, agreed(2, at=11, kind="create")])
    flipped = two[:-8] + ("B" if two[-8] == "A" else "A") + two[-7:]
    add("signature-changed", "verify", [one, flipped])
    second = agreed(1, at=12, commitment=OTHER, text=OTHER_TEXT, count=5)
    add("counter-back", "verify", [agreed(1, at=11, count=5), second])
    add("counter-on", "ok", [agreed(1, at=11, count=4), second])
    add("nonce-twice", "verify", [one, agreed(1, at=11, own=10, commitment=OTHER, text=OTHER_TEXT)])
    revoked = [*TWO_NEEDED, f"{later(4)} revoked 2 {b64(person(2).id)}"]
    add("passkey-revoked-before", "verify", [one, agreed(2, at=11, lines=9)], people=revoked)
    add("passkey-revoked-after", "ok", [one, two], COMMITMENT, people=revoked)
    removed = [*TWO_NEEDED, f"{later(10)} removed 1"]
    add("person-removed-between", "ok", [one, agreed(2, at=11, lines=9)], people=removed)
    add(
        "person-removed-between-and-a-third",
        "ok",
        [one, agreed(2, at=11, lines=9), agreed(3, at=12, lines=9)],
        COMMITMENT,
        people=removed,
    )
    lowered = [*TWO_NEEDED, f"{later(12)} required 1"]
    add("number-lowered-afterwards", "ok", [one], people=lowered)
    add("people-cut", "verify", [one, two], people=THREE)
    add("people-gone", "verify", [one, two], people=[])
    add("people-back", "verify", [agreed(1, lines=9), two], people=revoked)
    add("taken-back-once-approved", "verify", [one, two, back])
    add("taken-back-by-another", "verify", [one, back[:-1] + "2"])
    add("agreed-once-withdrawn", "verify", [no, one])
    first, second = ratifies(1, at=20), ratifies(2, at=21)
    undone = f"{back} 7"
    add("ratified-by-two", "ok", [first, second], ratified=7)
    add("ratified-by-one-of-two", "ok", [first])
    add("ratified-once-withdrawn", "ok", [no, first, second], ratified=7)
    add("ratified-by-one-before-it-is-withdrawn-and-one-after", "ok", [first, no, second])
    add("ratified-by-two-before-it-is-withdrawn", "ok", [first, second, no], ratified=7)
    add("ratified-another-opening-each", "ok", [first, ratifies(2, at=21, intent=8)])
    add("ratified-and-approved-by-one-each", "ok", [first, two])
    add("ratified-taken-back", "ok", [first, undone, second])
    add("ratified-taken-back-as-an-approval", "verify", [first, back])
    add("ratified-taken-back-once-ratified", "verify", [first, second, undone])
    add("ratified-by-one-person-twice", "verify", [first, ratifies(1, at=21)])
    add("ratified-under-another-index", "verify", [first, ratifies(2, at=21, named=8)])
    add("ratified-by-an-approval", "verify", [first, f"{two} 7"])
    add("ratified-as-an-approval", "verify", [first.removesuffix(" 7")])
    add("ratified-with-a-zero-before-the-index", "verify", [first, ratifies(2, at=21, named="07")])


def people(out):
    def add(name, expect, body, *persons, required=0, context=CONTEXT):
        fields = {"required": required, "person": list(persons) or [b""]} if expect == "ok" else {}
        out.add(f"approvals/people-{name}", expect, "people", key=KEY, context=context, **fields, body=body)

    def made(*lines):
        return ref.people(KEY, CONTEXT.encode(), [*THREE, *lines])

    ids = [person(number).id for number in (1, 2, 3)]
    whole = made(f"{later(3)} required 2")
    head, *lines = whole.splitlines(keepends=True)
    add("three", "ok", whole, *ids, required=2)
    add("empty", "ok", b"")
    add("header-alone", "ok", head)
    add("last-line-cut", "ok", whole[:-9], *ids)
    add("away-and-back", "ok", made(f"{later(3)} away 1 {later(5)} {later(9)} 2", f"{later(6)} back 1"), *ids)
    add("passkey-added", "ok", made(f"{later(3)} added 1 {b64(bytes(16))} {b64(b'k')} 7 yes "), *ids, bytes(16))
    add("passkey-used", "ok", made(f"{later(3)} used {b64(ids[0])} 7 no"), *ids)
    add("person-removed", "ok", made(f"{later(3)} removed 2"), ids[0], ids[2])
    add("line-removed", "verify", head + b"".join(lines[:2] + lines[3:]))
    add("lines-exchanged", "verify", head + lines[0] + lines[2] + lines[1] + b"".join(lines[3:]))
    add("line-repeated", "verify", whole + lines[-1])
    add("byte-changed", "verify", whole.replace(lines[3][:20], lines[3][:19] + b"A"))
    add("of-another-custodian", "verify", whole, context="own\ncustodian dpo")
    add("version-2", "verify", whole.replace(b"people/v1", b"people/v2"))
    add("three-required", "verify", made(f"{later(3)} required 3"))
    add(
        "required-more-than-there-are",
        "verify",
        ref.people(KEY, CONTEXT.encode(), [site_line(), f"{later(3)} required 1"]),
    )
    add("passkey-of-two-persons", "verify", made(f"{later(3)} added 1 {b64(ids[1])} {b64(b'k')} 0 no "))
    late = ref.people(KEY, CONTEXT.encode(), [line.replace(later(2), "2016-09-08T12:01:00Z") for line in THREE])
    add("enrolled-after-72-hours", "verify", late)


def agreements(out):
    """What a custodian shows, for the auditor."""

    def show(
        number, *, at, time=None, site=SITE, own=None, text=TEXT, challenge=None, passkey=None, key=None, **faults
    ):
        key, fresh = key or person(number), nonce(own or at)
        signed = challenge or ref.approval_challenge("judge", COMMITMENT, text, fresh)
        parts = [b64(part) for part in key.assertion(signed, **faults)]
        return " ".join(
            [f"agreed: {passkey or number} {time or later(at)} {site} {fresh.hex()} {ref.h(text).hex()}", *parts]
        )

    def passkey(number, *, owner=None, ended="-", key=None):
        return f"passkey: {number} {owner or number} {later(2)} {ended} {b64(key or cose(person(number).key))}"

    keys = [passkey(1), passkey(2), passkey(3)]
    one, two, three = show(1, at=10), show(2, at=11), show(3, at=11)

    def add(name, expect, *shown, passkeys=tuple(keys), required="2", completed=None, by="judge", more=()):
        head = ["coffer.agreements/v1", f"origin: {ORIGIN}", "custodian: judge", f"time: {later(30)}"]
        request = f"request: {COMMITMENT.hex()} {required} {completed or later(11)}"
        text = "\n".join([*head, *passkeys, request, *shown, *more, ""]).encode()
        out.add(
            f"approvals/agreements-{name}",
            expect,
            "agreements",
            auth=Word(AUTH["judge"].vkey),
            commitment=COMMITMENT,
            text=TEXT,
            body=ref.note(text, AUTH[by]),
        )

    add("by-two", "ok", one, two)
    add("by-rs256", "ok", one, three)
    add("by-one-where-one-is-enough", "ok", one, required="1", completed=later(10))
    add("by-three", "ok", one, two, show(3, at=12))
    add("signed-by-another-custodian", "verify", one, two, by="dpo")
    add("too-few", "verify", one, completed=later(10))
    add("second-after-it-was-completed", "verify", one, show(2, at=12))
    add("another-challenge", "verify", one, show(2, at=11, challenge=bytes(32)))
    add("another-nonce", "verify", one, two.replace(nonce(11).hex(), nonce(12).hex()))
    add("another-note", "verify", show(1, at=10, text=OTHER_TEXT), show(2, at=11, text=OTHER_TEXT))
    add("person-not-verified", "verify", one, show(2, at=11, flags=PRESENT))
    add("one-person-twice", "verify", one, show(1, at=11))
    both = [passkey(1), passkey(2, owner=1)]
    add("one-person-with-two-passkeys", "verify", one, two, passkeys=both)
    gone = [passkey(1), passkey(2, ended=later(5))]
    add("passkey-ended-before", "verify", one, two, passkeys=gone)
    add("passkey-ended-after", "ok", one, two, passkeys=[passkey(1), passkey(2, ended=later(12))])
    add("passkey-before-it-was-registered", "verify", one, show(2, at=11, time=later(1)))
    add("another-origin", "verify", one, show(2, at=11, origin=OTHER_SITE))
    add("another-host", "verify", one, show(2, at=11, rp_id="example"))
    add("within-another-site", "verify", one, show(2, at=11, extra={"topOrigin": "https://evil.example"}))
    add("registration-for-an-assertion", "verify", one, show(2, at=11, kind="create"))
    add("passkey-of-another-person", "verify", one, show(2, at=11, key=person(3)))
    add("nonce-twice", "verify", one, show(2, at=11, own=10))
    words = two.split(" ")
    changed = base64.b64encode(bytes([*base64.b64decode(words[-1])[:-1], 255])).decode()
    add("signature-changed", "verify", one, " ".join([*words[:-1], changed]))
    again = ref.commitment(OTHER_TEXT, ref.roster_hash(GENESIS))

    def other(count):
        key, fresh = person(1), nonce(20)
        signed = ref.approval_challenge("judge", again, OTHER_TEXT, fresh)
        parts = [b64(part) for part in key.assertion(signed, count=count)]
        return [
            f"request: {again.hex()} 1 {later(20)}",
            " ".join([f"agreed: 1 {later(20)} {SITE} {fresh.hex()} {ref.h(OTHER_TEXT).hex()}", *parts]),
        ]

    counted = show(1, at=10, count=5)
    add("counter-on", "ok", counted, two, more=other(6))
    add("counter-back", "verify", counted, two, more=other(4))
    add("counter-still", "verify", counted, two, more=other(5))
    add("counter-to-none", "verify", counted, two, more=other(0))
    add("none-required", "parse", one, two, required="0")
    add("key-twice", "parse", one, two, passkeys=[passkey(1), passkey(2, key=cose(person(1).key))])
    add("passkeys-from-0", "parse", one, two, passkeys=[passkey(0, key=b"\xa0"), *keys])
    add(
        "key-of-another-algorithm",
        "parse",
        one,
        two,
        passkeys=[passkey(1), passkey(2, key=P384)],
    )
    add(
        "key-with-a-longer-number",
        "parse",
        one,
        two,
        passkeys=[passkey(1), passkey(2, key=cose(person(2).key).replace(b"\xa4\x01\x01", b"\xa4\x01\x18\x01"))],
    )
    add("request-without-agreements", "parse")
    add("request-twice", "parse", one, two, more=[f"request: {COMMITMENT.hex()} 2 {later(11)}", one])
    add("passkey-that-is-not-listed", "parse", one, show(2, at=11, passkey=4))
    twice = person(2)
    plain = twice.client_data
    twice.client_data = lambda *said, **more: b'{"origin":"https://evil.example",' + plain(*said, **more)[1:]
    add("client-data-with-a-key-twice", "parse", one, show(2, at=11, key=twice))


def make(out):
    people(out)
    decided(out)
    agreements(out)
