"""An ingester that seals to other keys, or junk, or other rows; custodians that lie in their receipts. Each is found within one cycle and named."""

import datetime as dt
from dataclasses import replace

import pytest
from forging import RECORDS, ROWS, ingester_key, log_entries, rows_of

from coffer import wire
from coffer.custody.logged import parse_logged_header
from coffer.errors import MalformedInput, Unavailable
from coffer.ledger.entries import BatchId, CoarseCounts, IngestEntry, ReceiptEntry
from coffer.ledger.grammar import format_entry, parse_entry
from coffer.notes.keys import SealKey, Secret, seal
from coffer.notes.note import sign_note
from coffer.procedures.ingest import sealer as sealing
from coffer.procedures.receipts.run import run_receipts
from coffer.segments import seal as segment_seal
from coffer.segments.bundle import bundle_info, format_bundle
from coffer.vault.policy import POLICY, Policy
from world import World

ALL = ("judge", "dpo", "regulator")


def receipts(world, *names):
    return run_receipts(world.vault, world.custodians(*(names or ALL)))


def accused(report):
    return {finding.accused for finding in report.findings}


def faults(world):
    return {(body.accuser, body.accused) for _, body in world.state().faults}


def seal_otherwise(monkeypatch, change):
    """The ingester's own code, changed: ``change`` gets each honest segment and gives the one that is written."""
    honest = segment_seal.seal_segment

    def evil(core, rows, **fields):
        return change(honest(core, rows, **fields), core, rows, fields)

    monkeypatch.setattr(sealing, "seal_segment", evil)


def with_bundle(sealed, index, bundle):
    bundles = (*sealed.header.bundles[: index - 1], bundle, *sealed.header.bundles[index:])
    return replace(sealed, header=replace(sealed.header, bundles=bundles))


def test_honest_segments_get_receipts_of_everyone_and_nobody_is_accused(world):
    world.ingest(RECORDS)
    report = receipts(world)
    assert (report.segments, report.given, report.logged) == (2, 6, 6)
    assert (report.missing, report.findings) == ((), ())
    again = receipts(world)
    assert (again.given, again.entries) == (0, ())
    assert rows_of(world.open(world.authorize())) == ROWS


@pytest.mark.parametrize("is_told", [True, False])
def test_epoch_key_swapped_by_the_operators_ingester_is_found(world, monkeypatch, is_told):
    own = SealKey.generate()

    def change(sealed, core, rows, fields):
        """Dpo's bundle goes to the operator's key; ``is_told``: the header says so, else it keeps the logged key's hash."""
        subkeys = {clause: Secret(bytes([clause]) * 32, "subkey") for clause in fields["clauses"] if clause & 2}
        bundle = seal(format_bundle(subkeys), own.public, info=bundle_info(core.seg_id, 2))
        changed = with_bundle(sealed, 2, bundle)
        hashes = list(changed.header.epoch_hashes)
        hashes[1] = wire.digest(own.public) if is_told else hashes[1]
        return replace(changed, header=replace(changed.header, epoch_hashes=tuple(hashes)))

    seal_otherwise(monkeypatch, change)
    world.ingest(RECORDS)
    report = receipts(world)
    assert accused(report) == {"ingester"}
    assert ("dpo", "ingester") in faults(world)
    assert ("another epoch key" if is_told else "says dpo") in report.findings[0].reason
    assert accused(receipts(world)) == {"ingester"}  # it stays found, and is logged once
    logged = [body for _, body in world.state().faults]
    assert len(logged) == len(set(logged))


@pytest.mark.parametrize("size", [0, 1, 40, 1204])
def test_junk_bundle_is_found_by_the_custodian_it_is_for(world, monkeypatch, size):
    seal_otherwise(monkeypatch, lambda sealed, *_: with_bundle(sealed, 3, b"j" * size))
    world.ingest(RECORDS)
    report = receipts(world)
    assert accused(report) == {"ingester"}
    assert ("regulator", "ingester") in faults(world)


def test_subkey_of_one_clause_that_differs_between_two_holders_is_found(world, monkeypatch):
    def change(sealed, core, rows, fields):
        holder = fields["holders"][0]
        subkeys = {clause: Secret(b"\7" * 32, "subkey") for clause in fields["clauses"] if clause & 1}
        bundle = seal(format_bundle(subkeys), holder.epoch_key, info=bundle_info(core.seg_id, 1))
        return with_bundle(sealed, 1, bundle)

    seal_otherwise(monkeypatch, change)
    world.ingest(RECORDS)
    assert accused(receipts(world)) == {"ingester"}
    assert ("judge", "ingester") in faults(world)
    assert {name for name, _ in world.state().receipts} == {"dpo", "regulator"}


def test_canary_row_that_is_missing_is_found(world, monkeypatch):
    def change(sealed, core, rows, fields):
        fresh = {clause: Secret(rb"\9" * 32, "subkey") for clause in fields["clauses"]}
        other = segment_seal.seal_rows(core, rows, subkeys=fresh, entropy=fields["entropy"])
        manifest = segment_seal.format_manifest(other, core)
        found = segment_seal.manifest_hash(manifest, core, sealed.header.rows)
        return replace(sealed, rows=other, manifest=manifest, header=replace(sealed.header, manifest_hash=found))

    seal_otherwise(monkeypatch, change)
    world.ingest(RECORDS)
    report = receipts(world)
    assert accused(report) == {"ingester"}
    assert "canary row does not open" in report.findings[0].reason
    assert faults(world) == {("desk", "ingester")}


def lie(world, name):
    """Log receipts of a custodian whose values are not what it was sealed."""
    key = world.custodian(name).keys.resp
    for seg_id, segment in world.state().segments.items():
        me = segment.roster.custodian(name)
        masks = [clause for clause in segment.roster.rules["base"].clauses if clause & me.bit]
        values = tuple((mask, bytes([mask]) * 16) for mask in masks)
        log_entries(world, ReceiptEntry(custodian=name, segment=seg_id, canaries=values), key=key)


def test_custodian_that_lies_in_its_receipt_is_named_and_logged(world):
    world.ingest(RECORDS)
    lie(world, "dpo")
    report = receipts(world)
    assert accused(report) == {"dpo"}
    assert "not of the sealed rows" in report.findings[0].reason
    assert faults(world) == {("desk", "dpo")}


def test_receipt_for_an_unknown_segment_has_no_effect(world):
    world.ingest(RECORDS)
    key = world.custodian("judge").keys.resp
    log_entries(world, ReceiptEntry(custodian="judge", segment=bytes(32), canaries=((3, bytes(16)),)), key=key)
    assert world.state().receipts == {}
    assert receipts(world).given == 6


@pytest.mark.parametrize("suffix", [".header", ".rows", ".manifest"])
def test_changed_or_missing_file_accuses_the_vault_and_no_party(world, suffix):
    world.ingest(RECORDS)
    path = min(world.vault.objects.folder.joinpath("segments").rglob(f"*{suffix}"))
    raw = bytearray(path.read_bytes())
    for at in range(0, len(raw), 4):  # in every row, so that the canary is among them
        raw[at] ^= 1
    path.write_bytes(bytes(raw))
    report = receipts(world)
    assert accused(report) <= {"vault"}
    assert accused(report) == {"vault"} or suffix == ".manifest"
    path.unlink()
    assert accused(receipts(world)) <= {"vault"}
    assert faults(world) == set()


def test_segment_of_a_thief_of_the_ingest_key_without_files_is_found(world):
    from coffer.ledger.entries import SegmentLine

    line = SegmentLine(
        seg_id=b"s" * 32,
        header_hash=b"h" * 32,
        day=dt.date(2016, 9, 1),
        kind="call",
        rule="base",
        part=0,
        rows=1024,
        supersedes=None,
    )
    counts = CoarseCounts(files=0, read=0, kept=0, rejected=0, duplicate=0)
    body = IngestEntry(
        batch=BatchId(b"b" * 16), number=1, total=1, feed="calls", counts=counts, segments=(line,), tally=None
    )
    log_entries(world, body, key=ingester_key(world))
    report = receipts(world)
    assert accused(report) == {"vault"}
    assert {item.custodian for item in report.missing} == set(ALL)


def test_custodian_that_gives_no_receipt_is_warned_of_after_a_day_and_stops_ingest_by_policy(world):
    world.ingest(RECORDS)
    receipts(world, "judge", "dpo")
    world.now += dt.timedelta(hours=24, seconds=1)
    more = "+33612345678,+33698765432,2016-09-03 10:00:00,60\n"
    summary = world.ingest(more)
    assert {item.custodian for item in summary.late} == {"regulator"}
    (world.vault.path / POLICY).write_bytes(Policy(receipts_within=dt.timedelta(hours=72)).format())
    assert world.ingest(more).entries == ()
    world.now += dt.timedelta(hours=48)
    with pytest.raises(Unavailable, match=r"receipts: .*regulator gave none") as stop:
        world.ingest(more)
    assert "coffer receipts VAULT" in stop.value.hint
    receipts(world, "regulator")
    receipts(world, "judge", "dpo")
    assert world.ingest(more).late == ()  # the twin


@pytest.mark.parametrize(
    "text",
    [
        "",
        "format = 1",
        'format = "coffer.policy/v1"\nx = 1',
        'format = "coffer.policy/v1"\nreceipts-within-hours = 0',
        'format = "coffer.policy/v1"\nreceipts-within-hours = true',
        "é",
        "[",
    ],
)
def test_policy_that_is_none_is_malformed(text):
    with pytest.raises(MalformedInput, match=r"^policy\.toml: (expected format|receipts-within-hours: |not TOML)"):
        Policy.parse(text.encode(), POLICY)


def test_policy_formats_and_parses():
    for policy in (Policy(), Policy(receipts_within=dt.timedelta(hours=72))):
        assert Policy.parse(policy.format(), POLICY) == policy


@pytest.mark.parametrize("liars", [("a", "b"), ("b", "d")])
def test_two_liars_of_three_of_five_have_no_fault_logged_against_an_honest_custodian(tmp_path, liars):
    """They agree where they would outvote, and differ elsewhere, so that there are too many combinations to try."""
    names = ("a", "b", "c", "d", "e")
    world = World.make(tmp_path, custodians=names, rules=(("base", "3 of a,b,c,d,e"),))
    world.epoch("2016-09-01", "2016-09-03")
    world.ingest(RECORDS)

    class Liar:
        def __init__(self, name):
            self.name, self.service = name, world.custodian(name)

        def receipt_entries(self, headers):
            for raw in self.service.receipt_entries(headers):
                body, both = parse_entry(raw, "e").body, sum(1 << names.index(name) for name in liars)
                values = tuple(
                    (
                        c,
                        bytes([c]) * 16
                        if c & both == both and c == body.canaries[0][0]
                        else bytes([c, ord(self.name)] * 8),
                    )
                    for c, _ in body.canaries
                )
                text = format_entry(replace(body, canaries=values), origin="test.example/vault", time=world.now)
                yield sign_note(text, self.service.keys.resp).raw

    givers = [Liar(name) if name in liars else world.custodian(name) for name in names]
    report = run_receipts(world.vault, givers)
    assert accused(report) == set(liars)
    assert faults(world) == {("desk", name) for name in liars}


def test_row_planted_by_the_operator_for_a_liar_frames_no_honest_custodian(world, monkeypatch):
    """The liar invents values; the operator overwrites a row with what they would open, before the true canary."""
    from coffer.custody import receipts as judging

    monkeypatch.setattr(judging, "SEARCH_ROWS", 1_024)
    world.ingest("".join(f"+336123{n:05d},+336987{n:05d},2016-09-01 10:00:00,60\n" for n in range(4000)))
    segment = next(iter(world.state().segments.values()))
    name = "judge"
    lie(world, name)
    givers = world.custodians("dpo", "regulator")
    run_receipts(world.vault, givers)
    said = {n: dict(r.canaries) for (n, seg), r in world.state().receipts.items() if seg == segment.line.seg_id}
    values = {c: said[name].get(c) or said["dpo"][c] for c in map(int, segment.roster.rules["base"].clauses)}
    header = parse_logged_header(world.vault.segments.read_raw_header(segment.line.day, segment.line.seg_id), segment)
    tail = judging.canary_tail(header, values.values())
    path = world.vault.objects.folder.joinpath("segments") / str(segment.line.day) / f"{segment.line.seg_id.hex()}.rows"
    raw, size = bytearray(path.read_bytes()), header.core.row_bytes
    raw[8:size] = tail
    path.write_bytes(bytes(raw))
    before = faults(world)
    report = receipts(world)
    planted = [finding for finding in report.findings if finding.segment == segment.line.seg_id]
    assert {finding.accused for finding in planted} == {"vault"}
    assert faults(world) == before <= {("desk", "judge")}
