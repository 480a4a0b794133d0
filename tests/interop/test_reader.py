"""A reader of segments and of the log, written in Go from docs/formats alone, reads the vectors and a vault.

What it could not find in the pages was added to the pages, so that an outsider needs nothing else.
"""

import json
import os
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

import reference as ref
from coffer.disk import Disk
from coffer.identity.identifier import parse_subject
from coffer.objects.folder import FolderObjects
from coffer.segments.bundle import bundle_info, parse_bundle
from coffer.segments.header import parse_header
from coffer.segments.store import SegmentStore

VECTORS = Path(__file__).parent.parent / "vectors"
OF_OTHER_PAGES = {"sealed"}
"""Tests of the two folders that a reader alone cannot run: ``sealed`` is run below, from the rows that the reference makes."""
FIELDS = ("peer_type", "peer", "second", "direction", "is_answered", "cell", "imei", "imsi", "own", "short")
DEVICES = {"cell": 1, "imei": 2, "imsi": 4, "own": 32 | 64}
"""Fields of the extra that a layout may leave out."""


def fields_of(path):
    """The keys of a vector's head, each a list."""
    found = {}
    for line in path.read_bytes().partition(b"\n\n")[0].decode("ascii").removesuffix("\n").split("\n"):
        key, _, value = line.partition(": ")
        found.setdefault(key, []).append(value)
    return found


@pytest.fixture(scope="session")
def reader(tmp_path_factory):
    """A function that runs the program: exit code, what it printed line by line, what it complained of."""
    if shutil.which("go") is None:
        pytest.skip("Go is not here: install the Debian package golang-go")
    program = tmp_path_factory.mktemp("reader") / "reader"
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "go-build"
    environment = os.environ | {"GO111MODULE": "off", "GOFLAGS": "", "GOPROXY": "off", "GOCACHE": str(cache)}
    built = subprocess.run(
        ["go", "build", "-o", str(program), "."],
        cwd=Path(__file__).parent / "reader",
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr

    def run(*arguments):
        done = subprocess.run([program, *map(str, arguments)], capture_output=True, check=False)
        return done.returncode, done.stdout, done.stderr.decode()

    return run


def lines(done):
    """What a run that went well printed, a value a line."""
    code, out, complaint = done
    assert code == 0, complaint
    return [json.loads(line) for line in out.splitlines()]


def test_every_vector_of_segments_and_log_is_read_as_it_says(reader):
    paths = sorted([*VECTORS.glob("segments/*.txt"), *VECTORS.glob("log/*.txt")])
    outcomes = lines(reader("vectors", *paths))
    assert len(outcomes) == len(paths) > 190
    seen = Counter()
    for path, outcome in zip(paths, outcomes, strict=True):
        if outcome["test"] in OF_OTHER_PAGES:
            continue
        assert outcome["outcome"] == fields_of(path)["expect"][0], outcome
        seen[outcome["test"], outcome["outcome"]] += 1
    for needed in (
        ("header", "ok"),
        ("header", "parse"),
        ("row", "ok"),
        ("row", "verify"),
        ("prf", "ok"),
        ("inclusion", "ok"),
        ("inclusion", "verify"),
    ):
        assert seen[needed] >= 4, needed


def other_digit(digit):
    """Another hexadecimal digit; of decimal ones below 9 another decimal one."""
    return f"{int(digit, 16) ^ 1:x}"


@pytest.mark.parametrize(
    ("path", "place", "change", "outcome"),
    [
        ("segments/prf-data.txt", "\ny: (.)", other_digit, "differs"),
        ("segments/prf-data.txt", "rank: (0)", other_digit, "differs"),
        ("segments/header-ordinary.txt", "\nhash: (.)", other_digit, "differs"),
        ("segments/row-cell.txt", "direction: (0)", other_digit, "differs"),
        ("segments/row-own-short-code.txt", "\nown: (.)", other_digit, "differs"),
        ("segments/subkey-3.txt", "mask: (3)", other_digit, "differs"),
        ("log/inclusion-6-of-7.txt", "index: (6)", other_digit, "verify"),
        ("log/consistency-3-to-7.txt", "proof: (.)", other_digit, "verify"),
        (
            "log/checkpoint-7.txt",
            "\n— vector.example/vault .{9}(.)",
            lambda char: "B" if char == "A" else "A",
            "verify",
        ),
    ],
)
def test_twin_a_vector_with_one_value_changed_is_not_read_as_it_says(reader, tmp_path, path, place, change, outcome):
    text = (VECTORS / path).read_text("utf-8")
    at = re.search(place, text).start(1)
    (tmp_path / "changed.txt").write_text(text[:at] + change(text[at]) + text[at + 1 :], "utf-8")
    assert [found["outcome"] for found in lines(reader("vectors", tmp_path / "changed.txt"))] == [outcome]


class Sealed:
    """The segment of a vector ``sealed``, made again by the reference; the files of it in a folder."""

    def __init__(self, path, folder):
        given = {key: values[0] for key, values in fields_of(path).items()}
        number = {
            key: int(given[key]) for key in ("version", "day", "kind", "layout", "n", "part", "records", "subjects")
        }
        count, self.kind, self.layout = int(given["clause-count"]), number["kind"], number["layout"]
        core = ref.header_core(
            **{key: number[key] for key in ("version", "day", "kind", "layout", "n", "part")},
            clause_count=count,
            rule=given["rule"],
            feed=given["feed"],
            roster=bytes.fromhex(given["roster"]),
            origin=given["origin"],
            nonce=bytes.fromhex(given["nonce"]),
        )
        self.seg_id, seed = ref.segment_id(core), bytes.fromhex(given["seed"])
        masks = ref.clauses(json.loads(given["expression"]), [chr(97 + i) for i in range(number["n"])])
        assert len(masks) == count
        self.subkeys = {mask: ref.stream(seed + ref.u16(mask), 32) for mask in masks}
        self.plain = ref.sample_rows(
            seed, number["records"], kind=self.kind, layout=self.layout, subjects=number["subjects"]
        )
        rows = ref.seal_rows(
            self.seg_id,
            self.kind,
            self.layout,
            self.plain,
            self.subkeys,
            lambda size: ref.stream(seed + b"dummies", size),
        )
        if len({row["sid"] for row in self.plain}) == len(self.plain):  # else the order of a sid's ranks is left open
            assert ref.h(rows).hex() == given["rows-hash"]
        manifest = ref.manifest(self.seg_id, rows, len(rows) // int(given["rows"]), number["version"])
        header = ref.header(
            core,
            [(mask, ref.subkey_commitment(self.seg_id, mask, key)) for mask, key in self.subkeys.items()],
            [b""] * number["n"],
            int(given["rows"]),
            ref.manifest_hash(self.seg_id, int(given["rows"]), manifest, number["version"]),
            bytes(32),
            [bytes(32)] * number["n"],
        )
        self.files = write_files(folder, header=header, manifest=manifest, rows=rows, subkeys=self.subkeys)


def write_files(folder, *, header, manifest, rows, subkeys):
    """The arguments of ``reader rows``."""
    keys = "".join(f"{mask} {key.hex()}\n" for mask, key in subkeys.items()).encode()
    paths = []
    for name, raw in (("header", header), ("manifest", manifest), ("rows", rows), ("subkeys", keys)):
        (folder / name).write_bytes(raw)
        paths.append(folder / name)
    return paths


@pytest.mark.parametrize("path", sorted(VECTORS.glob("segments/sealed-*.txt")), ids=lambda path: path.stem)
def test_rows_of_a_sealed_vector_open_to_what_went_in(reader, tmp_path, path):
    sealed = Sealed(path, tmp_path)
    sids = list(dict.fromkeys(row["sid"] for row in sealed.plain))[:25]
    *opened, canary, nobody = lines(
        reader("rows", *sealed.files, *(sid.hex() for sid in (*sids, ref.CANARY, ref.sid_tel(1))))
    )
    assert len(opened) == len(sids)
    for sid, found in zip(sids, opened, strict=True):
        expected = [row for row in sealed.plain if row["sid"] == sid]
        assert [row["is_last"] for row in found] == [False] * (len(expected) - 1) + [True]
        for got, row in zip(found, expected, strict=True):
            kept = row | {key: 0 for key, bit in DEVICES.items() if not sealed.layout & bit}
            assert {key: got[key] for key in FIELDS} == {key: kept[key] for key in FIELDS}
            assert got["duration_s"] == min(row["duration_s"], 2**20 - 1)
            assert got["is_saturated"] == (row["duration_s"] > 2**20 - 1)
            raw = row["long"].encode()
            assert got["long"] == (f"{raw[:31].hex()}~{ref.h(raw).hex()}" if len(raw) > 63 else row["long"])
    assert [(row["is_last"], row["peer_type"], row["second"]) for row in canary] == [(True, 0, 0)]
    assert nobody == []


@pytest.mark.parametrize(
    ("name", "change", "code", "said"),
    [
        ("rows", lambda raw: raw[:-1] + bytes([raw[-1] ^ 1]), 3, "batch 0 is not the one in the manifest"),
        ("rows", lambda raw: raw[:-1], 3, "another number of rows"),
        ("manifest", lambda raw: raw[:-1] + bytes([raw[-1] ^ 1]), 3, "manifest is not the one in the header"),
        ("header", lambda raw: raw[:-1], 2, "bytes end too early"),
        ("header", lambda raw: raw + b"\0", 2, "bytes behind the header"),
        ("header", lambda raw: raw[:159] + bytes([raw[159] ^ 1]) + raw[160:], 3, "the manifest is not the one"),
        ("subkeys", lambda raw: raw[:2] + (b"1" if raw[2:3] == b"0" else b"0") + raw[3:], 3, "not the committed one"),
    ],
)
def test_changed_file_of_a_segment_opens_nothing(reader, tmp_path, name, change, code, said):
    sealed = Sealed(VECTORS / "segments" / "sealed-one.txt", tmp_path)
    arguments = ("rows", *sealed.files, sealed.plain[0]["sid"].hex())
    assert len(lines(reader(*arguments))[0]) == 1
    (tmp_path / name).write_bytes(change((tmp_path / name).read_bytes()))
    assert reader(*arguments)[0] == code
    assert said in reader(*arguments)[2]


def test_segment_of_a_vault_opens_with_the_subkeys_of_its_bundles(reader, world, tmp_path):
    world.ingest("+33612345678,+33698765432,2016-09-01 10:00:00,60\n+33612345678,+447911123456,2016-09-01 23:59:59,7\n")
    ((seg_id, segment),) = world.state().segments.items()
    store = SegmentStore(FolderObjects(world.vault.path, Disk()))
    files = store.files(segment.line.day, seg_id)
    header, subkeys = parse_header(files.header, "header"), {}
    for name in ("judge", "dpo"):
        custodian = segment.roster.custodian(name)
        key = world.custodian(name)._answering.decider().epoch_key(segment.line.day)
        raw = key.unseal(header.bundles[custodian.index - 1], info=bundle_info(seg_id, custodian.index), place="bundle")
        held = parse_bundle(raw, segment.clauses_held(name), "bundle")
        subkeys |= {mask: secret.unsafe_bytes() for mask, secret in held.items()}
    rows = files.rows(0, header.rows, header.core.row_bytes)
    arguments = write_files(tmp_path, header=files.header, manifest=files.manifest(), rows=rows, subkeys=subkeys)
    (said,) = lines(reader("header", arguments[0]))
    assert (said["seg_id"], said["hash"]) == (seg_id.hex(), segment.line.header_hash.hex())
    assert (said["feed"], said["rule"], said["rows"]) == (segment.feed, segment.line.rule, segment.line.rows)
    subject = parse_subject("tel:+33612345678", "subject").sid.hex()
    (found,) = lines(reader("rows", *arguments, subject))
    assert sorted((row["peer"], row["second"], row["duration_s"]) for row in found) == [
        (33698765432, 36_000, 60),
        (447911123456, 86_399, 7),
    ]


def test_entries_of_a_vault_are_proven_by_its_tiles(reader, world, tmp_path):
    for number in range(3):
        world.ingest(f"+33612345678,+33698765432,2016-09-01 10:00:0{number},60\n", name=f"{number}.csv")
    log, key = world.vault.path / "log", world.vault.pins.log_key.format()
    entries = world.vault.log.entries(0, world.state().size)
    assert len(entries) > 10
    for index, entry in enumerate(entries):
        assert reader("entry", log, key, index)[:2] == (0, entry)
    assert reader("entry", log, key, len(entries))[0] == 3
    copy = tmp_path / "copy"
    shutil.copytree(log, copy)
    (bundle,) = (copy / "tile" / "entries").rglob(str(len(entries)))
    raw = bundle.read_bytes()
    bundle.write_bytes(raw[:10] + bytes([raw[10] ^ 1]) + raw[11:])
    code, _, said = reader("entry", copy, key, 0)
    assert (code, "not under this root" in said) == (3, True)
    assert reader("entry", copy, world.vault.operator_key("ingester").verify_key.format(), 0)[0] == 2
