// Steps 0 to 5 of the audit of an answer: from the log's key to segments (docs/formats/answer.md).
//
// Each step takes the values that earlier steps proved, which are never changed, and returns its own.

import {
  ascii, compareLists, concat, Cursor, dayNumber, encode, hashOf, hex, isAscending, isEqual, KINDS, parseBase64,
  parseHex, refuseUnless, splitParts, u32, u64, unhex, verifyThat,
} from "./wire.js";
import { hasKeys, isInteger, isObject, isText, MAX_JSON, MAX_SMALL_JSON, parseJson, refuseUnlike } from "./json.js";
import { MAX_NOTE_BYTES, parseCheckpoint, parseVkey, verifyCheckpoint, verifyQuorum, verifySigners } from "./notes.js";
import { openPackage } from "./package.js";
import { hashLeaf, isIncluded } from "./tree.js";
import { replay } from "./state.js";
import { parseAuthorization, spanCode } from "./authorization.js";

const [MAX_EVIDENCE_BYTES, MAX_FILE_BYTES, PAGE_BATCHES] = [2 ** 26, 2 ** 31, 32];
const BATCH_ROWS = { COFSEG01: 1_024, COFSEG02: 128 };
export const EXTRA_BYTES = [[1, 8], [2, 8], [4, 8], [8, 16], [16, 64], [96, 8]]; // bits of a layout, bytes
const isNullOr = (test) => (value) => value === null || test(value);
const CELL_KEYS = {
  segment: isText, day: isText, kind: isText, feed: isText, rule: isText, part: isInteger, subject: isInteger,
  status: isText, records: isInteger, outside_period: isInteger, superseded: (value) => typeof value === "boolean",
  by: Array.isArray,
};
const TRUST_KEYS = { origin: isText, log: isText, genesis: isText };
const PART_KEYS = { number: isInteger, since: isNullOr(isInteger) };
export const BATCH_KEYS = {
  batch: isText, feed: isText, entries: Array.isArray, records: isInteger, repeated_records: isInteger,
};
const ANSWER_KEYS = {
  format: isText, origin: isText, authorization: isText, intent: isInteger, draw: isNullOr(isInteger),
  close: isInteger, records: isInteger, repeated_records: isInteger, superseded_records: isInteger,
  superseded_batches: Array.isArray, outside_period: isInteger, days_opened: Array.isArray, answers: isInteger,
  custodians: isObject, cells: Array.isArray,
};

export const cellKey = (cell) => `${cell.segment} ${cell.subject}`;

/**
 * The claims of answer.json, of which only the form is verified: later steps compare each with the evidence. `asked`
 * has segment and subject of every cell; `part` says which one of a continuing order it is.
 */
function parseClaims(raw) {
  const { continues: part, ...claims } = parseJson(raw, "answer.json");
  refuseUnlike(claims, ANSWER_KEYS, "answer.json");
  if (part !== undefined) {
    refuseUnlike(part, PART_KEYS, "answer.json continues");
    const isPart = part.since === null ? part.number === 1 : part.number > 1 && part.since > 0;
    refuseUnless(isPart, "answer.json continues: no part and the intent before it");
  }
  for (const batch of claims.superseded_batches) refuseUnlike(batch, BATCH_KEYS, "answer.json superseded_batches");
  for (const cell of claims.cells) refuseUnlike(cell, CELL_KEYS, "answer.json cells");
  return { ...claims, part, asked: new Set(claims.cells.map(cellKey)) };
}

/** Read an answer and decide what to trust: the pinned values before those that the answer states. */
export async function readAnswer({ source, pins, findings }) {
  const files = source instanceof Uint8Array ? await openPackage(source) : source;
  refuseUnless(files.names("evidence").length && files.has("answer.json"), "no answer.json or evidence/");
  const stated = parseJson(files.read("evidence/trust.json", MAX_SMALL_JSON), "trust.json", TRUST_KEYS);
  const key = await parseVkey(pins.log || stated.log, "log key");
  const genesis = parseHex(pins.genesis || stated.genesis, 32, "genesis");
  const unlike = ["log", "genesis"].filter((one) => pins[one] && stated[one] !== pins[one]);
  for (const name of unlike) findings.violate("PIN", `${name}: another in the answer than the one pinned`);
  if (stated.origin !== key.name) findings.violate("PIN", "origin: not the name of the log's key");
  const checkpoint = parseCheckpoint(files.read("evidence/checkpoint", MAX_EVIDENCE_BYTES), "checkpoint");
  const claims = parseClaims(files.read("answer.json", MAX_JSON));
  const read = (name, limit = MAX_EVIDENCE_BYTES) => files.read(`evidence/${name}`, limit);
  return { files, read, key, genesis, checkpoint, claims };
}

/** A segment of State; NotProven if there is none. */
export function segmentOf(state, segId) {
  verifyThat(state.segments.has(segId), "segment: one that is not in the entries");
  return state.segments.get(segId);
}

/** Step 0: the requester whom the authorization names, and nobody else, signed the manifest for it. */
export async function verifyPackage({ files: { manifest }, read, key }) {
  const paper = await parseAuthorization(read("authorization.note", 2 * MAX_NOTE_BYTES));
  verifyThat(manifest.origin === key.name, "MANIFEST origin: not the log's");
  verifyThat(manifest.authorization === paper.commitment, "MANIFEST authorization: not the note's");
  const signers = await verifySigners(manifest.note, [paper.key], "MANIFEST");
  const isAlone = signers.size && manifest.note.signatures.length === 1;
  verifyThat(isAlone, "MANIFEST: no signature of the requester, or another beside it");
  return { told: { requester: paper.requester } };
}

/** Step 1: the log's key signed the checkpoint. */
export async function verifyOrigin({ checkpoint, key, claims }) {
  await verifyCheckpoint(checkpoint, key);
  verifyThat(claims.origin === key.name, "answer.json origin: not the log's");
  verifyThat(claims.format === "coffer.answer/v4", "answer.json format: another");
}

/** Step 2: every entry is in the tree. Gives the State after them. */
export async function verifyEntries({ read, key, genesis, checkpoint, findings }) {
  const [proofs, entries] = [parseJson(read("proofs.json", MAX_JSON), "proofs.json"), []];
  for (const [at, raw] of splitParts(read("entries", MAX_FILE_BYTES), 8, "entries")) {
    const index = new Cursor(at, "entries: index").number(8);
    const proof = proofs[String(index)];
    const isList = Array.isArray(proof) && proof.length <= 64 && proof.every(isText);
    refuseUnless(isList, `proofs.json ${index}: no list of base64`);
    const path = proof.map((item) => parseBase64(item, 32, "proofs.json"));
    const holds = await isIncluded(await hashLeaf(raw), index, checkpoint.size, path, checkpoint.root);
    verifyThat(holds, `entry ${index}: no inclusion in the checkpoint`, { entry: index });
    entries.push([index, raw]);
  }
  verifyThat(hasKeys(proofs, entries.map(([index]) => String(index))), "proofs.json: other indexes than entries has");
  const state = await replay(key.name, genesis, entries, true);
  for (const { index, code, message } of state.invalid) findings.violate(code, message, { entry: index });
  verifyThat(state.rosters.length, "entries: no valid genesis at entry 0");
  await verifyQuorum(checkpoint, state);
  verifyThat(!state.pending.size, "entries: an ingest batch that is not whole");
  return { state, shown: new Set(entries.map(([index]) => index)) };
}

/** Step 3: State links intent, draw and close as answer.json says. */
export function verifyOpening({ claims, state }) {
  const opening = state.openings.get(claims.intent);
  verifyThat(opening?.close?.index === claims.close, "answer.json intent, close: no such pair in the entries");
  verifyThat((opening.draw?.index ?? null) === claims.draw, "answer.json draw: another than the entries have");
  const wanted = [claims.part?.since ?? []].flat();
  verifyThat(isEqual(state.partsBefore(claims.intent), wanted), "entries: other parts before it than it continues");
  verifyThat(state.openings.size === 1 + wanted.length, "entries: another intent");
  return { opening };
}

/** Step 4: grammar, commitment, requester, time of the intent, and limit of records. */
export async function verifyAuthorization({ read, key, claims, state, opening }) {
  const { intent, close: { body, time } } = opening;
  const paper = await parseAuthorization(read("authorization.note", 2 * MAX_NOTE_BYTES));
  verifyThat(paper.origin === key.name, "authorization origin: not the log's");
  const isCommitted = paper.commitment === intent.authorization && paper.commitment === claims.authorization;
  verifyThat(isCommitted, "authorization: another commitment than the intent's or answer.json's");
  const isRequester = opening.roster.requesters.get(paper.requester)?.identity === paper.key.identity;
  verifyThat(isRequester && paper.requester === intent.requester, "authorization requester: not the intent's");
  const roster = state.rosters.find((one) => one.hash === paper.roster);
  verifyThat(roster, "authorization roster: one that is not in the entries");
  const known = [...state.rosters.flatMap((one) => one.signingKeys), paper.key];
  const signers = await verifySigners(paper.note, known, "authorization");
  verifyThat(signers.has(paper.key.identity), "authorization: no signature of the requester");
  const amenders = paper.amendment && (await verifySigners(paper.amendment.note, known, "amendment"));
  verifyThat(amenders?.has(paper.key.identity) ?? true, "amendment: no signature of the requester");
  verifyThat(paper["not-before"] <= opening.time && opening.time < paper.expires, "intent: outside its order's times");
  verifyThat(opening.drawn <= paper["max-records"], `draw: found ${opening.drawn} records`);
  const other = Object.keys(paper.codes).find((one) => !["-", paper.codes[one]].includes(intent[one]));
  verifyThat(!other, `intent ${other}: another code than the authorization's`);
  verifyThat(["-", spanCode(time - paper.received)].includes(body.took), "close took: another time than its own");
  return { paper, roster, signers, amenders };
}

const isZero = (bytes) => bytes.every((byte) => byte === 0);

/** Decode a header in the form that answers carry, without bundles. */
export async function parseHeader(raw) {
  const cursor = new Cursor(raw, "header");
  const core = cursor.take(160);
  const [layout, custodians, clauses] = core.subarray(13, 16);
  const masks = Array.from({ length: clauses }, () => (cursor.take(34)[0] << 8) | raw[cursor.at - 33]);
  const bundles = Array.from({ length: custodians }, () => cursor.take(32));
  const [rows, batchRows] = [cursor.number(8), cursor.number(4)];
  const [manifestHash, supersedes] = [cursor.take(32), cursor.take(32)];
  const epochs = Array.from({ length: custodians }, () => cursor.take(32));
  cursor.end();
  const [magic, named] = [core.subarray(0, 8), core.subarray(112, 128)].map(ascii);
  const isFixed =
    Object.hasOwn(BATCH_ROWS, magic) && core[21] === 1 && isZero(core.subarray(22, 28)) &&
    ((core[20] === 2 && /^[A-Z]{2}\0{14}$/.test(named)) || (core[20] === 1 && /^\0{16}$/.test(named)));
  const isFound = layout < 128 && !((layout >> 4) & 6 & ~layout); // by an IMEI or IMSI that its rows carry
  refuseUnless(isFixed && isFound && batchRows === BATCH_ROWS[magic], "header: other fixed bytes");
  const width = 24 + EXTRA_BYTES.reduce((sum, [bit, size]) => sum + (layout & bit ? size : 0), 0);
  const [segId, hash] = [await hashOf("segment", core), hex(await hashOf("header", raw))];
  const home = named.replaceAll("\0", "");
  const [isPaged, batches] = [magic === "COFSEG02", Math.floor(rows / batchRows)];
  const pageBatches = isPaged ? PAGE_BATCHES : Math.max(batches, 1); // version 1 has one page of all batches
  const sizes = { width, batchRows, batches, pageBatches, isPaged };
  return { core, segId, hash, layout, home, masks, bundles, rows, manifestHash, supersedes, epochs, ...sizes };
}

async function verifyHeader(header, { line, feed, roster }, origin) {
  const [{ clauses }, { home }] = [roster.rules.get(line.rule).lock, header];
  verifyThat(header.hash === line.headerHash, "header: another hash");
  verifyThat(hex(header.segId) === line.segId, "header: another seg_id than that of its header_core");
  verifyThat(dayNumber(line.day) >= 0, "header: a day before 1970");
  const padded = (text, size) => encode(text.padEnd(size, "\0"));
  const core = concat(
    header.core.subarray(0, 8), u32(dayNumber(line.day)),
    [KINDS[line.kind], header.layout, roster.custodians.length, clauses.length], u32(line.part),
    home ? [2, 1] : [1, 1], new Uint8Array(6), padded(line.rule, 4), padded(feed, 16), unhex(roster.hash),
    await hashOf("origin", encode(origin)), padded(home, 16),
  );
  const isSame = isEqual(header.core.subarray(0, 128), core);
  verifyThat(isSame, "header: another day, kind, rule, part, feed, roster or origin than the log's");
  verifyThat(header.masks.join() === clauses.join(), "header: other clauses than its rule expands to");
  verifyThat(header.rows === line.rows, `header: found ${header.rows} rows`);
  verifyThat(hex(header.supersedes) === (line.supersedes || "0".repeat(64)), "header: another superseded segment");
  for (const [i, custodian] of roster.custodians.entries()) {
    const holds = clauses.some((clause) => (clause >> i) & 1);
    const isKept = isZero(header.bundles[i]) !== holds && isZero(header.epochs[i]) !== holds;
    verifyThat(isKept, `header: a bundle or epoch key missing or too many for ${custodian.name}`);
  }
}

/** [first label, hash] of each entry of a directory or page. */
const parseEntries = (raw) =>
  Array.from({ length: raw.length / 40 }, (_, i) => raw.subarray(40 * i, 40 * i + 40))
    .map((entry) => [entry.subarray(0, 8), entry.subarray(8)]);

/** Parts behind their numbers, ascending: u32 number, then as many bytes as `sizeOf` says; each goes to `take`. */
async function readNumbered(cursor, sizeOf, take) {
  for (let last = -1; !cursor.isAtEnd();) {
    const number = cursor.number(4);
    verifyThat(last < number && sizeOf(number) > 0, `part ${number}: not one, or not ascending`);
    await take(number, cursor.take(sizeOf(number)));
    last = number;
  }
}

/** Of a segment: LP(header), LP(head of the manifest), in version 2 LP(pages), then (u32 index, rows) ascending. */
async function readSegment({ state, key }, segId, raw) {
  const cursor = new Cursor(raw, `segment ${segId}`);
  const header = await parseHeader(cursor.prefixed());
  await verifyHeader(header, segmentOf(state, segId), key.name);
  const { pageBatches, isPaged } = header;
  const [head, count] = [cursor.prefixed(), isPaged ? Math.ceil(header.batches / pageBatches) : header.batches];
  verifyThat(head.length === 40 * count, "manifest: another size");
  const made = await hashOf("manifest", header.segId, u64(header.rows), head);
  verifyThat(isEqual(made, header.manifestHash), "manifest: another hash");
  const directory = isPaged ? parseEntries(head) : [[new Uint8Array(8)]]; // version 1 is one page
  const [pages, batches] = [new Map(isPaged ? [] : [[0, parseEntries(head)]]), new Map()];
  const pageSize = (number) => 40 * Math.min(pageBatches, header.batches - number * pageBatches);
  const takePage = async (number, page) => {
    const hash = await hashOf("manifest-page", header.segId, u32(number), page);
    const isNamed = [page.subarray(0, 8), hash].every((part, i) => isEqual(part, directory[number][i]));
    verifyThat(isNamed, `manifest page ${number}: another than the directory names`);
    pages.set(number, parseEntries(page));
  };
  if (isPaged) await readNumbered(new Cursor(cursor.prefixed(), "manifest pages"), pageSize, takePage);
  const takeBatch = async (index, rows) => {
    const named = pages.get(Math.floor(index / pageBatches))?.[index % pageBatches];
    const hash = await hashOf("batch", unhex(segId), u32(index), rows);
    const isListed = named !== undefined && isEqual(hash, named[1]);
    verifyThat(isListed, `batch ${index} of ${segId}: another hash`, { batch: index, segment: segId });
    batches.set(index, rows);
  };
  await readNumbered(cursor, (index) => (index < header.batches ? header.batchRows * header.width : 0), takeBatch);
  return { header, directory, pages, batches };
}

/** Step 5: headers by the log, manifests by headers, batches by manifests; every cell names such a segment. */
export async function verifySegments(audit) {
  const [{ read, claims, state, paper }, stored] = [audit, new Map()];
  for (const [key, raw] of splitParts(read("segments", MAX_FILE_BYTES), 32, "segments")) {
    stored.set(hex(key), await readSegment(audit, hex(key), raw));
  }
  const superseded = state.supersededBefore(claims.intent);
  for (const cell of claims.cells) {
    const { line, feed, entry } = segmentOf(state, cell.segment);
    const subject = paper.subjects[cell.subject - 1];
    verifyThat(subject, "cell: no such subject line");
    const by = superseded.get(cell.segment);
    verifyThat(cell.superseded === (by !== undefined), "cell superseded: another mark than the log's", { entry: by });
    const isSame = cell.feed === feed && ["day", "kind", "rule", "part"].every((key) => cell[key] === line[key]);
    verifyThat(isSame && stored.has(cell.segment), "answer.json cells: another segment than the log's");
    const isAuthorised = subject.days.has(dayNumber(line.day)) && paper.kinds.includes(line.kind);
    verifyThat(isAuthorised, "cell: a day or kind not authorised for its subject line");
    verifyThat(entry < claims.intent, "cell: a segment logged after the intent");
  }
  const order = claims.cells.map((one) => [one.day, one.kind, one.feed, one.part, one.segment, one.subject]);
  verifyThat(isAscending(order, compareLists), "answer.json cells: another order, or one twice");
  return { stored };
}
