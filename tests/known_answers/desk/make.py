"""The desk's sealing, written from docs/formats/desk.md with HMAC and AES-GCM alone."""

import hashlib
import hmac

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import reference as ref

ORIGIN = "telco.example/vault"
CASE, DOCUMENT = bytes(range(16)), bytes(range(16, 32))


def hkdf(secret, info):
    """RFC 5869 with SHA-256, no salt, one block."""
    return hmac.digest(hmac.digest(bytes(32), secret, "sha256"), info + b"\x01", "sha256")


def root(wrapping):
    return hkdf(wrapping, ref.tag("desk-database") + ORIGIN.encode())


def key(secret, name):
    return hkdf(secret, ref.tag("desk-key") + name.encode())


def context(table, row, version, column="sealed"):
    return (
        ref.tag("desk-cell")
        + ref.lp(table.encode())
        + ref.lp(row)
        + ref.lp(column.encode())
        + version.to_bytes(8, "big")
    )


def sealed(secret, nonce, content, where, step):
    plain = len(content).to_bytes(4, "big") + content
    plain += bytes(-len(plain) % step)
    return nonce + AESGCM(secret).encrypt(nonce, plain, where)


def make(out):
    wrapping = ref.stream(b"desk wrapping", 32)
    secret = root(wrapping)
    for name in ("people", "cases", "queue", "tags"):
        out.add(
            f"desk/key-{name}", "ok", "desk-key", wrapping=wrapping, origin=ORIGIN, name=name, key=key(secret, name)
        )
    for kind, value in (
        ("invitation", ref.stream(b"code", 32)),
        ("session", b"ab" * 32),
        ("commitment", bytes(32)),
        ("post", b""),
    ):
        tag = hmac.digest(key(secret, "tags"), ref.lp(kind.encode()) + value, "sha256")
        out.add(f"desk/tag-{kind}", "ok", "desk-tag", wrapping=wrapping, origin=ORIGIN, kind=kind, value=value, tag=tag)
    own, nonce = ref.stream(b"case key", 32), ref.stream(b"nonce", 12)
    cells = {
        "empty": ("cases", CASE, 1, b"", 256),
        "one-step": ("cases", CASE, 2, b"x" * 252, 256),
        "two-steps": ("cases", CASE, 3, b"x" * 253, 256),
        "non-ascii": ("history", CASE + bytes([0, 0, 0, 1]), 0, "é".encode(), 256),
        "part": ("document_parts", CASE + DOCUMENT + bytes(4), 0, b"%PDF", 4096),
        "register": ("register", b"", 7, b"{}", 256),
    }
    for name, (table, row, version, content, step) in cells.items():
        fields = {
            "table": table,
            "row": row,
            "version": version,
            "key": own,
            "nonce": nonce,
            "step": step,
            "content": content,
        }
        raw = sealed(own, nonce, content, context(table, row, version), step)
        out.add(f"desk/cell-{name}", "ok", "desk-cell", **fields, sealed=raw)
    raw = sealed(own, nonce, b"content", context("cases", CASE, 5), 256)
    changed = {
        "of-another-table": {"table": "history"},
        "of-another-row": {"row": DOCUMENT},
        "of-another-version": {"version": 6},
        "under-another-key": {"key": ref.stream(b"another", 32)},
        "with-a-bit-changed": {"sealed": raw[:-1] + bytes([raw[-1] ^ 1])},
        "cut": {"sealed": raw[:-1]},
        "of-another-column": {"sealed": sealed(own, nonce, b"content", context("cases", CASE, 5, "key"), 256)},
        "longer-than-it-says": {
            "sealed": nonce + AESGCM(own).encrypt(nonce, bytes(4) + b"x" + bytes(251), context("cases", CASE, 5))
        },
        "shorter-than-it-says": {
            "sealed": nonce + AESGCM(own).encrypt(nonce, b"\x00\x00\x01\x00" + bytes(252), context("cases", CASE, 5))
        },
    }
    fields = {
        "table": "cases",
        "row": CASE,
        "version": 5,
        "key": own,
        "nonce": nonce,
        "step": 256,
        "content": b"content",
        "sealed": raw,
    }
    out.add("desk/cell-in-its-place", "ok", "desk-cell", **fields)
    for name, change in changed.items():
        out.add(f"desk/cell-{name}", "verify", "desk-cell", **(fields | change))
    before = bytes(32)
    for number, raw_event in enumerate((b'{"number":1}', "é".encode(), b""), 1):
        digest = hashlib.sha256(
            ref.tag("desk-history") + CASE + number.to_bytes(4, "big") + before + raw_event
        ).digest()
        out.add(
            f"desk/event-{number}",
            "ok",
            "desk-event",
            case=CASE,
            number=number,
            before=before,
            event=raw_event,
            hash=digest,
        )
        before = digest
