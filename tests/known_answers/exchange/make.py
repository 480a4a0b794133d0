import reference as ref
from known_answers.authorization.make import authorization_text
from known_answers.log.make import leaves
from known_answers.parties import AUTH, DESK, LOG, ORIGIN, RESP, seeded
from known_answers.segments.make import seg_core


def make(out):
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
