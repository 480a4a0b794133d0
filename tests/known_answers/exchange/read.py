import hashlib

import numpy as np

import coffer_audit.answer.exchange
import reference as ref
from coffer.custody import exchange
from coffer.errors import NotProven
from coffer.notes.keys import parse_vkey
from known_answers.vector import runner


@runner("cells", "raw", found="salt commitment")
def run_cells(vector, _):
    raw = vector.bytes("raw")
    if not vector.is_refused(lambda: exchange.parse_cells(raw, "cells")):
        cells = exchange.parse_cells(raw, "cells")
        assert exchange.format_cells(cells) == raw
        assert exchange.draw_commitment(vector.bytes("salt"), cells) == vector.bytes("commitment")


@runner("request", "key raw", found="hash digest")
def run_request(vector, _):
    raw, key = vector.bytes("raw"), parse_vkey(vector.text("key"), "key")

    def verify():
        request = exchange.parse_request(raw)
        assert request.raw == raw
        if not request.is_signed_by(key):
            raise NotProven("request")

    if not vector.is_refused(verify):
        request = exchange.parse_request(raw)
        assert (request.hash, hashlib.sha256(request.digest_form).digest()) == (
            vector.bytes("hash"),
            vector.bytes("digest"),
        )
        audited = coffer_audit.answer.exchange.parse_digest(request.digest_form, "digest")
        assert (audited.hash, audited.body) == (request.hash, request.digest_body)
        assert key.is_signature(audited.signature, ref.tag("request") + hashlib.sha256(audited.body).digest())


@runner("reply", "request key index mask raw", found="code")
def run_reply(vector, _):
    request, raw, index = exchange.parse_request(vector.bytes("request")), vector.bytes("raw"), vector.int("index")
    key, masks = parse_vkey(vector.text("key"), "key"), vector.many("mask", int)
    held = [(cell, masks) for cell in request.cells]

    def check():
        return exchange.verify_reply(raw, custodian="judge", index=index, key=key, request=request, held=held)

    if not vector.is_refused(check):
        found = check()
        assert (found.code or 0) == vector.int("code")
        if found.code:
            assert (
                raw[:-64]
                == exchange.format_refusal(index, request.hash, found.code)
                == ref.refusal(index, request.hash, vector.int("code"))
            )
        else:
            raw_values = [found.values[cell, mask] for cell in request.cells for mask in masks]
            blocks = [
                value[at : at + found.width].ljust(16, b"\0")
                for value in raw_values
                for at in range(0, len(value), found.width)
            ]
            values = np.frombuffer(b"".join(blocks), "<u8").reshape(-1, 2)
            assert exchange.format_payload(index, request.lane, request.hash, values) == raw[:-64]
        assert exchange.response_message(request.hash, request.seal_public, raw[:-64]) == ref.response_message(
            request.hash, request.seal_public, raw[:-64]
        )
