"""Units of the independent auditor, against naive definitions written here."""

import base64
import hashlib
import hmac
from dataclasses import replace
from functools import reduce
from itertools import chain, combinations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC
from hypothesis import given
from hypothesis import strategies as st

from coffer_audit.answer.authorization import compute_commitment, parse_subject
from coffer_audit.answer.rows import combine_partials, decrypt_row, find_rows, format_row
from coffer_audit.cli import main
from coffer_audit.entries.parse import parse_entry
from coffer_audit.entries.roster import expand_rule
from coffer_audit.errors import MalformedInput, NotProven
from coffer_audit.log.checkpoint import parse_checkpoint
from coffer_audit.log.tiles import format_tile, parse_tile
from coffer_audit.log.tree import Tree, hash_leaf, hash_node, is_included
from coffer_audit.notes import parse_note, parse_vkey, verify_signers
from coffer_audit.segments import Manifest
from coffer_audit.validity.state import replay
from coffer_audit.wire import EPOCH, parse_base64, parse_decimal
from public_codes import LINES

ORIGIN = "coffer.example/test"


class Key:
    def __init__(self, name, seed):
        self.name, self.private = name, Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
        body = b"\x01" + self.private.public_key().public_bytes_raw()
        self.key_id = hashlib.sha256(name.encode() + b"\n" + body).digest()[:4]
        self.vkey = f"{name}+{self.key_id.hex()}+{base64.b64encode(body).decode()}"


def sign(text, *keys):
    lines = [
        f"— {key.name} {base64.b64encode(key.key_id + key.private.sign(text.encode())).decode()}\n" for key in keys
    ]
    return text.encode() + b"\n" + "".join(lines).encode()


def naive_root(entries):
    if not entries:
        return hashlib.sha256().digest()
    if len(entries) == 1:
        return hash_leaf(entries[0])
    split = 1 << (len(entries) - 1).bit_length() - 1
    return hash_node(naive_root(entries[:split]), naive_root(entries[split:]))


def naive_proof(index, entries):
    if len(entries) == 1:
        return []
    split = 1 << (len(entries) - 1).bit_length() - 1
    if index < split:
        return [*naive_proof(index, entries[:split]), naive_root(entries[split:])]
    return [*naive_proof(index - split, entries[split:]), naive_root(entries[:split])]


def test_root_of_every_prefix_is_the_recursive_one():
    entries = [bytes([i]) for i in range(70)]
    tree = Tree([hash_leaf(entry) for entry in entries])
    assert [tree.root_at(size) for size in range(71)] == [naive_root(entries[:size]) for size in range(71)]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 9, 31])
def test_inclusion_holds_for_its_own_index_and_leaf_only(size):
    entries = [bytes([i]) for i in range(size)]
    root = naive_root(entries)
    for index in range(size):
        proof = naive_proof(index, entries)
        assert is_included(hash_leaf(entries[index]), index, size, proof, root)
        assert not is_included(hash_leaf(b"other"), index, size, proof, root)
        assert not is_included(hash_leaf(entries[index]), index, size, [*proof, root], root)
        assert not is_included(hash_leaf(entries[index]), index + size, size, proof, root)
        others = [i for i in range(size) if i != index]
        assert [i for i in others if is_included(hash_leaf(entries[index]), i, size, proof, root)] == []


def test_a_fork_has_another_root_at_the_remembered_size():
    ours = Tree([hash_leaf(bytes([i])) for i in range(20)])
    fork = Tree([hash_leaf(bytes([i if i != 5 else 99])) for i in range(20)])
    assert ours.root_at(5) == fork.root_at(5)
    assert ours.root_at(6) != fork.root_at(6)


def test_tile_paths_have_one_spelling():
    assert format_tile("0", 1_234_067, 256) == "0/x001/x234/067"
    assert parse_tile("entries/x001/000.p/7") == ("entries", 1_000, 7)
    for path in ("00/000", "0/000.p/256", "0/000.p/0", "0/x000/001", "0/1", "entries/000.p/07", "../000"):
        assert parse_tile(path) is None


def test_note_verifies_and_no_changed_byte_does():
    key = Key("desk", 1)
    raw = sign("coffer.x/v1\nkey: value\n", key)
    known = [parse_vkey(key.vkey, "key")]
    assert verify_signers(parse_note(raw, "note"), known, "note") == {known[0].identity}
    for at in range(len(raw)):
        changed = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
        try:
            signers = verify_signers(parse_note(changed, "note"), known, "note")
        except (MalformedInput, NotProven):
            continue
        assert not signers, at  # its line became that of an unknown key


@given(
    st.one_of(
        st.binary(max_size=200), st.text(max_size=80).map(lambda text: sign("a: b\n", Key("k", 2)) + text.encode())
    )
)
def test_parsers_refuse_arbitrary_bytes_with_malformed_input_only(raw):
    for parse in (lambda: parse_note(raw, "note"), lambda: parse_checkpoint(raw, "note"), lambda: parse_entry(raw)):
        try:
            parse()
        except MalformedInput:
            continue


@given(st.lists(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1), min_size=1, max_size=5))
def test_note_text_comes_back(lines):
    text = "\n".join(lines) + "\n"
    note = parse_note(sign(text, Key("k", 3)), "note")
    assert (note.text, list(note.lines)) == (text.encode(), lines)


@pytest.mark.parametrize("tail", [b"", b"\n", b"x", b" ", "— k AAAA\n".encode()])
def test_note_takes_no_other_tail(tail):
    raw = sign("a: b\n", Key("k", 4))
    if tail:
        with pytest.raises(MalformedInput, match="signature line"):
            parse_note(raw + tail, "note")
    with pytest.raises(MalformedInput, match="signature line"):
        parse_note(raw.partition(b"\n\n")[0] + b"\n\n" + tail, "note")


@pytest.mark.parametrize("text", ["01", "+1", "-1", "1_0", " 1", "", "\uff11", "9" * 20])
def test_decimals_have_one_spelling(text):
    with pytest.raises(MalformedInput, match="expected a decimal integer"):
        parse_decimal(text, "n")


@pytest.mark.parametrize("text", ["AB==", "AA=", "AA", "AA==\n", "A A==", "-_=="])
def test_base64_has_one_spelling(text):
    assert parse_base64("AA==", 1, "b") == b"\0"
    with pytest.raises(MalformedInput, match="base64"):
        parse_base64(text, 1, "b")


def test_clauses_of_two_of_three_and_one():
    names = ("a", "b", "c", "d")
    rule = expand_rule("2 of a,b,c and d", names, "rule")
    assert rule.clauses == (0b0011, 0b0101, 0b0110, 0b1000)
    assert rule.everyone == 0b1111
    every = chain.from_iterable(combinations(range(4), size) for size in range(5))
    for members in every:
        meets = len(set(members) & {0, 1, 2}) >= 2 and 3 in members
        assert rule.is_satisfied(sum(1 << i for i in members)) == meets
    for wrong in (
        "1 of a",
        "2 of a,b",
        "2 of a,b,x",
        "2 of a,a,b",
        "02 of a,b,c",
        "2 of a,b,c and",
        "2 of a,b,c and d,d",
    ):
        with pytest.raises(MalformedInput, match=r"^rule: found .*, expected"):
            expand_rule(wrong, names, "rule")


def test_commitment_leaves_out_the_salt_but_keeps_its_index():
    lines = tuple(f"line {i}" for i in range(7))
    roster, salt = bytes(range(32)), bytes(32)
    hashes = b""
    for i in (0, 1, 2, 3, 5, 6):
        tag = hmac.new(salt, i.to_bytes(4, "big"), "sha256").digest()
        hashes += hashlib.sha256(b"coffer/v1/line\n" + tag + lines[i].encode()).digest()
    want = hashlib.sha256(b"coffer/v1/auth\n" + roster + hashes).hexdigest()
    assert compute_commitment(roster.hex(), salt, lines) == want


def test_sids():
    assert parse_subject("tel:+33612345678").sid == bytes([1]) + bytes(7) + (33612345678).to_bytes(8, "big")
    want = hashlib.sha256(b"coffer/v1/short\nFR\x0036500").digest()[:15]
    assert parse_subject("short:FR/36500").sid == b"\x03" + want
    assert parse_subject("sender:Corp").sid == parse_subject("sender:CORP").sid
    want = hashlib.sha256(b"coffer/v1/opaque\npbx\x00201").digest()[:15]
    assert parse_subject("opaque:pbx/201").sid == b"\x05" + want
    for wrong in (
        "tel:33",
        "tel:+0123",
        "mailto:A@b.org",
        "mailto:a@B.org",
        "mailto:a@@b.org",
        "short:fr/123",
        "x:y",
        "sender:12",
    ):
        with pytest.raises(MalformedInput, match="expected tel:, mailto:"):
            parse_subject(wrong)


def test_a_row_sealed_under_cmac_lanes_opens_and_a_forged_partial_does_not():
    seg_id, sid, keys = bytes(range(32)), bytes(16), [bytes([i]) * 32 for i in (1, 2, 3)]

    def partials(lane):
        message = sid + b"C1" + bytes([lane, 1]) + bytes(8) + (7).to_bytes(4, "big")
        for key in keys:
            mac = CMAC(algorithms.AES(key))
            mac.update(message)
            yield mac.finalize()

    label, y = combine_partials(part[:8] for part in partials(1)), combine_partials(partials(2))
    assert label == reduce(lambda a, b: bytes(x ^ z for x, z in zip(a, b, strict=True)), partials(1))[:8]
    core = (1 << 124) | (447700900123 << 74) | (3_661 << 57) | (42 << 37) | (0b01101 << 32)
    plain = core.to_bytes(16, "big") + (208 << 54 | 1 << 44 | 7 << 28 | 99).to_bytes(8, "big")
    encryptor = Cipher(algorithms.AES(hashlib.sha256(b"coffer/v1/pi\n" + seg_id).digest()), modes.ECB()).encryptor()
    blocks = [y[:15] + bytes([y[15] ^ j]) for j in range(2)]
    pad = b"".join(bytes(a ^ b for a, b in zip(encryptor.update(z), z, strict=True)) for z in blocks)
    row = label + bytes(a ^ b for a, b in zip(plain, pad, strict=False))
    assert decrypt_row(row, y, seg_id) == (core, plain[16:])
    assert decrypt_row(row, bytes([y[0] ^ 1]) + y[1:], seg_id) is None
    columns, last = format_row(core, plain[16:], layout=1, day=EPOCH, kind="call", feed="f", home="FR")
    peer = "tel:+447700900123"
    assert columns == ("call", "in", peer, "1970-01-01T01:01:01Z", "42", "true", "208-01-7-99", "", "", "")
    assert last


def test_candidates_and_rows_of_a_label():
    labels = [bytes(7) + bytes([n]) for n in (1, 3, 3, 5)]
    entries = [(label, b"") for label in labels]
    one_page = Manifest(directory=[(bytes(8), b"")], pages={0: entries}, page_batches=4)
    paged = Manifest(directory=[entries[0], entries[2]], pages={0: entries[:2], 1: entries[2:]}, page_batches=2)
    for manifest in (one_page, paged):
        assert manifest.find_candidates(bytes(8)) == []
        assert manifest.find_candidates(labels[0]) == [0]
        assert manifest.find_candidates(labels[1]) == [0, 1, 2]
        assert manifest.find_candidates(bytes(7) + b"\x09") == [3]
    lacking = replace(paged, pages={0: entries[:2]})
    assert lacking.find_candidates(labels[0]) == [0]
    with pytest.raises(NotProven, match="manifest page 1: found none"):
        lacking.find_candidates(labels[1])
    batch = b"".join(label + bytes([i]) for i, label in enumerate(labels))
    assert find_rows(batch, 9, labels[1]) == [labels[1] + b"\x01", labels[1] + b"\x02"]
    assert find_rows(batch, 9, bytes(8)) == []


def _roster(names="abc", time="2026-05-01T00:00:00Z"):
    def public(seed):
        return base64.b64encode(bytes([seed]) * 1_216).decode()

    keys = [(Key(f"{name}/auth", 10 + i), Key(f"{name}/resp", 30 + i)) for i, name in enumerate(names)]
    lines = [
        f"custodian: {n} {a.vkey} {r.vkey} {public(i)}" for i, (n, (a, r)) in enumerate(zip(names, keys, strict=True))
    ]
    lines = ["coffer.roster/v3", f"origin: {ORIGIN}", f"time: {time}", *lines, "rule: base 2 of a,b,c"]
    lines += [f"ingester: {Key('ingester', 50).vkey}", f"requester: desk {Key('desk', 51).vkey}", "quorum: 0"]
    text = (
        "\n".join(
            [
                *lines,
                "retention-days: 365",
                "late-days: 30",
                "waiting-days: 90",
                "cell-cap: 200",
                "tally: exact",
                "numbering: 9.0",
                "statistics: coarse",
            ]
        )
        + "\n"
    )
    genesis = hashlib.sha256(b"coffer/v1/roster\n" + text.encode()).hexdigest()
    return sign(text, *(auth for auth, _ in keys)), genesis


def _intent(time, nonce="00"):
    text = f"coffer.intent/v2\norigin: {ORIGIN}\ntime: {time}\nauthorization: {'ab' * 32}\nrequester: desk\n"
    return sign(text + f"nonce: {nonce * 16}\ncells-at-most: 4\n{LINES}", Key("desk", 51))


def test_state_takes_each_entry_once_and_refuses_back_dating():
    roster, genesis = _roster()
    entries = [roster, _intent("2026-05-01T00:00:00Z"), _intent("2026-05-01T00:00:00Z"), roster]
    entries += [
        _intent("2026-05-01T00:20:00Z", "01"),
        _intent("2026-05-01T00:05:00Z", "02"),
        _intent("2026-05-01T00:04:59Z", "03"),
    ]
    state = replay(ORIGIN, genesis, enumerate(entries))
    assert [(index, code) for index, code, _ in state.invalid] == [(2, "N1"), (3, "R1"), (6, "V1")]
    assert sorted(state.openings) == [1, 4, 5]


def test_state_without_its_pinned_genesis_takes_nothing():
    roster, genesis = _roster()
    state = replay(ORIGIN, genesis[::-1], enumerate([roster, _intent("2026-05-01T00:00:00Z")]))
    assert {code for _, code, _ in state.invalid} == {"R1"}
    assert not state.rosters


def test_command_tells_families_apart(tmp_path, capsys):
    assert main(["vault", str(tmp_path / "none")]) == 5
    assert main(["vault", str(tmp_path)]) == 2
    assert main(["answer", str(tmp_path)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert {line.startswith("coffer-audit: ") for line in captured.err.splitlines()} == {True}
