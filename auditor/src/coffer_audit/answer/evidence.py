"""The evidence of an answer: from the checkpoint to signed replies (docs/formats/answer.md)."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING

from coffer_audit.answer.authorization import parse_authorization
from coffer_audit.answer.claims import ANSWER_KEYS, CELL_KEYS, CONDUCT, STATUSES, Cell, verify_types
from coffer_audit.answer.countries import find_countries, rule_under
from coffer_audit.answer.exchange import Digest, parse_digest, parse_payload, parse_refusal
from coffer_audit.answer.package import open_answer
from coffer_audit.errors import Findings, MalformedInput, NotProven, verify_that
from coffer_audit.log.checkpoint import parse_checkpoint, verify_checkpoint
from coffer_audit.log.cosigners import find_cosigners, find_lack
from coffer_audit.log.tree import hash_leaf, is_included
from coffer_audit.notes import MAX_NOTE_BYTES, verify_signers
from coffer_audit.segments import (
    BATCH_ROWS,
    Header,
    hash_batch,
    parse_header,
    verify_header,
    verify_manifest,
)
from coffer_audit.trust import Trust, decide_trust
from coffer_audit.validity.facts import BACK_DATING, Opening, Segment
from coffer_audit.validity.state import replay
from coffer_audit.vault.audit import MAX_FILE_BYTES
from coffer_audit.vault.witnesses import verify_quorum
from coffer_audit.wire import MAX_JSON, MAX_SMALL_JSON, Cursor, parse_base64, parse_decimal, parse_hex, parse_json

if TYPE_CHECKING:
    from pathlib import Path


MAX_EVIDENCE_BYTES = 1 << 26
"""Of a request or reply: those on the wire have at most 8 MiB."""


class EvidenceAudit:
    """The files as read, and the steps that lead from the log's key to values that custodians signed."""

    def __init__(self, folder: Path, log_key: str | None, genesis: str | None, vault: Path | None) -> None:
        self.files, self.vault, self.findings = open_answer(folder), vault, Findings()
        if not self.files.names("evidence") or not self.files.has("answer.json"):
            raise MalformedInput(f"{str(folder)!a}: found no answer.json or evidence/, expected an answer")
        texts = parse_json(self._read("trust.json", MAX_SMALL_JSON), "trust.json", ("origin", "log", "genesis"))
        self.trust: Trust = decide_trust(
            {key: str(value) for key, value in texts.items()}, log_key, genesis, self.findings
        )
        self.checkpoint = parse_checkpoint(self._read("checkpoint"), "checkpoint")
        answer = parse_json(self.files.read("answer.json", MAX_JSON), "answer.json")
        self.answer = verify_types(answer, ANSWER_KEYS, "answer.json")  # type: ignore[arg-type]
        cells = self.answer["cells"]
        self.cells = [
            Cell(**verify_types(cell, CELL_KEYS, "answer.json cells"))  # type: ignore[arg-type]
            for cell in (cells if isinstance(cells, list) else [])
        ]
        self.replies: dict[tuple[int, str], list[dict[int, bytes]]] = {}
        self.headers: dict[str, Header] = {}
        self.firsts: dict[str, list[bytes]] = {}
        self.batches: dict[tuple[str, int], bytes] = {}

    def _read(self, name: str, limit: int = MAX_EVIDENCE_BYTES) -> bytes:
        return self.files.read(f"evidence/{name}", limit)

    def _number(self, key: str) -> int:
        value = self.answer[key]
        return value if isinstance(value, int) else -1

    def verify_checkpoint(self) -> None:
        """Step: the log's key signed the checkpoint."""
        verify_checkpoint(self.checkpoint, self.trust.key, "checkpoint")
        verify_that(self.answer["origin"] == self.trust.key.name, "answer.json origin: found another than the log's")
        verify_that(self.answer["format"] == "coffer.answer/v2", "answer.json format: found another")

    def verify_entries(self) -> None:
        """Step: every entry is in the tree; then State over them."""
        proofs, entries = parse_json(self._read("proofs.json", MAX_JSON), "proofs.json"), []
        names = self.files.names("evidence/entries")
        indexes = sorted(parse_decimal(name.removesuffix(".note"), "entries: name") for name in names)
        verify_that(
            names and sorted(f"{i}.note" for i in indexes) == names, "entries: found other names than <index>.note"
        )
        verify_that({str(i) for i in indexes} == set(proofs), "proofs.json: found other indexes than entries/ has")
        for index in indexes:
            raw, proof = self._read(f"entries/{index}.note", MAX_NOTE_BYTES), proofs[str(index)]
            if not isinstance(proof, list) or len(proof) > 64 or not all(isinstance(item, str) for item in proof):
                raise MalformedInput(f"proofs.json {index}: found no list of base64, expected one")
            path = [parse_base64(item, 32, "proofs.json") for item in proof]
            verify_that(
                is_included(hash_leaf(raw), index, self.checkpoint.size, path, self.checkpoint.root),
                f"entry {index}: found no inclusion in the checkpoint",
            )
            entries.append((index, raw))
        self.state = replay(self.trust.key.name, self.trust.genesis, entries, sparse=True)
        for index, code, message in self.state.invalid:
            self.findings.violate(code, message, entry=index)
        verify_that(self.state.rosters, "entries: found no valid genesis at entry 0")
        verify_quorum(self.checkpoint, self.state)
        verify_that(not self.state.pending, "entries: found an ingest batch that is not whole")

    def verify_opening(self) -> None:
        """Step: State links intent, draw and close as answer.json says."""
        opening = self.state.openings.get(self._number("intent"))
        if opening is None or opening.close is None or opening.close[0] != self._number("close"):
            raise NotProven("answer.json intent, close: found no such pair in the entries")
        draw = opening.draw[0] if opening.draw else None
        verify_that(draw == self.answer["draw"], "answer.json draw: found another than the entries have")
        verify_that(len(self.state.openings) == 1, "entries: found another intent, expected this one alone")
        self.opening: Opening = opening

    def verify_authorization(self) -> None:
        """Step: grammar, commitment, requester, times of intent and limit of records."""
        raw, intent = self._read("authorization.note", MAX_NOTE_BYTES), self.opening.intent
        paper = self.paper = parse_authorization(raw)
        verify_that(paper.origin == self.trust.key.name, "authorization origin: found another than the log's")
        verify_that(
            paper.commitment == intent.text["authorization"] == self.answer["authorization"],
            "authorization: found another commitment than the intent's or answer.json's",
        )
        key = self.opening.roster.requesters.get(paper.requester)
        verify_that(
            key and key == paper.key and paper.requester == intent.text["requester"],
            "authorization requester: found another than the intent's",
        )
        self.rosters = {roster.hash: roster for roster in self.state.rosters}
        verify_that(paper.roster in self.rosters, "authorization roster: found one that is not in the entries")
        self.roster = self.rosters[paper.roster]
        known = [key for roster in self.state.rosters for key in roster.signing_keys()]
        self.signers = verify_signers(paper.note, [*known, paper.key], "authorization")
        verify_that(paper.key.identity in self.signers, "authorization: found no signature of the requester")
        verify_that(
            paper.not_before <= self.opening.time < paper.expires, "intent: found it outside not-before and expires"
        )
        drawn = self.opening.draw[1].number["records"] if self.opening.draw else 0
        verify_that(drawn <= paper.max_records, f"draw: found {drawn} records, expected at most max-records")

    def _read_batches(self, seg_id: str, digests: list[bytes]) -> None:
        """Each batch of the file: u32 index, then its rows, in ascending order, with the manifest's hash."""
        raw, size = self._read(f"segments/{seg_id}.batches", MAX_FILE_BYTES), BATCH_ROWS * self.headers[seg_id].width
        indexes = [int.from_bytes(raw[at : at + 4], "big") for at in range(0, len(raw), size + 4)]
        verify_that(
            len(raw) % (size + 4) == 0 and indexes == sorted(set(indexes)) and indexes[-1:] < [len(digests)],
            f"batches of {seg_id}: found another form, expected batches in ascending order",
        )
        for number, index in enumerate(indexes):
            rows = raw[number * (size + 4) + 4 : (number + 1) * (size + 4)]
            verify_that(
                hash_batch(bytes.fromhex(seg_id), index, rows) == digests[index],
                f"batch {index} of {seg_id}: found another hash",
            )
            self.batches[seg_id, index] = rows

    def _read_segment(self, seg_id: str) -> None:
        """One file: LP(header), LP(manifest), then each batch (u32 index, rows) in ascending order with the manifest's hash."""
        cursor = Cursor(self._read(f"segments/{seg_id}", MAX_FILE_BYTES), f"segments/{seg_id}")
        header = parse_header(cursor.prefixed(), stripped=True)
        verify_header(header, self._segment(seg_id), self.trust.key.name, None)
        pairs = verify_manifest(cursor.prefixed(), header)
        self.headers[seg_id], self.firsts[seg_id] = header, [first for first, _ in pairs]
        last = -1
        while not cursor.is_at_end():
            index, rows = cursor.number(4), cursor.take(BATCH_ROWS * header.width)
            verify_that(last < index < len(pairs), f"segments/{seg_id}: found batch {index}, expected ascending ones")
            verify_that(
                hash_batch(bytes.fromhex(seg_id), index, rows) == pairs[index][1],
                f"batch {index} of {seg_id}: found another hash",
            )
            self.batches[seg_id, index], last = rows, index

    def verify_segments(self) -> None:
        """Step: header to log, manifest to header, batches to manifest; then answer.json's cells to segments."""
        names = self.files.names("evidence/segments")
        for seg_id in names:
            parse_hex(seg_id, 32, "segments: name")
            self._read_segment(seg_id)
        replaced = self.state.superseded()
        for cell in self.cells:
            segment = self._segment(cell.segment)
            line = segment.line
            verify_that(1 <= cell.subject <= len(self.paper.subjects), "cell: found no such subject line")
            same = (cell.day, cell.kind, cell.feed, cell.rule, cell.part, cell.superseded) == (
                line.day.isoformat(),
                line.kind,
                segment.feed,
                line.rule,
                line.part,
                cell.segment in replaced,
            )
            verify_that(
                same and cell.segment in self.headers, "answer.json cells: found another segment than the log's"
            )
            verify_that(1 <= cell.subject <= len(self.paper.subjects), "cell: found no such subject line")
            verify_that(
                line.day in self.paper.days_of(cell.subject) and line.kind in self.paper.kinds,
                f"cell: found a day or kind not authorised for subject line {cell.subject}",
            )
            verify_that(segment.entry < self._number("intent"), "cell: found a segment logged after the intent")
            verify_that(
                cell.status in STATUSES, f"cell status: found {cell.status!a:.40}, expected one that an answer may have"
            )
        order = [(cell.day, cell.kind, cell.feed, cell.part, cell.segment, cell.subject) for cell in self.cells]
        verify_that(order == sorted(set(order)), "answer.json cells: found another order, or one twice")

    def countries_of(self, line: int, numbering: str) -> set[str]:
        """Give the countries that a subject line may have by these tables; there is one at least, or its cells are of two."""
        subject, some = self.paper.subjects[line - 1], []
        for cell in self.cells:
            roster = self._segment(cell.segment).roster
            if cell.subject == line and roster.numbering == numbering:
                some.append((roster, cell.rule))
        countries = find_countries(subject, some, self.state.rosters)
        verify_that(countries, f"subject line {line}: found a segment of another rule than the subject's")
        return countries

    def _segment(self, seg_id: str) -> Segment:
        verify_that(seg_id in self.state.segments, "segment: found one that is not in the entries")
        return self.state.segments[seg_id]

    def verify_requests(self) -> None:
        """Step: every digest is the requester's, about this note and intent, within bounds, under a checkpoint that custodians cosigned."""
        names = self.files.names("evidence/requests")
        verify_that(
            names == sorted(f"{i:02d}.digest" for i in range(len(names))),
            "requests: found other names than <nn>.digest",
        )
        self.digests = [
            parse_digest(self._read(f"requests/{i:02d}.digest"), f"request {i:02d}") for i in range(len(names))
        ]
        asked: set[tuple[str, int]] = set()
        for number, digest in enumerate(self.digests):
            place = f"request {number:02d}"
            message = b"coffer/v1/request\n" + hashlib.sha256(digest.body).digest()
            verify_that(
                self.paper.key.is_valid(digest.signature, message),
                f"{place}: found no valid signature of the requester",
            )
            verify_that(digest.note == self.paper.note.raw, f"{place}: found another authorization")
            verify_that(hashlib.sha256(digest.seal).hexdigest() == self.paper.seal, f"{place}: found another seal key")
            verify_that(digest.intent == self.answer["intent"], f"{place}: found another intent")
            verify_that(digest.lane == 1 or digest.draw == self.answer["draw"], f"{place}: found another draw")
            seen = parse_checkpoint(digest.checkpoint, f"{place} checkpoint")
            verify_checkpoint(seen, self.trust.key, f"{place} checkpoint")
            needed = digest.intent if digest.lane == 1 else digest.draw
            fork = seen.size == self.checkpoint.size and seen.root != self.checkpoint.root
            verify_that(
                needed < seen.size <= self.checkpoint.size and not fork,
                f"{place} checkpoint: found another size or root",
            )
            wanted = [
                self._segment(seg_id).line.header_hash for seg_id in sorted({cell.segment for cell in digest.cells})
            ]
            verify_that(list(digest.header_hashes) == wanted, f"{place}: found other header hashes than the log's")
            self._verify_bounds(digest, place)
            asked |= {(cell.segment, cell.subject) for cell in digest.cells}
        limit = self.opening.intent.number["cells-at-most"]
        verify_that(len(asked) <= limit, f"requests: found {len(asked)} cells, expected at most {limit}")
        verify_that(
            asked == {(cell.segment, cell.subject) for cell in self.cells},
            "answer.json: found other cells than were asked",
        )
        self._verify_cosigned()

    def _verify_cosigned(self) -> None:
        """More than half of every rule's set of the note, and all that it needs, cosigned each request's checkpoint."""
        for number, digest in enumerate(self.digests):
            seen, place = parse_checkpoint(digest.checkpoint, "checkpoint"), f"request {number:02d} checkpoint"
            since = self.opening.time.timestamp() - BACK_DATING.total_seconds()
            times = find_cosigners(seen, self.roster)
            names = {name for name, time in times.items() if time >= since}
            lack = find_lack(self.paper.rules, self.roster, names)
            who = ", ".join(sorted(names)) or "no custodian"
            verify_that(not lack, f"{place}: found it cosigned by {who}, expected more for rule {lack}")

    def _verify_bounds(self, digest: Digest, place: str) -> None:
        cap = 2**32 if self.paper.hub else self.opening.roster.cell_cap
        for cell in digest.cells:
            within = (
                1 <= cell.count <= 64 and cell.first % 64 == 0 and cell.first <= cap
                if digest.lane == 1
                else cell.first == 0 and 1 <= cell.count <= cap
            )
            verify_that(
                within and 1 <= cell.subject <= len(self.paper.subjects),
                f"{place}: found ranks or a subject out of bounds",
            )

    def verify_countersignatures(self) -> None:
        """Step: the signers satisfy the rule of every cell, and of every subject under the note's roster."""
        verify_that(self.paper.rules <= set(self.roster.rules), "rules: found one that the note's roster has not")
        for line in range(1, len(self.paper.subjects) + 1):
            segments = {self._segment(cell.segment).line.seg_id for cell in self.cells if cell.subject == line}
            places = [self.state.segments[seg_id] for seg_id in segments]
            for numbering in {segment.roster.numbering for segment in places}:
                self.countries_of(line, numbering)
            # what the cells leave open, the note says: it names the rules of its subjects, and all of these must hold
            may_have = {rule_under(one, self.roster) for one in self.countries_of(line, self.roster.numbering)}
            under = may_have & self.paper.rules
            verify_that(under, f"rules: found none for subject line {line}, expected its own")
            pairs = {(segment.roster.hash, segment.line.rule) for segment in places}
            pairs |= {(self.roster.hash, rule) for rule in under}
            for roster_hash, rule in pairs:
                roster = self.rosters[roster_hash]
                mask, everyone = roster.mask_of(self.signers), roster.rules[rule].everyone
                verify_that(
                    roster.rules[rule].is_satisfied(mask),
                    f"subject line {line}: found too few countersignatures for {rule}",
                )
                verify_that(
                    not self.paper.hub or mask & everyone == everyone,
                    f"subject line {line}: found hub: yes unsigned by some",
                )
        self.findings.not_shown.append(
            "which rule a number falls under: the auditor has no numbering table, and takes the rules that the note names"
        )

    def verify_replies(self) -> None:
        """Step: every reply or refusal is signed by its custodian; answer.json names each custodian's conduct."""
        conduct: dict[str, set[str]] = {custodian.name: set() for custodian in self.roster.custodians}
        for name in self.files.names("evidence/replies"):
            parts = name.removesuffix(".reply").split("-")
            verify_that(
                len(parts) == 2 and name.endswith(".reply"), f"replies: found {name!a}, expected <nn>-<i>.reply"
            )
            number = parse_decimal(parts[0].lstrip("0") or "0", "replies: name", high=len(self.digests) - 1)
            i = parse_decimal(parts[1], "replies: name", low=1, high=len(self.roster.custodians))
            verify_that(name == f"{number:02d}-{i}.reply", f"replies: found {name!a}, expected <nn>-<i>.reply")
            custodian, digest, raw = self.roster.custodians[i - 1], self.digests[number], self._read(f"replies/{name}")
            if raw == b"COFREF01":  # the constant refusal before step 7 is neither sealed nor signed
                conduct[custodian.name].add("refused")
                continue
            payload, signature = raw[:-64], raw[-64:]
            message = b"coffer/v1/response\n" + digest.hash + hashlib.sha256(digest.seal).digest()
            verify_that(
                custodian.resp.is_valid(signature, message + hashlib.sha256(payload).digest()),
                f"reply {name}: found no valid signature of {custodian.name}",
            )
            if payload[:8] == b"COFERR01":
                conduct[custodian.name].add("refused: " + parse_refusal(payload, digest, i))
                continue
            held = [self._held(cell.segment, custodian.name) for cell in digest.cells]
            self.replies[number, custodian.name] = parse_payload(payload, digest, i, held)
            conduct[custodian.name].add("answered")
        self._verify_conduct(conduct)

    def _held(self, seg_id: str, name: str) -> list[int]:
        segment = self._segment(seg_id)
        number = segment.roster.find(name)
        return [mask for mask in segment.roster.rules[segment.line.rule].clauses if number and mask >> number - 1 & 1]

    def _asked_of(self, name: str) -> list[int]:
        """Give the requests with a cell of which this custodian holds a part; it is not asked the others."""
        return [
            number
            for number, digest in enumerate(self.digests)
            if any(self._held(cell.segment, name) for cell in digest.cells)
        ]

    def _why_not(self, name: str, word: str, shown: set[str]) -> str:
        """Say what speaks against the word for a custodian's conduct, nothing if it is borne out."""
        asked = self._asked_of(name)
        missing = [number for number in asked if (number, name) not in self.replies]
        if word not in CONDUCT:
            return "a word that no answer may have"
        if word == "not asked":
            return "holds a part of a cell that was asked" if asked else ""
        if not asked:
            return "holds no part of any cell, expected not asked"
        if word == "answered":
            return f"no answer to request {missing[0]:02d}" if missing else ""
        if word == "fault":
            accused = self.state.accused.get(f"intent {self.answer['intent']}", [])
            return "" if (self.paper.requester, name) in accused else "no fault entry about this intent"
        if word in ("no answer", "refused: constant"):
            return "" if missing else "a reply to every request"
        return "" if word in shown or "refused" in shown else "no such refusal"

    def _verify_conduct(self, conduct: dict[str, set[str]]) -> None:
        named = self.answer["custodians"]
        self.named: dict[str, str] = (
            {key: str(value) for key, value in named.items()} if isinstance(named, dict) else {}
        )
        verify_that(set(self.named) == set(conduct), "answer.json custodians: found other names than the roster's")
        for name, word in self.named.items():
            why = self._why_not(name, word, conduct[name])
            verify_that(not why, f"answer.json custodians {name}: found {word!a:.40}, but {why}")
        words = Counter(self.named.values())
        verify_that(
            self._number("answers") in (words["answered"], words["answered"] + words["fault"]),
            "answer.json answers: found another number than custodians that answered",
        )
