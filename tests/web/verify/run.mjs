// Runs the browser's verification over a list of cases and tells what it finds, as JSON.
//
//     node run.mjs CASES.json RESULTS.json
//
// A case is { kind: "vector" | "answer" | "log", ... }; tests in Python make them and compare the results.

import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ASSETS = fileURLToPath(new URL("../../../src/coffer/web/window/assets/verify/", import.meta.url));
const load = (name) => import(join(ASSETS, name));
const NAMES = ["wire", "notes", "tree", "entries", "state", "debts", "authorization", "package", "evidence", "replies", "cells"];
const [wire, notes, tree, entries, state, debts, authorization, packages, evidence, replies, cells] = await Promise.all(
  NAMES.map((name) => load(`${name}.js`)),
);
const { auditAnswer } = await load("audit-answer.js");
const { auditLog } = await load("audit-log.js");

const many = (vector, key) => (vector.fields[key] ?? []).map((value) => (value === "-" ? new Uint8Array() : wire.unhex(value)));
const one = (vector, key) => vector.fields[key][0];
const bytes = (vector, key) => many(vector, key)[0];
const text = (vector, key) => JSON.parse(one(vector, key));
const body = (vector) => Uint8Array.from(Buffer.from(vector.body, "base64"));
const int = (vector, key) => wire.narrow(BigInt(one(vector, key)));
const key = (vector, kinds) => notes.parseVkey(text(vector, "key"), "key", kinds);

async function demandSigned(note, known) {
  wire.verifyThat((await notes.verifySigners(note, [known], "note")).size, "not signed");
}

const leaves = async (size) => {
  const made = new tree.Tree();
  await made.append(await Promise.all(Array.from({ length: size }, (_, i) => tree.hashLeaf(wire.encode(String(i))))));
  return made;
};

/** The verdict of each entry, and what State holds after all of them. */
async function replayed(v) {
  const raw = v.entries.map((item, i) => [i, Uint8Array.from(Buffer.from(item, "base64"))]);
  const found = await state.replay(one(v, "origin"), one(v, "genesis"), raw);
  const invalid = new Map(found.invalid.map((item) => [item.index, item]));
  const verdicts = raw.map(([i]) => (invalid.has(i) ? `${invalid.get(i).code} ${invalid.get(i).isAccident}` : "ok"));
  const superseded = [...found.supersededBefore(raw.length)].sort();
  const owed = found.debts.map((debt) => {
    const paid = debt.paid === Infinity ? null : debt.paid;
    return [debt.index, debt.ratified, debts.statusOf(debt, found.newest), paid];
  });
  return [verdicts, [...found.withdrawn].sort(), superseded, [...found.segments.keys()].sort(), found.newest, owed];
}

// What each test of a vector gives; a value is compared with what the auditor gives.
const VECTORS = {
  decimal: (v) => String(wire.parseDecimal(text(v, "text"), "x", 0, BigInt(one(v, "high")))),
  hex: (v) => wire.parseHex(text(v, "text"), int(v, "size"), "x"),
  base64: (v) => wire.hex(wire.parseBase64(text(v, "text"), int(v, "size"), "x")),
  day: (v) => wire.parseDay(text(v, "text"), "x"),
  time: (v) => wire.formatTime(wire.parseTime(text(v, "text"), "x")),
  note: async (v) => demandSigned(notes.parseNote(body(v), "note"), await key(v)),
  cosignature: async (v) => demandSigned(notes.parseNote(body(v), "note", { cosigned: true }), await key(v, [notes.COSIGNATURE])),
  vkey: async (v) => wire.hex((await notes.parseVkey(text(v, "text"), "key")).public),
  root: async (v) => wire.hex(await (await leaves(int(v, "size"))).rootAt(int(v, "size"))),
  inclusion: async (v) => {
    const proof = many(v, "proof").filter((hash) => hash.length);
    const [leaf, index, size, root] = [bytes(v, "leaf"), int(v, "index"), int(v, "size"), bytes(v, "root")];
    wire.verifyThat(await tree.isIncluded(leaf, index, size, proof, root), "not included");
  },
  "tile-path": (v) => tree.formatTile(one(v, "level"), int(v, "index"), int(v, "width")),
  tiles: (v) => [...tree.listTiles(int(v, "size"))].length,
  joined: (v) =>
    [...wire.splitParts(bytes(v, "raw"), int(v, "key-bytes"), "joined")].map((pair) => pair.map(wire.hex)),
  bundle: (v) => tree.parseBundle(bytes(v, "raw"), int(v, "width"), "bundle").map(wire.hex),
  checkpoint: async (v) => {
    const checkpoint = notes.parseCheckpoint(body(v), "checkpoint");
    await notes.verifyCheckpoint(checkpoint, await key(v));
    return [String(checkpoint.size), wire.hex(checkpoint.root)];
  },
  rule: (v) => {
    const names = Array.from({ length: int(v, "custodians") }, (_, i) => String.fromCharCode(97 + i));
    return entries.expandRule(text(v, "expression"), names, "rule").clauses;
  },
  roster: async (v) => {
    const { hash, rules } = (await entries.parseEntry(body(v))).body;
    return [hash, [...rules].map(([name, rule]) => [name, rule.lock.clauses])];
  },
  entry: async (v) => void (await entries.parseEntry(body(v))),
  state: replayed,
  emergencies: replayed,
  authorization: async (v) => {
    const paper = await authorization.parseAuthorization(body(v));
    return [paper.commitment, paper.roster, paper.subjects.map((subject) => [subject.sid, [...subject.days].sort((a, b) => a - b)])];
  },
  amended: async (v) => {
    const paper = await authorization.parseAuthorization(body(v));
    return [paper.commitment, paper["max-records"], wire.hex(paper.raw)];
  },
  subject: async (v) => (await authorization.parseSubject(text(v, "text"))).sid,
  header: async (v) => {
    const header = await evidence.parseHeader(wire.unhex(v.stripped));
    return [wire.hex(header.segId), header.hash, header.masks, String(header.rows), header.home, header.width];
  },
  row: (v) => cells.formatRow(BigInt(`0x${one(v, "core")}`), bytes(v, "extra"), {
    layout: int(v, "layout"), day: "2016-09-01", kind: "call", feed: "x", home: "DE",
  }),
  request: async (v) => {
    const digest = await replies.parseDigest(wire.unhex(v.digest), "digest");
    const message = wire.concat(wire.encode("coffer/v1/request\n"), await wire.sha256(digest.body));
    wire.verifyThat(await (await key(v)).isValid(digest.signature, message), "not signed");
    return [wire.hex(digest.hash), digest.cells.map((cell) => [cell.segment, cell.subject, cell.first, cell.count])];
  },
  reply: async (v) => {
    const digest = await replies.parseDigest(wire.unhex(v.digest), "digest");
    const [raw, number, masks] = [bytes(v, "raw"), int(v, "index"), v.fields.mask.map(Number)];
    const payload = raw.subarray(0, -64);
    const hashes = [digest.hash, await wire.sha256(digest.seal), await wire.sha256(payload)];
    const message = wire.concat(wire.encode("coffer/v1/response\n"), ...hashes);
    wire.verifyThat(await (await key(v)).isValid(raw.subarray(-64), message), "not signed");
    if (Buffer.from(payload.subarray(0, 8)).toString() === "COFERR01") return replies.parseRefusal(payload, digest, number);
    const partials = replies.parsePayload(payload, digest, number, digest.cells.map(() => masks));
    return partials.map((clauses) => [...clauses].map(([mask, value]) => [mask, wire.hex(value)]));
  },
  result: async (v) => {
    const hash = (name) => wire.sha256(bytes(v, name));
    return wire.hex(await wire.hashOf("result", bytes(v, "salt"), await hash("records"), await hash("superseded")));
  },
};

const FAMILIES = [[wire.MalformedInput, "parse"], [wire.NotProven, "verify"], [wire.Unavailable, "unavailable"], [wire.NotRun, "not-run"]];

async function runVector(vector) {
  try {
    return { verdict: "ok", value: (await VECTORS[vector.test](vector)) ?? null };
  } catch (error) {
    const [, verdict] = FAMILIES.find(([family]) => error instanceof family) ?? [];
    if (!verdict) throw error;
    return { verdict };
  }
}

const folders = new Map(); // nothing changes a folder while this runs

function readFolder(folder) {
  if (!folders.has(folder)) {
    const paths = readdirSync(folder, { recursive: true }).filter((path) => statSync(join(folder, path)).isFile());
    folders.set(folder, paths.map((path) => [path, Uint8Array.from(readFileSync(join(folder, path)))]));
  }
  return new Map(folders.get(folder));
}

/** Apply a change of a test: a byte of a file, its end cut off, or the whole file gone. */
function changed(raw, { at, xor, cut }) {
  if (cut) return raw.slice(0, at);
  const out = Uint8Array.from(raw);
  out[at] ^= xor;
  return out;
}

function changedFiles(folder, change) {
  const files = readFolder(folder);
  if (change?.gone) files.delete(change.file);
  else if (change) files.set(change.file, changed(files.get(change.file), change));
  return files;
}

/** `violations`, and what is compared with the auditor's: `clean`, warnings by entry, conditions with their values. */
function told({ isClean, violations, warnings, conditions, unrun }, steps) {
  const shown = warnings.map(({ code, values }) => [code, values.entry ?? null]);
  return { clean: isClean, violations, warnings: shown, conditions, unrun, steps };
}

/** A store that gives what was kept, and keeps all that it is given. */
const storeOf = (kept, given = []) => ({ get: () => kept, set: (_, value) => given.push(value) });

/** `vault`: the folder of the log that the window serves, with what it changes there; "" if it serves none. */
async function runAnswer({ path, pins, change, vault, unreachable, vaultChange }) {
  const steps = [];
  const whole = () => Uint8Array.from(readFileSync(path));
  const source = !statSync(path).isFile()
    ? new packages.Files(changedFiles(path, change))
    : change ? changed(whole(), change) : whole();
  const files = vault ? changedFiles(vault, vaultChange) : new Map();
  const fetch = async (name) => {
    if (unreachable) throw new wire.Unavailable(`${name}: no answer`);
    return files.get(name) ?? null;
  };
  const log = vault === undefined ? null : { fetch, store: storeOf(null) };
  const found = await auditAnswer(source, pins, (step) => step.state === "running" || steps.push(step), log);
  return { ...told(found, steps), complete: found.isComplete };
}

async function runLog({ path, pins, kept = null, change }) {
  const [files, steps, kepts] = [changedFiles(path, change), [], []];
  const tell = (step) => step.state === "running" || steps.push(step);
  const found = await auditLog(async (name) => files.get(name) ?? null, pins, storeOf(kept, kepts), tell);
  return { ...told(found, steps), kept: kepts[0] ?? null };
}

const RUNNERS = { vector: runVector, answer: runAnswer, log: runLog };
const [source, target] = process.argv.slice(2);
const results = [];
for (const item of JSON.parse(readFileSync(source))) {
  try {
    results.push(await RUNNERS[item.kind](item));
  } catch (error) {
    results.push({ crash: `${error.stack}` });
  }
}
writeFileSync(target, JSON.stringify(results, (_, value) => (typeof value === "bigint" ? String(value) : value)));
