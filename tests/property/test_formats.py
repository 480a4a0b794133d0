"""Three properties of every format (house rule 33): format-then-parse is identity; parse refuses with MalformedInput or formats back to the same bytes; no one-byte change of
what is signed, or of a signature that is required, verifies.
"""

# ruff: noqa: DTZ001, E501 - hypothesis wants naive bounds beside the zone

import datetime as dt
from dataclasses import fields, replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import coffer.ledger.codes as lc
import reference as ref
from coffer import wire
from coffer.authority.authorization import Named, Terms, format_terms, parse_authorization
from coffer.authority.countersign import rules_of, verify_requested
from coffer.authority.hold import HoldTerms, format_hold_terms, parse_hold
from coffer.authority.ordered import OPENING_CLASSES, IssuedIn, Issuer, OrderClass, Ordered, OrderFile, Urgency
from coffer.authority.period import Period
from coffer.custody import exchange
from coffer.errors import MalformedInput, NotProven
from coffer.identity.identifier import parse_email, parse_subject
from coffer.ledger import entries as le
from coffer.ledger import grammar
from coffer.ledger.facts import Valid
from coffer.ledger.reveal import commitment_of_lines, line_key
from coffer.ledger.roster import format_roster, parse_roster
from coffer.ledger.state import State
from coffer.notes.keys import Secret, SigningKey, VerifyKey, parse_vkey
from coffer.notes.note import MAX_NOTE_BYTES, parse_note, sign_note
from coffer.records.feed import parse_feed
from coffer.segments import header
from coffer.segments.bundle import format_bundle, parse_bundle
from coffer.translog import tiling
from coffer.translog.checkpoint import TreeHead, sign_checkpoint, verify_checkpoint
from coffer.vault.pins import Pins, parse_pins
from public_codes import COARSE, REFUSED

FEW = settings(max_examples=15, deadline=None)
MANY = settings(max_examples=60, deadline=None)
ORIGIN = "property.example/log"
NAMES = ("judge", "dpo", "regulator")


def signer(name):
    return SigningKey(name, Secret(ref.h(name.encode()), "seed"))


LOG, DESK, INGESTER = signer(ORIGIN), signer("desk"), signer("ingester")
AUTH = {name: signer(f"{name}/auth") for name in NAMES}
RESP = {name: signer(f"{name}/resp") for name in NAMES}

# -- strategies ----------------------------------------------------------------------------------------------------------

printable = st.characters(min_codepoint=0x20, max_codepoint=0x7E)
words = st.text(printable, min_size=1, max_size=60).filter(lambda text: text == text.strip(" "))
hashes = st.binary(min_size=32, max_size=32)


def code(key):
    return st.sampled_from([*lc.CODES[key], lc.HIDDEN])


ids = st.binary(min_size=16, max_size=16)
days = st.dates(dt.date(1, 1, 1), dt.date(9999, 12, 31))
since_1970 = st.dates(dt.date(1970, 1, 1))
times = st.datetimes(dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31), timezones=st.just(dt.UTC)).map(
    lambda t: t.replace(microsecond=0)
)
key_names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,20}", fullmatch=True) | st.just("n" * 128)
custodians = st.from_regex(r"[a-z][a-z0-9-]{0,15}", fullmatch=True)
feeds = st.from_regex(r"[a-z0-9][a-z0-9-]{0,15}", fullmatch=True)
rule_names = st.from_regex(r"base|[A-Z]{2}", fullmatch=True)
numbers = st.integers(0, 2**62) | st.sampled_from([0, 1, 9, 10, 255, 256, 257, 10**15 - 1, 10**15, 2**62])
kinds = st.sampled_from(["call", "text", "email"])
hpke_keys = st.binary(min_size=1, max_size=8).map(lambda seed: ref.stream(seed, 1216))

coarse = (st.integers(0, 2**52) | st.sampled_from([0, 1, 2**52])).map(lambda number: number * le.COARSE)
counts = st.builds(le.CoarseCounts, files=coarse, read=coarse, kept=coarse, rejected=coarse, duplicate=coarse)
partitions = st.dictionaries(
    st.integers(0, 2**31 - 1),
    st.lists(ids, min_size=3, max_size=3, unique=True),
    min_size=1,
    max_size=4,
).map(
    lambda found: tuple(
        le.Offsets(partition=at, after=(None, start, after)[at % 3], start=start, end=end)
        for at, (after, start, end) in sorted(found.items())
    )
)
segments = st.builds(
    le.SegmentLine,
    seg_id=hashes,
    header_hash=hashes,
    day=days,
    kind=kinds,
    rule=rule_names,
    part=st.integers(0, 2**32 - 1),
    rows=st.integers(1, 2**28),
    supersedes=hashes | st.none(),
)
ascending_masks = st.lists(st.integers(0, 2**16 - 1), min_size=1, max_size=9, unique=True).map(sorted)
revealed = st.lists(
    st.builds(le.RevealedLine, index=st.just(0), proof=hashes, line=words | st.none()), min_size=4, max_size=12
).map(lambda lines: tuple(replace(line, index=at + (at >= 4)) for at, line in enumerate(lines)))
bodies = st.one_of(
    st.builds(le.EpochKeyEntry, roster=hashes, custodian=custodians, day=days, key=hpke_keys),
    st.builds(
        lambda number, more, **rest: le.IngestEntry(number=number, total=min(number + more, 99_999), **rest),
        number=st.integers(1, 99_999),
        more=st.integers(0, 9),
        batch=ids,
        feed=feeds,
        counts=counts,
        segments=st.lists(segments, max_size=3).map(tuple),
        tally=hashes | st.none(),
        offsets=st.none() | st.builds(le.TopicOffsets, topic=ids, partitions=partitions),
    ),
    st.builds(
        lambda masks, **rest: le.ReceiptEntry(
            canaries=tuple((mask, ref.stream(bytes([mask % 251]), 16)) for mask in masks), **rest
        ),
        masks=ascending_masks,
        custodian=custodians,
        segment=hashes,
    ),
    st.builds(
        le.IntentEntry,
        authorization=hashes,
        requester=key_names,
        nonce=ids,
        cells_at_most=st.integers(0, 20).map(lambda bit: 2**bit),
        codes=st.fixed_dictionaries({key: code(key) for key in lc.ORDER_KEYS}).map(lc.OrderCodes.of_values),
    ),
    st.builds(le.WithdrawEntry, batch=ids),
    st.builds(le.DrawEntry, intent=numbers, table=hashes, records=st.integers(1, 2**28)),
    st.builds(
        le.CloseEntry,
        intent=numbers,
        result=hashes,
        records=numbers,
        answers=st.integers(0, 9),
        unconfirmed_cells=numbers,
        outcome=code("outcome"),
        took=code("took"),
    ),
    st.builds(
        le.RefuseEntry,
        authorization=hashes,
        custodian=custodians,
        reason=st.sampled_from(le.REFUSE_REASONS),
        order_class=st.sampled_from([*lc.REFUSED_CLASSES, "-"]),
        urgency=code("urgency"),
    ),
    st.builds(le.RevokeEntry, authorization=hashes),
    st.builds(le.DestroyEntry, custodian=custodians, day=days),
    st.builds(
        le.FaultEntry,
        accuser=key_names,
        accused=key_names,
        object=hashes | st.integers(0, le.MAX_COUNT),
        evidence=hashes,
    ),
    st.builds(le.RevealEntry, authorization=hashes, lines=revealed),
    st.builds(le.AbsenceEntry, custodian=custodians),
    st.builds(le.ObjectionEntry, absence=numbers),
    st.builds(
        le.HoldEntry,
        note=hashes,
        roster=hashes,
        rules=st.sets(st.sampled_from(["base", "FR", "US"]), min_size=1).map(lambda names: tuple(sorted(names))),
        requester=key_names,
        until=times,
    ),
    st.builds(
        le.HeldEntry,
        hold=numbers,
        note=hashes,
        custodian=custodians,
        cells_at_most=st.integers(0, 20).map(lambda n: 2**n),
    ),
    st.builds(le.ExtendEntry, hold=numbers, note=hashes, until=times),
    st.builds(le.ReleaseEntry, hold=numbers),
)
texts = st.lists(st.text(printable, min_size=1, max_size=80), min_size=1, max_size=8).map(
    lambda lines: ("\n".join(lines) + "\n").encode()
)

subjects = st.one_of(
    st.integers(612_000_000, 699_999_999).map(lambda n: f"tel:+33{n}"),
    st.from_regex(r"mailto:[a-z0-9.+_'é-]{1,10}@[a-z0-9]{1,8}\.(example|org)", fullmatch=True).filter(str.isascii),
    st.from_regex(r"short:(FR|IN|US)/[0-9]{3,11}", fullmatch=True),
    st.from_regex(r"sender:[A-Za-z][!-~]{0,14}", fullmatch=True),
    st.from_regex(r"opaque:[a-z0-9]{1,16}/[!-~]{1,63}", fullmatch=True),
)


NEAR = (dt.date(2050, 1, 1), dt.date(2050, 1, 20))
"""First days so near each other that the periods of all subjects together touch no more UTC days than a note may."""


@st.composite
def periods(draw, day):
    """One to four, ascending and apart, each in a zone of its own, to the second."""
    found, at = [], dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC)
    for hours, seconds in draw(st.lists(st.tuples(st.integers(0, 240), st.integers(1, 3_599)), min_size=1, max_size=4)):
        zones = [dt.timezone(dt.timedelta(minutes=15 * draw(st.integers(-56, 56)))) for _ in range(2)]
        end = at + dt.timedelta(hours=hours, seconds=seconds)
        found.append(Period(first=at.astimezone(zones[0]), end=end.astimezone(zones[1])))
        at = end + dt.timedelta(hours=draw(st.integers(1, 90)))
    return found


@st.composite
def orders(draw):
    offset = dt.timezone(dt.timedelta(minutes=15 * draw(st.integers(-56, 56))))
    received = draw(st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2900, 1, 1))).replace(
        microsecond=0, tzinfo=offset
    )
    order_class = draw(st.sampled_from(OPENING_CLASSES))
    issuers = [issuer for issuer in Issuer if (issuer is Issuer.PERSON) == (order_class is OrderClass.ACCESS)]
    files = draw(st.lists(hashes, max_size=8, unique=True))
    return Ordered(
        order_class=order_class,
        urgency=draw(st.sampled_from(Urgency)),
        issuer=draw(st.sampled_from(issuers)),
        issued_in=draw(st.sampled_from(IssuedIn)),
        received=received,
        due=draw(st.none() | st.integers(1, 366 * 86_400).map(lambda s: received + dt.timedelta(seconds=s))),
        files=tuple(OrderFile(sha256=digest, size=draw(st.integers(1, 2**23))) for digest in files),
    )


@st.composite
def terms(draw):
    begin = draw(st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2900, 1, 1), timezones=st.just(dt.UTC))).replace(
        microsecond=0
    )
    expires = begin + dt.timedelta(seconds=draw(st.integers(1, 30 * 86_400)))
    lines = draw(st.lists(subjects, min_size=1, max_size=20, unique_by=lambda line: parse_subject(line, "s").sid))
    return Terms(
        origin=draw(key_names),
        roster=draw(hashes),
        id=draw(ids),
        salt=Secret(draw(hashes), "salt"),
        requester=DESK.verify_key,
        seal=draw(hashes),
        authority=draw(words),
        basis=draw(words),
        purpose=draw(words),
        ordered=draw(orders()),
        persons=tuple(draw(words) for _ in lines),
        subjects=tuple(parse_subject(line, "subject") for line in lines),
        rules=tuple(sorted(draw(st.sets(st.sampled_from(["base", "FR", "IN", "US"]), min_size=1)))),
        periods=tuple(tuple(draw(periods(draw(st.dates(*NEAR))))) for _ in lines),
        kinds=tuple(kind for kind in ("call", "text", "email") if draw(st.booleans())) or ("call",),
        max_records=draw(st.integers(1, 1_000_000)),
        is_hub=draw(st.booleans()),
        not_before=begin,
        expires=expires,
        secret_until=expires.date() + dt.timedelta(days=draw(st.integers(-3_000, 3_653))),
    )


@st.composite
def rosters(draw):
    names = draw(
        st.lists(custodians, min_size=3, max_size=9, unique=True).filter(
            lambda names: not {"desk", "ingester"} & set(names)
        )
    )
    people = [
        (name, signer(f"{name}/auth").verify_key, signer(f"{name}/resp").verify_key, ref.stream(name.encode(), 1216))
        for name in names
    ]
    threshold = draw(st.integers(2, (len(names) + 1) // 2))
    expression = f"{threshold} of {','.join(names)}" + (f" and {names[0]}" if draw(st.booleans()) else "")
    countries = sorted(draw(st.sets(st.from_regex("[A-Z]{2}", fullmatch=True), max_size=3)))
    epsilon = draw(st.none() | st.decimals("0.000001", 10, places=6))
    return format_roster(
        origin=draw(key_names),
        time=draw(times),
        custodians=people,
        rules=[(name, expression) for name in ["base", *countries]],
        ingesters=[INGESTER.verify_key],
        requesters=[DESK.verify_key],
        retention_days=draw(st.integers(1, 36_500)),
        late_days=draw(st.integers(0, 36_500)),
        waiting_days=draw(st.integers(1, 3_650)),
        numbering=draw(st.from_regex(r"[0-9]{1,4}(\.[0-9]{1,4}){1,3}", fullmatch=True).filter(str.isascii)),
        cell_cap=draw(st.integers(1, 65_535)),
        tally="exact" if epsilon is None else f"epsilon {epsilon:f}",
        statistics=draw(st.sampled_from(lc.LEVELS)),
    )


@st.composite
def headers(draw, seg_nonce=hashes):
    n = draw(st.integers(1, 9))
    masks = draw(st.lists(st.integers(1, 2**n - 1), min_size=1, max_size=12, unique=True).map(sorted))
    core = header.SegmentCore(
        day=draw(since_1970),
        kind=draw(st.integers(1, 3)),
        layout=draw(st.integers(0, 31)),
        custodians=n,
        clauses=len(masks),
        part=draw(st.integers(0, 2**32 - 1)),
        rule=draw(rule_names),
        feed=draw(feeds),
        roster=draw(hashes),
        origin=draw(hashes),
        nonce=draw(seg_nonce),
    )
    return header.Header(
        core=core,
        commitments=tuple((mask, ref.stream(bytes([mask % 256]), 32)) for mask in masks),
        bundles=tuple(draw(st.binary(max_size=40)) for _ in range(n)),
        rows=1024 * draw(st.integers(1, 2**18)),
        manifest_hash=draw(hashes),
        supersedes=draw(hashes),
        epoch_hashes=tuple(ref.stream(bytes([i]), 32) for i in range(n)),
    )


@st.composite
def requests(draw):
    found = sorted(
        draw(st.lists(headers(), min_size=1, max_size=2, unique_by=lambda one: one.core.seg_id)),
        key=lambda one: one.core.seg_id,
    )
    cells = sorted(
        {
            exchange.Cell(
                seg_id=one.core.seg_id,
                line=draw(st.integers(0, 255)),
                rank_from=draw(st.integers(0, 2**32 - 1)),
                rank_count=draw(st.integers(1, 2**32 - 1)),
            )
            for one in found
            for _ in range(2)
        }
    )
    is_labels = draw(st.booleans())
    unsigned = exchange.Request(
        note=draw(st.binary(max_size=40)),
        seal_public=draw(hpke_keys),
        intent=draw(st.integers(0, 2**64 - 1)),
        draw=exchange.NO_DRAW if is_labels else draw(st.integers(0, 2**64 - 2)),
        lane=1 if is_labels else 2,
        draw_salt=bytes(32) if is_labels else draw(hashes),
        cells=tuple(cells),
        checkpoint=draw(st.binary(max_size=40)),
        headers=tuple(found),
        signature=b"",
    )
    return exchange.sign_request(unsigned, DESK)


EDGES = [b"", b"\0", b"\n", b" ", b"0", b"-", "\u2014".encode(), "é".encode(), b"\xff"]


@st.composite
def mutated(draw, originals):
    """Something close to a valid form: bytes changed, put in, taken out, repeated or exchanged."""
    raw = draw(originals)
    for _ in range(draw(st.integers(1, 2))):
        at = draw(st.integers(0, len(raw)))
        end = min(len(raw), at + draw(st.integers(0, 40)))
        piece = draw(st.sampled_from(EDGES) | st.binary(max_size=4))
        raw = (
            raw[:at]
            + draw(
                st.sampled_from(
                    [piece, piece + raw[at:end], raw[at:end] * 2, raw[at:end][::-1], raw[at:end].swapcase()]
                )
            )
            + raw[end:]
        )
    return raw


# -- one table of formats ------------------------------------------------------------------------------------------------


def format_parsed_roster(text):
    """A roster written again from its fields (those of one without witnesses)."""
    found = parse_roster(text, "roster")
    if found.witnesses or found.quorum:
        return text
    return format_roster(
        origin=found.origin,
        time=found.time,
        custodians=[(c.name, c.auth, c.resp, c.req) for c in found.custodians],
        rules=[(name, rule.expression) for name, rule in found.rules.items()],
        ingesters=found.ingesters,
        requesters=found.requesters.values(),
        retention_days=found.retention_days,
        late_days=found.late_days,
        waiting_days=found.waiting_days,
        numbering=found.numbering,
        cell_cap=found.cell_cap,
        tally="exact" if found.epsilon is None else f"epsilon {found.epsilon:f}",
        statistics=found.statistics,
    )


def format_parsed_entry(raw):
    entry = grammar.parse_entry(raw, "entry")
    if entry.body is None:
        return raw
    return replace(entry.note, text=grammar.format_entry(entry.body, origin=entry.origin, time=entry.time)).raw


def ascii_text(parse):
    """A parser of text, given bytes; what is no text at all is nobody's format."""

    def run(raw):
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            raise MalformedInput("not text") from None
        return parse(text).encode("utf-8")

    return run


def format_parsed_authorization(raw):
    found = parse_authorization(raw, "note")
    return replace(found.note, text=format_terms(found.terms)).raw


def hold_terms(found, extends):
    """A hold about the same as an authorization."""
    names = {field.name for field in fields(Named)}
    said = {name: getattr(found, name) for name in names}
    ordered = replace(found.ordered, order_class=OrderClass.PRESERVE, issuer=Issuer.COURT)
    return HoldTerms(**said | {"ordered": ordered}, until=found.expires, extends=extends)


def format_parsed_hold(raw):
    found = parse_hold(raw, "note")
    return replace(found.note, text=format_hold_terms(found.terms)).raw


notes = st.builds(
    lambda text, names: sign_note(text, *map(signer, names)).raw,
    texts,
    st.lists(key_names, min_size=1, max_size=16, unique=True),
)
FORMATS = {
    "note": (notes, lambda raw: parse_note(raw, "note").raw),
    "vkey": (
        key_names.map(lambda name: signer(name).verify_key.format().encode()),
        ascii_text(lambda text: parse_vkey(text, "key").format()),
    ),
    "roster": (rosters(), format_parsed_roster),
    "entry": (
        st.builds(
            lambda body, time: sign_note(grammar.format_entry(body, origin=ORIGIN, time=time), DESK).raw, bodies, times
        ),
        format_parsed_entry,
    ),
    "checkpoint": (
        st.builds(lambda size, root: sign_checkpoint(TreeHead(size=size, root=root), LOG).note.raw, numbers, hashes),
        lambda raw: parse_note(raw, "checkpoint").raw,
    ),
    "authorization": (
        terms().map(lambda found: sign_note(format_terms(found), DESK, AUTH["judge"]).raw),
        format_parsed_authorization,
    ),
    "hold": (
        st.builds(hold_terms, terms(), st.none() | hashes).map(
            lambda said: sign_note(format_hold_terms(said), DESK).raw
        ),
        format_parsed_hold,
    ),
    "header": (headers().map(lambda one: one.raw), lambda raw: header.parse_header(raw, "header").raw),
    "cells": (
        st.lists(
            st.builds(
                exchange.Cell,
                seg_id=hashes,
                line=st.integers(0, 255),
                rank_from=st.integers(0, 2**32 - 1),
                rank_count=st.integers(1, 2**32 - 1),
            ),
            min_size=1,
            max_size=4,
            unique=True,
        ).map(lambda cells: exchange.format_cells(sorted(cells, key=lambda cell: cell.raw))),
        lambda raw: exchange.format_cells(exchange.parse_cells(raw, "cells")),
    ),
    "request": (requests().map(lambda one: one.raw), lambda raw: exchange.parse_request(raw).raw),
    "bundle of entries": (
        st.lists(st.binary(max_size=60), min_size=3, max_size=3).map(tiling.format_bundle),
        lambda raw: tiling.format_bundle(tiling.parse_bundle(raw, 3, "tile")),
    ),
    "hash tile": (st.binary(min_size=96, max_size=96), lambda raw: b"".join(tiling.parse_hash_tile(raw, 3, "tile"))),
    "subkeys": (
        st.lists(hashes, min_size=2, max_size=2).map(
            lambda keys: format_bundle({3: Secret(keys[0], "k"), 5: Secret(keys[1], "k")})
        ),
        lambda raw: format_bundle(parse_bundle(raw, (3, 5), "bundle")),
    ),
    "pins": (
        st.builds(
            lambda name, genesis: Pins(origin=name, log_key=signer(name).verify_key, genesis=genesis).format(),
            key_names,
            hashes,
        ),
        lambda raw: parse_pins(raw, "vault.toml").format(),
    ),
    "subject": (subjects.map(str.encode), ascii_text(lambda text: parse_subject(text, "subject").format())),
}


@pytest.mark.parametrize("name", FORMATS)
def test_format_then_parse_is_identity(name):
    valid, again = FORMATS[name]

    @FEW
    @given(valid)
    def run(raw):
        assert again(raw) == raw

    run()


def refuse_or_repeat(again, raw):
    try:
        written = again(raw)
    except MalformedInput:
        return
    assert written == raw


@pytest.mark.parametrize("name", FORMATS)
def test_changed_bytes_are_refused_as_malformed_or_have_one_spelling(name):
    valid, again = FORMATS[name]

    @MANY
    @given(mutated(valid))
    def run(raw):
        refuse_or_repeat(again, raw)

    run()


@pytest.mark.parametrize("name", FORMATS)
def test_arbitrary_bytes_are_refused_as_malformed_or_have_one_spelling(name):
    @FEW
    @given(st.binary(max_size=300) | st.text(max_size=100).map(str.encode))
    @example(b"")
    @example(b"\n\n\n")
    @example("\u2014".encode())
    def run(raw):
        refuse_or_repeat(FORMATS[name][1], raw)

    run()


# -- what is signed ------------------------------------------------------------------------------------------------------


def one_byte_changed(raw, at, by):
    return raw[:at] + bytes([raw[at] ^ by]) + raw[at + 1 :]


def verify_nothing_changed(raw, verify, data, *, place):
    """``verify`` accepts ``raw``, and raises at ``place`` for it with any one byte changed, put in or taken out."""
    verify(raw)
    for _ in range(8):
        at = data.draw(st.integers(0, len(raw) - 1))
        by = data.draw(st.integers(1, 255))
        for changed in (one_byte_changed(raw, at, by), raw[:at] + raw[at + 1 :], raw[:at] + bytes([by]) + raw[at:]):
            if changed == raw:
                continue
            with pytest.raises((MalformedInput, NotProven), match=place):
                verify(changed)


@FEW
@given(texts, st.data())
def test_no_changed_byte_of_a_note_verifies(text, data):
    key = signer("judge/auth")
    verify_nothing_changed(
        sign_note(text, key).raw,
        lambda raw: parse_note(raw, "note").verify_signed_by(key.verify_key),
        data,
        place="^note: ",
    )


@FEW
@given(numbers, hashes, st.data())
def test_no_changed_byte_of_a_checkpoint_verifies(size, root, data):
    verify_nothing_changed(
        sign_checkpoint(TreeHead(size=size, root=root), LOG).note.raw,
        lambda raw: verify_checkpoint(raw, LOG.verify_key, "checkpoint"),
        data,
        place="^(checkpoint|note): ",
    )


@FEW
@given(requests(), st.data())
def test_no_changed_byte_of_a_request_but_of_a_sealed_bundle_verifies(request, data):
    def verify(raw):
        found = exchange.parse_request(raw)
        if not found.is_signed_by(DESK.verify_key):
            raise NotProven("request")

    verify_nothing_changed(request.raw, verify, data, place="^request")


@FEW
@given(terms(), st.data())
def test_no_changed_byte_of_an_authorization_verifies(found, data):
    text = format_rosters_of(NAMES)
    roster = parse_roster(text, "roster")
    verify_nothing_changed(
        sign_note(format_terms(replace(found, rules=rules_of(found.subjects, roster))), DESK).raw,
        lambda raw: verify_requested(parse_authorization(raw, "note"), roster),
        data,
        place="^note: ",
    )


@FEW
@given(terms(), st.none() | hashes, st.data())
def test_no_changed_byte_of_a_hold_verifies(found, extends, data):
    roster = parse_roster(format_rosters_of(NAMES), "roster")
    said = hold_terms(replace(found, rules=rules_of(found.subjects, roster)), extends)
    verify_nothing_changed(
        sign_note(format_hold_terms(said), DESK).raw,
        lambda raw: verify_requested(parse_hold(raw, "note"), roster),
        data,
        place="^(note|authorization): ",
    )


def format_rosters_of(names):
    people = [(name, AUTH[name].verify_key, RESP[name].verify_key, ref.stream(name.encode(), 1216)) for name in names]
    return format_roster(
        origin=ORIGIN,
        time=dt.datetime(2016, 9, 5, tzinfo=dt.UTC),
        custodians=people,
        rules=[("base", f"2 of {','.join(names)}")],
        ingesters=[INGESTER.verify_key],
        requesters=[DESK.verify_key],
        retention_days=365,
        late_days=30,
        waiting_days=90,
        numbering="9.0.43",
        cell_cap=200,
        tally="exact",
    )


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_changed_byte_of_an_entry_counts(data):
    genesis = format_rosters_of(NAMES)
    state = State.empty(origin=ORIGIN, genesis=ref.roster_hash(genesis))
    first = sign_note(genesis, *AUTH.values()).raw
    now = dt.datetime(2016, 9, 5, 1, tzinfo=dt.UTC)
    bodies_and_keys = [
        (
            le.IntentEntry(authorization=bytes(32), requester="desk", nonce=bytes(16), cells_at_most=4, codes=COARSE),
            DESK,
        ),
        (
            le.EpochKeyEntry(roster=ref.roster_hash(genesis), custodian="judge", day=now.date(), key=bytes(1216)),
            AUTH["judge"],
        ),
        (le.RevokeEntry(authorization=bytes(32)), AUTH["dpo"]),
        (le.RefuseEntry(authorization=bytes(32), custodian="judge", reason="merit", **REFUSED), AUTH["judge"]),
        (
            le.IngestEntry(
                batch=bytes(16),
                number=1,
                total=1,
                feed="calls",
                counts=le.CoarseCounts(files=0, read=1024, kept=0, rejected=1024, duplicate=0),
                segments=(),
                tally=None,
            ),
            INGESTER,
        ),
    ]
    body, key = data.draw(st.sampled_from(bodies_and_keys))
    raw = data.draw(st.sampled_from([first, sign_note(grammar.format_entry(body, origin=ORIGIN, time=now), key).raw]))
    before = [] if raw is first else [first]
    assert isinstance(replay_one(state, [*before, raw]), Valid)
    for _ in range(6):
        changed = one_byte_changed(raw, data.draw(st.integers(0, len(raw) - 1)), data.draw(st.integers(1, 255)))
        state = State.empty(origin=ORIGIN, genesis=ref.roster_hash(genesis))
        assert not isinstance(replay_one(state, [*before, changed]), Valid)


def replay_one(state, entries):
    return state.apply_all(entries)[-1]


@pytest.mark.parametrize("size", [MAX_NOTE_BYTES - 1, MAX_NOTE_BYTES, MAX_NOTE_BYTES + 1])
def test_a_note_is_as_long_as_a_log_entry_may_be(size):
    tail = len(sign_note(b"x\n", DESK).raw) - 1
    raw = sign_note(b"x" * (size - tail) + b"\n", DESK).raw
    assert len(raw) == size
    if size > MAX_NOTE_BYTES:
        with pytest.raises(MalformedInput, match="expected at most"):
            parse_note(raw, "note")
    else:
        assert parse_note(raw, "note").raw == raw


# -- reveals, feeds, addresses -------------------------------------------------------------------------------------------


@FEW
@given(terms(), st.sets(st.integers(0, 40)))
def test_any_choice_of_revealed_lines_gives_the_commitment(found, shown):
    text = format_terms(found)
    lines = text.decode().split("\n")[:-1]
    salt = found.salt.unsafe_bytes()
    rows = [
        (i, line_key(salt, i), line) if i in shown else (i, ref.line_hash(salt, i, line), None)
        for i, line in enumerate(lines)
        if not line.startswith("salt: ")
    ]
    commitment = parse_authorization(sign_note(text, DESK).raw, "note").commitment
    assert commitment_of_lines(found.roster, rows) == commitment == ref.commitment(text, found.roster)
    position = next(iter(shown & {i for i, _, _ in rows}), None)
    if position is not None:
        forged = [(i, proof, "hub: yes!" if i == position else line) for i, proof, line in rows]
        assert commitment_of_lines(found.roster, forged) != commitment


FEED = """[feed]
name = "calls"
format = "csv"
home_country = "FR"
time_zone = "UTC"
keep = ["cell"]
kind = "call"
[csv]
header = false
date_format = "%Y-%m-%d %H:%M:%S"
[columns]
a = 0
b = 1
start = [2, 3]
answered = { column = 4, values = { YES = true } }
"""


@MANY
@given(st.text(max_size=200) | mutated(st.just(FEED.encode())).map(lambda raw: raw.decode("utf-8", "replace")))
def test_a_feed_file_is_refused_as_malformed_only(text):
    try:
        parse_feed(text, "feed.toml")
    except MalformedInput:
        return


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 3000,
        "a = " + "9" * 5000,
        FEED.replace('kind = "call"', "kind = { column = 5, values = { call = [1] } }"),
        FEED.replace('kind = "call"', 'kind = { column = 5, values = { call = { a = "call" } } }'),
        FEED.replace('keep = ["cell"]', "keep = [[1], {}]"),
        FEED.replace('"%Y-%m-%d %H:%M:%S"', "[]"),
        FEED.replace('"%Y-%m-%d %H:%M:%S"', "[[1]]"),
        FEED.replace("a = 0", "a = true"),
        FEED.replace("a = 0", "a = -1"),
        FEED.replace("a = 0", "a = 1979-05-27"),
        FEED.replace("YES = true", "YES = 1"),
        FEED.replace('home_country = "FR"', 'home_country = "é"'),
        FEED.replace('name = "calls"', 'name = ""'),
        FEED.replace("[csv]", '[csv]\ndelimiter = ";;"'),
        FEED.replace("[csv]", '[csv]\nquote = "x"'),
    ],
    ids=range(15),
)
def test_a_strange_feed_file_is_malformed(text):
    with pytest.raises(MalformedInput, match=r"^feed\.toml: "):
        parse_feed(text, "feed.toml")


@MANY
@given(
    st.emails()
    | st.text(max_size=60)
    | st.builds(lambda a, b: f"{a}@{b}.example", st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20))
)
@example("a@" + "x" * 64 + ".example")
@example("a@\u0130.example")
@example("\u212b@b\u3002example")
@example("a@xn--a.example")
def test_an_address_has_one_canonical_form(text):
    try:
        form = parse_email(text, "address")
    except MalformedInput:
        return
    assert parse_email(form, "address") == form
    assert form.count("@") == 1
    assert form.split("@")[1] == form.split("@")[1].lower()
    assert form.split("@")[1].isascii()


@FEW
@given(st.binary(min_size=33, max_size=33), key_names)
def test_a_key_of_any_bytes_never_raises_when_it_verifies(raw, name):
    key = VerifyKey(name=name, public=raw[1:])
    assert key.is_signature(bytes(64), b"message") in {True, False}
    assert not key.is_signature(raw, b"message")


@MANY
@given(st.text(max_size=30))
def test_strict_values_are_refused_as_malformed_only(text):
    for parse, again in (
        (lambda: wire.parse_decimal(text, "x", high=2**62), str),
        (lambda: wire.parse_day(text, "x"), str),
        (lambda: wire.parse_time(text, "x"), wire.format_time),
        (lambda: wire.parse_base64(text, "x"), wire.format_base64),
        (lambda: wire.parse_hex(text, "x", size=len(text) // 2), bytes.hex),
    ):
        try:
            value = parse()
        except MalformedInput:
            continue
        assert again(value) == text
