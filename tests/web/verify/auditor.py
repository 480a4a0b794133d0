"""What coffer-audit finds for the same cases, in the form that `run.mjs` uses."""

import base64
import importlib
from pathlib import Path

import coffer_audit.answer.exchange as exchange_of
import coffer_audit.entries.parse as entries
import coffer_audit.log.checkpoint as checkpoint_of
from coffer.custody.exchange import parse_request
from coffer.errors import CofferError
from coffer.segments import header as product_header
from coffer_audit import errors, notes, segments, wire
from coffer_audit.answer import authorization, rows
from coffer_audit.entries import roster
from coffer_audit.log import tiles, tree
from coffer_audit.validity.state import replay
from known_answers.folder import VECTORS
from known_answers.kinds import COUNTS
from known_answers.vector import load

for kind in COUNTS:
    importlib.import_module(f"known_answers.{kind}.read")  # `load` knows the keys of a test from its reader

NOT_HERE = {
    "agreements": "a file of custodians",
    "approvals": "a file of custodians",
    "bundle-plaintext": "keys of custodians",
    "cell": "written by the ingester only",
    "cells": "read by custodians; the auditor reads them within a request",
    "check-words": "custodians and the desk show them, and nobody verifies them",
    "column": "read by the ingester",
    "consistency": "the auditor and the browser have all entries, and recompute",
    "core": "written by the ingester only",
    "decided": "a file of custodians",
    "desk-cell": "the desk's sealed database",
    "desk-event": "the desk's sealed database",
    "desk-key": "the desk's sealed database",
    "desk-tag": "the desk's sealed database",
    "dialled-peer": "a function within the auditor; the row vectors and the answers hold such peers",
    "explanation": "told by the desk",
    "email": "read by the product; tested against it beside what a visitor types",
    "holds": "rules H1 to H4, which the browser does not judge: nothing that it proves rests on a hold",
    "hpke": "keys of custodians",
    "lock": "a function within the readers; the vectors of rosters hold locks",
    "people": "a file of custodians",
    "pins": "a file of the vault",
    "prf": "keys of custodians",
    "query": "asked of custodians",
    "remembered": "a file of the vault",
    "sealed": "a whole segment; answers hold such",
    "short-peer": "a function within the auditor; the row vectors hold such peers",
    "standing": "told by custodians",
    "subkey": "keys of custodians",
    "tally-hash": "files of the vault",
}
"""The tests of vectors that the browser has no part in, and why."""


def _demand_signed(note, key):
    if not notes.verify_signers(note, [key], "note"):
        raise errors.NotProven("not signed")


def _note(vector):
    _demand_signed(notes.parse_note(vector.body, "note"), notes.parse_vkey(vector.text("key"), "key"))


def _cosignature(vector):
    note = notes.parse_note(vector.body, "note", cosigned=True)
    _demand_signed(note, notes.parse_vkey(vector.text("key"), "key", kinds=(notes.COSIGNATURE,)))


def _root(vector):
    leaves = [tree.hash_leaf(str(i).encode()) for i in range(vector.int("size"))]
    return tree.Tree(leaves).root_at(len(leaves)).hex()


def _inclusion(vector):
    proof = [item for item in vector.many("proof") if item]
    index, size = vector.int("index"), vector.int("size")
    if not tree.is_included(vector.bytes("leaf"), index, size, proof, vector.bytes("root")):
        raise errors.NotProven("not included")


def _checkpoint(vector):
    checkpoint = checkpoint_of.parse_checkpoint(vector.body, "checkpoint")
    checkpoint_of.verify_checkpoint(checkpoint, notes.parse_vkey(vector.text("key"), "key"), "checkpoint")
    return [str(checkpoint.size), checkpoint.root.hex()]


def _rule(vector):
    names = tuple(chr(97 + i) for i in range(vector.int("custodians")))
    return list(roster.expand_rule(vector.text("expression"), names, "rule").clauses)


def _roster(vector):
    body = entries.parse_entry(vector.body).body
    return [body.hash, [[name, list(lock.clauses)] for name, lock in body.locks.items()]]


def entries_of(vector):
    """The entries of a vector of State."""
    return [
        load(VECTORS / item[1:]).body if item.startswith("@") else base64.b64decode(item)
        for item in vector.many("entry", str)
    ]


def _state(vector):
    raw = entries_of(vector)
    state = replay(vector.word("origin"), vector.word("genesis"), enumerate(raw))
    invalid = {index: code for index, code, _ in state.invalid}
    verdicts = [
        f"{invalid[i]} {'true' if i in state.accidents else 'false'}" if i in invalid else "ok" for i in range(len(raw))
    ]
    superseded = [list(item) for item in sorted(state.ingests.superseded_before(len(raw)).items())]
    withdrawn = [list(item) for item in sorted(state.withdrawn.items())]
    debts = [
        [index, list(debt.ratified), debt.status(state.newest), debt.paid and int(debt.paid.timestamp())]
        for index, debt in state.debts.all.items()
    ]
    return [verdicts, withdrawn, superseded, sorted(state.segments), int(state.newest.timestamp()), debts]


def _amended(vector):
    paper = authorization.parse_authorization(vector.body)
    return [paper.commitment, paper.limit, paper.raw.hex()]


def _authorization(vector):
    paper = authorization.parse_authorization(vector.body)
    days = [sorted((day - wire.EPOCH).days for day in paper.days_of(i + 1)) for i in range(len(paper.subjects))]
    subjects = [[subject.sid.hex(), own] for subject, own in zip(paper.subjects, days, strict=True)]
    return [paper.commitment, paper.roster, subjects]


def _header(vector):
    header = segments.parse_header(bytes.fromhex(stripped_of(vector)), stripped=True)
    shown = [header.seg_id.hex(), header.header_hash.hex(), list(header.masks), str(header.rows)]
    return [*shown, header.home, header.width]


def _row(vector):
    core = int.from_bytes(vector.bytes("core"), "big")
    day = wire.parse_day("2016-09-01", "x")
    shown, is_last = rows.format_row(
        core, vector.bytes("extra"), layout=vector.int("layout"), day=day, kind="call", feed="x", home="DE"
    )
    return [list(shown), is_last]


def _request(vector):
    digest = exchange_of.parse_digest(bytes.fromhex(digest_of(vector)), "digest")
    message = b"coffer/v1/request\n" + wire.hashlib.sha256(digest.body).digest()
    if not notes.parse_vkey(vector.text("key"), "key").is_valid(digest.signature, message):
        raise errors.NotProven("not signed")
    return [digest.hash.hex(), [[cell.segment, cell.subject, cell.first, cell.count] for cell in digest.cells]]


def _reply(vector):
    digest = exchange_of.parse_digest(bytes.fromhex(digest_of(vector)), "digest")
    raw, number, masks = vector.bytes("raw"), vector.int("index"), vector.many("mask", int)
    payload, sha256 = raw[:-64], wire.hashlib.sha256
    message = b"coffer/v1/response\n" + digest.hash + sha256(digest.seal).digest() + sha256(payload).digest()
    if not notes.parse_vkey(vector.text("key"), "key").is_valid(raw[-64:], message):
        raise errors.NotProven("not signed")
    if payload[:8] == b"COFERR01":
        return exchange_of.parse_refusal(payload, digest, number)
    partials = exchange_of.parse_payload(payload, digest, number, [masks for _ in digest.cells])
    return [[[mask, value.hex()] for mask, value in clauses.items()] for clauses in partials]


def _result(vector):
    hashes = [wire.hashlib.sha256(vector.bytes(key)).digest() for key in ("records", "superseded")]
    return wire.hash_of("result", vector.bytes("salt"), *hashes).hex()


def _tiles(vector):
    size, count = vector.int("size"), 0
    while size:
        count, size = count + -(-size // tiles.TILE), size >> 8
    return count


def _parse_decimal(vector):
    return str(wire.parse_decimal(vector.text("text"), "x", high=vector.int("high")))


VECTOR_TESTS = {
    "decimal": _parse_decimal,
    "hex": lambda v: wire.parse_hex(v.text("text"), v.int("size"), "x"),
    "base64": lambda v: wire.parse_base64(v.text("text"), v.int("size"), "x").hex(),
    "day": lambda v: str(wire.parse_day(v.text("text"), "x")),
    "time": lambda v: wire.parse_time(v.text("text"), "x").strftime("%Y-%m-%dT%H:%M:%SZ").rjust(20, "0"),
    "note": _note,
    "cosignature": _cosignature,
    "vkey": lambda v: notes.parse_vkey(v.text("text"), "key").public.hex(),
    "root": _root,
    "inclusion": _inclusion,
    "tile-path": lambda v: "tile/" + tiles.format_tile(v.word("level"), v.int("index"), v.int("width")),
    "tiles": _tiles,
    "bundle": lambda v: [e.hex() for e in tiles.parse_bundle(v.bytes("raw"), v.int("width"), "bundle")],
    "checkpoint": _checkpoint,
    "rule": _rule,
    "roster": _roster,
    "entry": lambda v: entries.parse_entry(v.body) and None,
    "state": _state,
    "emergencies": _state,
    "amended": _amended,
    "authorization": _authorization,
    "subject": lambda v: authorization.parse_subject(v.text("text")).sid.hex(),
    "header": _header,
    "row": _row,
    "request": _request,
    "reply": _reply,
    "result": _result,
    "joined": lambda v: [
        [key.hex(), part.hex()] for key, part in wire.split_parts(v.bytes("raw"), v.int("key-bytes"), "joined")
    ],
}


def digest_of(vector):
    """The digest form of a vector's request, in hex; "" if it does not parse."""
    raw = vector.bytes("raw" if vector.test == "request" else "request")
    try:
        return parse_request(raw).digest_form.hex()
    except CofferError:
        return ""


def stripped_of(vector):
    """A vector's header in the form of answers, in hex; if it does not parse, as it is."""
    try:
        return product_header.parse_header(vector.bytes("raw"), "header").stripped.hex()
    except CofferError:
        return vector.bytes("raw").hex()


def vector_case(path):
    """The case of a vector for `run.mjs`; None if the browser has no part in its test."""
    vector = load(path)
    if vector.test in NOT_HERE:
        return None
    case = {"kind": "vector", "path": str(path), "test": vector.test, "fields": vector.fields}
    case["body"] = base64.b64encode(vector.body or b"").decode()
    if vector.test in ("request", "reply"):
        case["digest"] = digest_of(vector)
    if vector.test == "header":
        case["stripped"] = stripped_of(vector)
    if vector.test in ("state", "emergencies"):
        case["entries"] = [base64.b64encode(raw).decode() for raw in entries_of(vector)]
    return case


def audit_vector(path):
    """Verdict and value that coffer-audit gives a vector."""
    vector = load(Path(path))
    try:
        return {"verdict": "ok", "value": VECTOR_TESTS[vector.test](vector)}
    except errors.MalformedInput:
        return {"verdict": "parse"}
    except errors.NotProven:
        return {"verdict": "verify"}
