import base64

import reference as ref
from known_answers.parties import ORIGIN, RESP, key


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


def make_signed(out):
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


def make(out):
    make_signed(out)
    make_cosignatures(out)
