"""Every construction of Coffer once more, one value at a time, as plainly as it can be written.

Written from docs/formats/ (which the function comments name by page), never from src/coffer: the vectors in tests/vectors are made with it, and the vectorised
code must agree with it. Slow on purpose. Uses `cryptography` for Ed25519, AES and CMAC, the standard library for the rest.
"""

# ruff: noqa: FBT003, PERF401 - as plain as it can be written

import base64
import hashlib
import hmac
from itertools import combinations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import ECB
from cryptography.hazmat.primitives.cmac import CMAC
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

LABEL, DATA = 1, 2
WITHHELD, NUMBER, STRING, SHORT = range(4)
OUT, IN, FORWARDED, OTHER = range(4)
NO_DRAW = 2**64 - 1


# -- conventions (README.md) ---------------------------------------------------------------------------------------------


def tag(name):
    return b"coffer/v1/" + name.encode("ascii") + b"\n"


def h(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def u8(n):
    return n.to_bytes(1, "big")


def u16(n):
    return n.to_bytes(2, "big")


def u32(n):
    return n.to_bytes(4, "big")


def u64(n):
    return n.to_bytes(8, "big")


def lp(raw):
    return u32(len(raw)) + raw


def b64(raw):
    return base64.b64encode(raw).decode("ascii")


def xor(left, right):
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def stream(seed, size):
    """Bytes that only look random: for fixed keys, nonces and dummy rows of vectors."""
    return hashlib.shake_256(seed).digest(size)


# -- identity.md ---------------------------------------------------------------------------------------------------------


def sid_tel(number):
    return u8(1) + bytes(7) + u64(number)


def sid_email(address):
    return u8(2) + h(tag("email"), address.encode("utf-8"))[:15]


def sid_short(country, digits):
    return u8(3) + h(tag("short"), country.encode("ascii"), b"\x00", digits.encode("ascii"))[:15]


def sid_sender(text):
    return u8(4) + h(tag("alnum"), text.upper().encode("ascii"))[:15]


def sid_opaque(feed, text):
    return u8(5) + h(tag("opaque"), feed.encode("ascii"), b"\x00", text.encode("utf-8"))[:15]


CANARY = u8(0xF0) + bytes(15)


def sid_of_subject(line):
    """The sid of a subject line that is known to be well-formed."""
    scheme, _, value = line.partition(":")
    if scheme == "tel":
        return sid_tel(int(value.removeprefix("+")))
    if scheme == "mailto":
        return sid_email(value)
    if scheme == "imsi":
        return u8(7) + bytes(7) + u64(int(value))
    if scheme == "imei":
        return u8(8) + bytes(7) + u64(int(value[:14]))
    if scheme == "sender":
        return sid_sender(value)
    scope, _, text = value.partition("/")
    if scheme == "dialled":
        return b"\x06" + h(tag("dialled"), scope.encode("ascii"), b"\x00", text.encode("ascii"))[:15]
    return sid_short(scope, text) if scheme == "short" else sid_opaque(scope, text)


# -- entries.md: rules and clauses ---------------------------------------------------------------------------------------


def clauses(expression, names):
    """Ascending, unique masks of ``K of a,b,c and d``."""
    quorum, _, needed = expression.partition(" and ")
    threshold, _, listed = quorum.partition(" of ")
    members = listed.split(",")
    masks = set()
    for subset in combinations(members, len(members) - int(threshold) + 1):
        mask = 0
        for name in subset:
            mask |= 1 << names.index(name)
        masks.add(mask)
    for name in needed.split(",") if needed else []:
        masks.add(1 << names.index(name))
    return sorted(masks)


def is_satisfied(masks, signers):
    return all(any(mask >> i & 1 and signers >> i & 1 for i in range(16)) for mask in masks)


def lock(rule, emergency, needed, names):
    """The least sets without whom neither the rule nor its emergency rule can be satisfied, as ascending masks."""
    urgent = [*clauses(emergency, names), *(1 << names.index(name) for name in needed)]
    everyone = 2 ** len(names) - 1
    cuts = [
        mask
        for mask in range(everyone + 1)
        if not any(is_satisfied(masks, everyone & ~mask) for masks in (clauses(rule, names), urgent))
    ]
    return [mask for mask in cuts if not any(other != mask and other | mask == mask for other in cuts)]


def roster_hash(text):
    return h(tag("roster"), text)


# -- notes.md ------------------------------------------------------------------------------------------------------------


class Key:
    """An Ed25519 key from a 32-byte seed."""

    def __init__(self, name, seed):
        self.name = name
        self.seed = seed
        self.private = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self.private.public_key().public_bytes_raw()
        self.key_id = key_id(name, self.public)
        self.vkey = vkey(name, self.public)

    def sign(self, message):
        return self.private.sign(message)


def key_id(name, public):
    return h(name.encode("ascii"), b"\n", b"\x01", public)[:4]


def vkey(name, public):
    return name + "+" + key_id(name, public).hex() + "+" + b64(b"\x01" + public)


def cosign_vkey(key):
    raw = b"\x04" + key.public
    return key.name + "+" + h(key.name.encode("ascii"), b"\n", raw)[:4].hex() + "+" + b64(raw)


def cosignature_line(text, key, time):
    signature = time.to_bytes(8, "big") + key.sign(b"cosignature/v1\ntime " + str(time).encode() + b"\n" + text)
    key_id = h(key.name.encode("ascii"), b"\n", b"\x04", key.public)[:4]
    return ("\u2014 " + key.name + " " + b64(key_id + signature) + "\n").encode("utf-8")


def signature_line(text, key):
    return ("\u2014 " + key.name + " " + b64(key.key_id + key.sign(text)) + "\n").encode("utf-8")


def note(text, *keys):
    return text + b"\n" + b"".join(signature_line(text, key) for key in keys)


# -- log.md --------------------------------------------------------------------------------------------------------------


def leaf(entry):
    return h(b"\x00", entry)


def node(left, right):
    return h(b"\x01", left, right)


def _split(size):
    k = 1
    while 2 * k < size:
        k *= 2
    return k


def root(leaves):
    """RFC 6962, section 2.1, over leaf hashes."""
    if not leaves:
        return h()
    if len(leaves) == 1:
        return leaves[0]
    k = _split(len(leaves))
    return node(root(leaves[:k]), root(leaves[k:]))


def inclusion(leaves, index):
    """RFC 6962, section 2.1.1."""
    if len(leaves) == 1:
        return []
    k = _split(len(leaves))
    if index < k:
        return [*inclusion(leaves[:k], index), root(leaves[k:])]
    return [*inclusion(leaves[k:], index - k), root(leaves[:k])]


def consistency(leaves, old):
    """RFC 6962, section 2.1.2."""
    return _subproof(leaves, old, True)


def _subproof(leaves, old, is_whole):
    if old == len(leaves):
        return [] if is_whole else [root(leaves)]
    k = _split(len(leaves))
    if old <= k:
        return [*_subproof(leaves[:k], old, is_whole), root(leaves[k:])]
    return [*_subproof(leaves[k:], old - k, False), root(leaves[:k])]


def checkpoint(origin, size, root_hash, key):
    return note(f"{origin}\n{size}\n{b64(root_hash)}\n".encode("ascii"), key)


def tile_path(level, index, width):
    """``level`` is a number or "entries"."""
    text = str(index)
    while len(text) % 3:
        text = "0" + text
    groups = [text[i : i + 3] for i in range(0, len(text), 3)]
    path = "/".join(["tile", str(level), *("x" + group for group in groups[:-1]), groups[-1]])
    return path if width == 256 else path + ".p/" + str(width)


def tiles(size):
    """Every (level, index, width) of a tree: level l + 1 has one hash for each full tile of level l."""
    found, level = [], 0
    while size:
        for start in range(0, size, 256):
            found.append((level, start // 256, min(256, size - start)))
        size, level = size // 256, level + 1
    return found


def entry_bundle(entries):
    return b"".join(u16(len(entry)) + entry for entry in entries)


# -- segment.md ----------------------------------------------------------------------------------------------------------


BATCH_ROWS = {1: 1024, 2: 128}
PAGE_BATCHES = 32


def header_core(*, day, kind, layout, n, clause_count, part, rule, feed, roster, origin, nonce, home="", version=1):
    raw = (
        b"COFSEG0%d" % version
        + u32(day)
        + u8(kind)
        + u8(layout)
        + u8(n)
        + u8(clause_count)
        + u32(part)
        + u8(2 if home else 1)
        + u8(1)
        + u16(0)
        + u32(0)
    )
    raw += (
        rule.encode("ascii").ljust(4, b"\0")
        + feed.encode("ascii").ljust(16, b"\0")
        + roster
        + h(tag("origin"), origin.encode("ascii"))
    )
    raw += home.encode("ascii").ljust(16, b"\0") + nonce
    assert len(raw) == 160
    return raw


def version_of(core):
    return int(core[7:8])


def segment_id(core):
    return h(tag("segment"), core)


def _header(core, commitments, middle, rows, manifest_hash, supersedes, epoch_hashes):
    pairs = b"".join(u16(mask) + com for mask, com in commitments)
    batch_rows = BATCH_ROWS[version_of(core)]
    return core + pairs + middle + u64(rows) + u32(batch_rows) + manifest_hash + supersedes + b"".join(epoch_hashes)


def header(core, commitments, bundles, rows, manifest_hash, supersedes, epoch_hashes):
    return _header(core, commitments, b"".join(lp(b) for b in bundles), rows, manifest_hash, supersedes, epoch_hashes)


def stripped_header(core, commitments, bundles, rows, manifest_hash, supersedes, epoch_hashes):
    middle = b"".join(h(b) if b else bytes(32) for b in bundles)
    return _header(core, commitments, middle, rows, manifest_hash, supersedes, epoch_hashes)


def header_hash(stripped):
    return h(tag("header"), stripped)


def subkey_commitment(seg_id, mask, subkey):
    return h(tag("subkey-commit"), seg_id, u16(mask), subkey)


def effective_key(seg_id, mask, subkey):
    return hmac.new(subkey, tag("effkey") + seg_id + u16(mask), "sha256").digest()


def permutation_key(seg_id):
    return h(tag("pi"), seg_id)


def bundle_plaintext(subkeys, custodian):
    """Over ascending c held by custodian i: u16 c || K_c."""
    return b"".join(u16(mask) + subkeys[mask] for mask in sorted(subkeys) if mask >> (custodian - 1) & 1)


def bundle_info(seg_id, custodian):
    return tag("bundle") + seg_id + u8(custodian)


def message(sid, lane, kind, rank):
    raw = sid + b"C1" + u8(lane) + u8(kind) + bytes(8) + u32(rank)
    assert len(raw) == 32
    return raw


def partial(effective, sid, lane, kind, rank):
    mac = CMAC(AES256(effective))
    mac.update(message(sid, lane, kind, rank))
    return mac.finalize()


def combined(effectives, sid, lane, kind, rank):
    y = bytes(16)
    for effective in effectives:
        y = xor(y, partial(effective, sid, lane, kind, rank))
    return y


def pad(pi, y, j):
    z = y[:15] + u8(y[15] ^ j)
    return xor(Cipher(AES256(pi), ECB()).encryptor().update(z), z)


def pack_cell(mcc, mnc, area, cell):
    return u64((mcc << 54) + (mnc << 44) + (area << 28) + cell)


def pack_short_peer(country, digits):
    first, second = (ord(letter) - ord("A") for letter in country)
    return ((first * 26 + second) << 40) + int("1" + digits)


def pack_dialled_peer(digits):
    """Peer type and peer: among all strings of digits, by length and then by value, the place from 0 on."""
    kind, kept = 4, digits
    if len(digits) > 15:
        kind, kept = (5, digits[2:]) if digits[:2] == "00" and len(digits) <= 17 else (6, digits[:15])
    return kind, sum(10**size for size in range(len(kept))) + int(kept)


def short_string(text):
    raw = text.encode("ascii")
    assert len(raw) <= 15
    return u8(len(raw)) + raw.ljust(15, b"\0")


def long_string(text):
    raw = text.encode("utf-8")
    if len(raw) <= 63:
        return u8(len(raw)) + raw.ljust(63, b"\0")
    return b"\xff" + h(raw) + raw[:31]


def core(*, peer_type, peer, second, duration_s, direction, is_answered, is_last):
    """16 bytes, from the most significant bit."""
    is_saturated = duration_s > 2**20 - 1
    bits = (
        format(peer_type, "04b")
        + format(peer, "050b")
        + format(second, "017b")
        + format(min(duration_s, 2**20 - 1), "020b")
    )
    bits += format(direction, "02b") + str(int(is_answered)) + str(int(is_saturated)) + str(int(is_last)) + "0" * 32
    assert len(bits) == 128
    return int(bits, 2).to_bytes(16, "big")


def extra(layout, *, cell=0, imei=0, imsi=0, short="", long="", own=0):
    raw = b""
    if layout & 1:
        raw += u64(cell)
    if layout & 2:
        raw += u64(imei)
    if layout & 4:
        raw += u64(imsi)
    if layout & 8:
        raw += short_string(short)
    if layout & 16:
        raw += long_string(long)
    if layout & 96:
        raw += u64(own)
    return raw


def seal_row(effectives, pi, *, sid, kind, rank, plain):
    """label || (core || extra) XOR pads."""
    y = combined(effectives, sid, DATA, kind, rank)
    pads = b"".join(pad(pi, y, j) for j in range((len(plain) + 15) // 16))[: len(plain)]
    return combined(effectives, sid, LABEL, kind, rank)[:8] + xor(plain, pads)


def plain_row(row, layout, is_last):
    """Core || extra of one row of ``sample_rows``."""
    whole = core(
        **{k: row[k] for k in ("peer_type", "peer", "second", "duration_s", "direction", "is_answered")},
        is_last=is_last,
    )
    return whole + extra(layout, **{key: row[key] for key in ("cell", "imei", "imsi", "short", "long", "own")})


def seal_rows(seg_id, kind, layout, rows, subkeys, dummy):
    """All rows of a segment, sorted; ``dummy(size)`` gives the random bytes."""
    effectives = [effective_key(seg_id, mask, subkeys[mask]) for mask in sorted(subkeys)]
    pi = permutation_key(seg_id)
    total, done, sealed = {}, {}, []
    for row in rows:
        total[row["sid"]] = total.get(row["sid"], 0) + 1
    for row in rows:
        sid = row["sid"]
        rank = done.get(sid, 0)
        done[sid] = rank + 1
        sealed.append(
            seal_row(
                effectives, pi, sid=sid, kind=kind, rank=rank, plain=plain_row(row, layout, rank == total[sid] - 1)
            )
        )
    size = 24 + len(extra(layout))
    canary = core(peer_type=0, peer=0, second=0, duration_s=0, direction=0, is_answered=False, is_last=True) + bytes(
        size - 24
    )
    sealed.append(seal_row(effectives, pi, sid=CANARY, kind=kind, rank=0, plain=canary))
    missing = -len(sealed) % 1024
    dummies = dummy(missing * size)
    sealed += [dummies[i * size : (i + 1) * size] for i in range(missing)]
    return b"".join(sorted(sealed))


def batch_hash(seg_id, index, batch):
    return h(tag("batch"), seg_id, u32(index), batch)


def manifest(seg_id, rows, row_bytes, version=1):
    entries, size = b"", BATCH_ROWS[version] * row_bytes
    for index in range(len(rows) // size):
        batch = rows[index * size : (index + 1) * size]
        entries += batch[:8] + batch_hash(seg_id, index, batch)
    if version == 1:
        return entries
    directory = b""
    for number in range(manifest_pages(len(rows) // row_bytes)):
        page = entries[number * PAGE_BATCHES * 40 : (number + 1) * PAGE_BATCHES * 40]
        directory += page[:8] + h(tag("manifest-page"), seg_id, u32(number), page)
    return directory + entries


def manifest_pages(count):
    return -(-count // (BATCH_ROWS[2] * PAGE_BATCHES))


def manifest_hash(seg_id, count, raw, version=1):
    head = raw if version == 1 else raw[: 40 * manifest_pages(count)]
    return h(tag("manifest"), seg_id, u64(count), head)


def sample_rows(seed, count, *, kind, layout, subjects):
    """Made-up rows, the same for the same arguments; some at each boundary."""
    peers = (
        [(STRING, 0, {"short": text}) for text in ("A", "CORP", "ABCDEFGHIJKLMNO", "a b-c")] if layout & 8 else []
    ) + (
        [
            (STRING, 0, {"long": text})
            for text in ("x@y.example", "é" * 31, "é" * 31 + "z", "é" * 32, "l" * 63, "l" * 64, "m" * 254)
        ]
        if layout & 16
        else []
    )
    peers += [
        (WITHHELD, 0, {}),
        (NUMBER, 33612345678, {}),
        (NUMBER, 999_999_999_999_999, {}),
        (SHORT, pack_short_peer("ZZ", "99999999999"), {}),
    ]
    peers += [(NUMBER, 1, {}), (SHORT, pack_short_peer("AA", "000"), {})]
    rows = []
    for i in range(count):
        dice = h(seed, u32(i))
        peer_type, peer, texts = peers[dice[0] % len(peers)]
        second = (0, 86_399, int.from_bytes(dice[1:5], "big") % 86_400)[dice[5] % 3]
        duration_s = (0, 1, 2**20 - 2, 2**20 - 1, 2**20, 2**31, int.from_bytes(dice[6:8], "big"))[dice[8] % 7]
        cell = (
            0,
            int.from_bytes(pack_cell(999, 999, 65535, 2**28 - 1), "big"),
            int.from_bytes(pack_cell(208, 1, 7, 99), "big"),
        )[dice[9] % 3]
        imei, imsi = ((0, 0), (10**16 - 1, 10**15 - 1), (35_000_000_000_000, 208_010))[dice[10] % 3]
        kinds = [
            sid_tel(33600000000 + i % subjects),
            sid_email(f"é{i % subjects}@example.org"),
            sid_short("FR", f"{36000 + i % subjects}"),
        ]
        row = {
            "sid": kinds[dice[11] % len(kinds)],
            "peer_type": peer_type,
            "peer": peer,
            "second": second,
            "duration_s": duration_s,
        }
        row |= {
            "direction": dice[12] % 4,
            "is_answered": dice[13] % 2 == 0,
            "cell": cell,
            "imei": imei,
            "imsi": imsi,
            "short": "",
            "long": "",
            "own": (0, NUMBER << 60 | 33612345678 << 10, SHORT << 60 | pack_short_peer("FR", "112") << 10)[
                dice[14] % 3
            ],
        }
        rows.append(row | texts)
    return rows


# -- authorization.md ----------------------------------------------------------------------------------------------------


def line_hmac(salt, index):
    return hmac.new(salt, u32(index), "sha256").digest()


def line_hash(salt, index, line):
    return h(tag("line"), line_hmac(salt, index), line.encode("utf-8"))


def commitment(text, roster):
    """Over all lines but ``salt:``, which keeps its index."""
    lines = text.decode("utf-8").split("\n")[:-1]
    salt = next(bytes.fromhex(line.removeprefix("salt: ")) for line in lines if line.startswith("salt: "))
    return h(
        tag("auth"),
        roster,
        *(line_hash(salt, i, line) for i, line in enumerate(lines) if not line.startswith("salt: ")),
    )


APPROVALS, PEOPLE = b"coffer.approvals/v2\n", b"coffer.people/v1\n"


def approval_challenge(custodian, commitment_, text, nonce):
    return h(tag("approve"), lp(custodian.encode("ascii")), commitment_, h(text), nonce)


def ratification_challenge(custodian, commitment_, intent, text, nonce):
    return h(tag("ratify"), lp(custodian.encode("ascii")), commitment_, intent.to_bytes(8, "big"), h(text), nonce)


def approvals(key, lines):
    """The approvals file over lines without their MAC; ``key`` is the custodian's approvals key."""
    own = hmac.digest(key, tag("approvals-key"), "sha256")
    mac, raw = hmac.digest(own, APPROVALS, "sha256"), APPROVALS
    for line in lines:
        text = line.encode("ascii")
        mac = hmac.digest(own, mac + text, "sha256")
        raw += text + b" " + mac.hex().encode("ascii") + b"\n"
    return raw


def people(key, context, lines):
    """The file of a custodian's people over the texts of its lines; nonces count from 1."""
    aes = AESGCM(hmac.digest(key, tag("people-key"), "sha256"))
    chain, raw = h(PEOPLE), PEOPLE
    for number, line in enumerate(lines, 1):
        nonce = number.to_bytes(12, "big")
        sealed = nonce + aes.encrypt(nonce, line.encode(), tag("people") + lp(context) + chain)
        own = base64.b64encode(sealed)
        chain, raw = h(own), raw + own + b"\n"
    return raw


# -- exchange.md ---------------------------------------------------------------------------------------------------------


def cell(seg_id, line, rank_from, rank_count):
    return seg_id + u8(line) + u32(rank_from) + u32(rank_count)


def draw_commitment(salt, cells):
    return h(tag("draw"), salt, cells)


def request_body(*, note, seal, intent, draw, lane, salt, cells, checkpoint, headers):
    return lp(note) + lp(seal) + u64(intent) + u64(draw) + u8(lane) + salt + lp(cells) + lp(checkpoint) + lp(headers)


def request(key, headers, stripped, **fields):
    """(request, digest form): the same signature over the body with header hashes."""
    body = request_body(**fields, headers=b"".join(header_hash(one) for one in stripped))
    signature = key.sign(tag("request") + h(body))
    return request_body(**fields, headers=b"".join(lp(one) for one in headers)) + signature, body + signature


def request_hash(digest_form):
    return h(digest_form)


def request_info(roster, custodian):
    return tag("request") + roster + u8(custodian)


def reply_info(request_hash_, custodian):
    return tag("reply") + request_hash_ + u8(custodian)


def payload(custodian, lane, request_hash_, values):
    """``values``: p_c per cell, per clause held, per rank, in that order."""
    return (
        b"COFRSP01"
        + u8(custodian)
        + u8(lane)
        + request_hash_
        + b"".join(value[: 8 if lane == LABEL else 16] for value in values)
    )


def refusal(custodian, request_hash_, code):
    return b"COFERR01" + u8(custodian) + request_hash_ + u8(code)


def response_message(request_hash_, seal, payload_):
    return tag("response") + request_hash_ + h(seal) + h(payload_)


# -- vault.md (remembered files), answer.md, tally.md ---------------------------------------------------------------------


def check_words(words, commitment_, text, custodian, nonce):
    digest = h(tag("check-words"), commitment_, h(text), nonce, custodian.encode("ascii"))
    return [words[digest[i]] for i in range(4)]


def standing_query(key, *, requester, commitment, time, reply, roster, custodian):
    """``time``: seconds since 1970."""
    body = b"COFSTQ01" + lp(requester.encode("ascii")) + commitment + u64(time) + reply
    return body + key.sign(tag("standing") + roster + u8(custodian) + h(body))


def standing_info(query_hash, custodian):
    return tag("standing-reply") + query_hash + u8(custodian)


def standing_reply(key, report, query_hash):
    padded = lp(report)
    while len(padded) < 1984:
        padded += b"\0"
    return padded + key.sign(tag("standing-reply") + query_hash + h(report))


def content_print(key, content, salt, memory_kib):
    keyed = hmac.new(key, tag("ingested-content") + h(content), "sha256").digest()
    slow = Argon2id(salt=salt, length=4, iterations=1, lanes=1, memory_cost=memory_kib).derive(keyed)
    return int.from_bytes(slow, "big") // 2**12


def name_print(key, name):
    return hmac.new(key, tag("ingested-name") + name.encode(), "sha256").digest()[:8]


def result_commitment(salt, records, superseded):
    return h(tag("result"), salt, h(records), h(superseded))


def tally_hash(hours, countries):
    return h(tag("tally"), lp(hours), lp(countries))
