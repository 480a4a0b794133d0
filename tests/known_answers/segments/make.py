import reference as ref
from known_answers.entries.make import GENESIS
from known_answers.folder import Word
from known_answers.parties import ORIGIN, seeded


def seg_core(kind=1, layout=1, clause_count=3, n=3, **changes):
    fields = {
        "day": 17045,
        "part": 0,
        "rule": "base",
        "feed": "calls",
        "roster": ref.roster_hash(GENESIS),
        "origin": ORIGIN,
        "nonce": seeded("nonce"),
        "version": 1,
    }
    return fields | {"kind": kind, "layout": layout, "n": n, "clause_count": clause_count} | changes


def seg_fields(core):
    return {
        "origin": Word(core["origin"]),
        "rule": Word(core["rule"]),
        "feed": Word(core["feed"]),
        **{k: core[k] for k in ("version", "day", "kind", "layout", "n", "clause_count", "part", "roster", "nonce")},
    }


def make_cores(out):
    for name, core in (
        ("call", seg_core()),
        ("text-every-field", seg_core(kind=2, layout=31, part=2**32 - 1, rule="FR", feed="0123456789abcdef")),
        ("email-day-zero", seg_core(kind=3, layout=16, day=0)),
        ("126-clauses", seg_core(n=9, clause_count=126)),
        ("v2-call", seg_core(version=2)),
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


MASKS = [3, 5, 6]


def three_subkeys():
    return {mask: ref.stream(b"subkey" + bytes([mask]), 32) for mask in MASKS}


def make_keys(out):
    seg_id, subkeys = ref.segment_id(ref.header_core(**seg_core())), three_subkeys()
    for mask in MASKS:
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
        mask=MASKS,
        subkey=[subkeys[m] for m in MASKS],
        bundle=[ref.bundle_plaintext(subkeys, i) for i in (1, 2, 3)],
    )
    for name, sid, lane, rank in (
        ("label", ref.sid_tel(33612345678), 1, 0),
        ("data", ref.sid_tel(33612345678), 2, 0),
        ("canary", ref.CANARY, 1, 0),
        ("last-rank", ref.sid_email("é@example.org"), 2, 2**24 - 1),
    ):
        effective = ref.effective_key(seg_id, 3, subkeys[3])
        y = ref.combined([ref.effective_key(seg_id, m, subkeys[m]) for m in MASKS], sid, lane, 1, rank)
        out.add(
            f"segments/prf-{name}",
            "ok",
            "prf",
            seg_id=seg_id,
            mask=MASKS,
            subkey=[subkeys[m] for m in MASKS],
            sid=sid,
            lane=lane,
            kind=1,
            rank=rank,
            message=ref.message(sid, lane, 1, rank),
            partial=ref.partial(effective, sid, lane, 1, rank),
            y=y,
            pad=[ref.pad(ref.permutation_key(seg_id), y, j) for j in range(3)],
        )


def make_rows(out):
    plain = {
        "peer_type": 1,
        "peer": 33612345678,
        "second": 36_000,
        "duration_s": 60,
        "direction": 0,
        "is_answered": True,
        "is_last": False,
    }
    flat = {"cell": 0, "imei": 0, "imsi": 0, "own": 0, "short": "", "long": ""}

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
    number, marked = 1 << 60 | 33612345678 << 10, 1_0112_3456_7890_123
    row("own-number-with-a-bit-behind-it", 34, "verify", imei=marked, own=number | 1)
    row("own-number-and-imei-with-a-leading-zero", 34, imei=marked, own=number)
    row("own-number-unknown", 68, imsi=208_011_234_567_890)
    row("own-short-code", 102, imei=marked, own=3 << 60 | ref.pack_short_peer("FR", "112") << 10)
    row("own-dialled", 34, imei=marked, own=4 << 60 | ref.pack_dialled_peer("0612")[1] << 10)
    row("own-string", 34, "verify", imei=marked, own=2 << 60)
    row("own-type-7", 34, "verify", imei=marked, own=7 << 60 | 1 << 10)
    row("own-nobody-with-a-number", 34, "verify", imei=marked, own=1 << 10)
    row("own-number-zero", 34, "verify", imei=marked, own=1 << 60)
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


def make_packed(out):
    """Cells, short codes and dialled digits, each packed in a number."""
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


def make_headers(out):
    raw = ref.header_core(**seg_core())
    coms = [(mask, ref.subkey_commitment(ref.segment_id(raw), mask, key)) for mask, key in three_subkeys().items()]
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
    for name, layout in (("found-by-imei", 34), ("found-by-both", 103)):
        parts = (ref.header_core(**seg_core(layout=layout), home="DE"), *good[1:])
        head(name, "ok", ref.header(*parts), parts)
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
        ("magic-3", 7, b"3"),
        ("canon-2", 20, b"\x02"),
        ("suite-2", 21, b"\x02"),
        ("reserved-22", 22, b"\x01"),
        ("reserved-24", 27, b"\x01"),
        ("reserved-112", 112, b"\x01"),
        ("kind-0", 12, b"\0"),
        ("kind-4", 12, b"\x04"),
        ("layout-32", 13, b"\x20"),
        ("layout-found-by-imei-without-one", 13, b"\x25"),
        ("layout-found-by-imsi-without-one", 13, b"\x43"),
        ("layout-128", 13, b"\x81"),
        ("no-custodian", 14, b"\0"),
        ("feed-hole", 34, b"\0"),
        ("feed-non-ascii", 32, b"\xe9"),
        ("rule-empty", 28, bytes(4)),
    ):
        head(f"{name}", "parse", whole[:at] + value + whole[at + len(value) :])
    head("batch-rows-1023", "parse", whole.replace(ref.u64(1024) + ref.u32(1024), ref.u64(1024) + ref.u32(1023)))
    core_two = ref.header_core(**seg_core(version=2), home="DE")
    two = (core_two, [(m, ref.subkey_commitment(ref.segment_id(core_two), m, k)) for m, k in three_subkeys().items()])
    two = (*two, *good[2:])
    head("v2-ordinary", "ok", ref.header(*two), two)
    for rows in (1023, 1152):  # of whole batches too, since the number of rows hides the number of records
        head(f"v2-rows-{rows}", "parse", ref.header(*two[:3], rows, *two[4:]))
    for wrong in (127, 1024):
        changed = ref.header(*two).replace(ref.u64(1024) + ref.u32(128), ref.u64(1024) + ref.u32(wrong))
        head(f"v2-batch-rows-{wrong}", "parse", changed)


def make_sealed(out):
    def sealed(name, count, *, kind=1, layout=1, subjects=1000, rule="base", expression="2 of a,b,c", n=3, version=1):
        masks = ref.clauses(expression, [chr(97 + i) for i in range(n)])
        core = seg_core(
            kind=kind, layout=layout, clause_count=len(masks), n=n, rule=rule, nonce=seeded(name), version=version
        )
        seed = seeded("sealed " + name)
        keys = {mask: ref.stream(seed + ref.u16(mask), 32) for mask in masks}
        raw_core = ref.header_core(**core)
        rows = ref.sample_rows(seed, count, kind=kind, layout=layout, subjects=subjects)
        whole = ref.seal_rows(
            ref.segment_id(raw_core), kind, layout, rows, keys, lambda size: ref.stream(seed + b"dummies", size)
        )
        size = 24 + len(ref.extra(layout))
        manifest = ref.manifest(ref.segment_id(raw_core), whole, size, version)
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
            manifest_hash=ref.manifest_hash(ref.segment_id(raw_core), len(whole) // size, manifest, version),
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
    sealed("v2-nobody", 0, version=2)
    sealed("v2-one", 1, version=2)
    sealed("v2-one-page", 4095, version=2, layout=0, subjects=60_000)  # with the canary 32 batches
    sealed("v2-two-pages", 4096, version=2, layout=0, subjects=60_000)
    sealed("v2-one-subject-many-ranks", 300, version=2, subjects=1)
    sealed("v2-text-layout-31", 70, version=2, kind=2, layout=31)
    sealed("v2-call-found-by-imei-and-imsi", 70, version=2, layout=103)
    sealed("v2-text-found-by-imei", 70, version=2, kind=2, layout=43)
    sealed("v2-email-layout-16", 70, version=2, kind=3, layout=16)
    sealed("v2-rule-with-and", 40, version=2, rule="FR", expression="2 of a,b,c and d", n=4, kind=2, layout=9)


def make(out):
    make_cores(out)
    make_keys(out)
    make_rows(out)
    make_packed(out)
    make_headers(out)
    make_sealed(out)
