// The audit of a served log (docs/procedures/auditing.md, "vault", as far as the log alone shows it).
//
// `fetch(path)` gives the bytes of a file below the log's address, or null. `store` keeps one text a log: the newest
// checkpoint that was proven. What the server serves is never trusted: each file has a greatest size.

import { decodeUtf8, encode, formatTime, isEqual, parseHex, refuseUnless, Unavailable, verifyThat } from "./wire.js";
import {
  findCosigners, isOf, MAX_CHECKPOINT_BYTES, MAX_NOTE_BYTES, parseCheckpoint, parseVkey, verifyCheckpoint,
  verifyQuorum,
} from "./notes.js";
import { formatHashTile, formatTile, hashLeaf, listTiles, parseBundle, TILE, Tree } from "./tree.js";
import { parseEntry } from "./entries.js";
import { State } from "./state.js";
import { statusOf } from "./debts.js";
import { Findings, runSteps } from "./steps.js";

const MAX_ENTRIES = 1 << 24;

/** A tile of this width; a partial one may have been replaced by the full one. */
async function readTile(fetch, level, index, width) {
  const limit = level === "entries" ? TILE * (2 + MAX_NOTE_BYTES) : TILE * 32;
  for (const each of width === TILE ? [TILE] : [width, TILE]) {
    const path = formatTile(level, index, each);
    const raw = await fetch(path, limit);
    refuseUnless(!raw || raw.length <= limit, `${path}: over ${limit} B`, { file: path });
    if (raw) return [raw, each, path];
  }
  throw new Unavailable(`${formatTile(level, index, width)}: none`, { file: formatTile(level, index, width) });
}

async function readCheckpoint({ fetch, pins }) {
  const [key, genesis] = [await parseVkey(pins.log, "log key"), parseHex(pins.genesis, 32, "genesis")];
  const raw = await fetch("checkpoint", MAX_CHECKPOINT_BYTES);
  if (!raw) throw new Unavailable("checkpoint: none", { file: "checkpoint" });
  const checkpoint = await verifyCheckpoint(parseCheckpoint(raw, "checkpoint"), key);
  const { size, note: { lines: [, , root] } } = checkpoint;
  return { key, genesis, checkpoint, told: { size, root } };
}

/** Every entry adds up to the root, and every tile is what the entries give. */
async function readTree({ fetch, checkpoint: { size, root } }, progress) {
  refuseUnless(size <= MAX_ENTRIES, `checkpoint: found ${size} entries`);
  const [entries, tree] = [[], new Tree()];
  while (entries.length < size) {
    const width = Math.min(TILE, size - entries.length);
    const [raw, each, path] = await readTile(fetch, "entries", entries.length / TILE, width);
    const bundle = parseBundle(raw, each, path).slice(0, width);
    await tree.append(await Promise.all(bundle.map(hashLeaf)));
    entries.push(...bundle);
    await progress({ done: entries.length, total: size });
  }
  for (const [level, index, width] of listTiles(size)) {
    const [raw, , path] = await readTile(fetch, level, index, width);
    const [served, made] = [raw.subarray(0, 32 * width), formatHashTile(tree, level, index, width)];
    const at = served.findIndex((byte, i) => byte !== made[i]);
    const values = level === 0 && at >= 0 ? { entry: index * TILE + Math.floor(at / 32) } : { file: path };
    verifyThat(isEqual(served, made), `${path}: other bytes than the entries give`, values);
  }
  verifyThat(isEqual(await tree.rootAt(size), root), "checkpoint: another root than the entries give", { root: true });
  return { entries, tree, told: { count: size } };
}

const placeOf = (key) => `coffer.checkpoint ${key.name}`;

/** What this browser proved before is the beginning of this log. */
async function verifyKept({ store, checkpoint, tree, key, genesis }) {
  const kept = store.get(placeOf(key));
  if (kept === null) return { told: { first: true } };
  const cut = kept.indexOf("\n");
  const seen = await verifyCheckpoint(parseCheckpoint(encode(kept.slice(cut + 1)), "kept checkpoint"), key);
  const isOlder = kept.slice(0, cut) === genesis && seen.size <= checkpoint.size;
  const isSame = isOlder && isEqual(await tree.rootAt(seen.size), seen.root);
  verifyThat(isSame, `kept checkpoint of size ${seen.size}: another history`, { size: seen.size, kept });
  return { told: { size: seen.size } };
}

/** An entry whose signatures are being verified already, so that a browser uses all its cores; null if malformed. */
async function verifyAhead(raw, keys) {
  const entry = await parseEntry(raw).catch(() => null);
  for (const item of entry?.note.signatures ?? []) {
    const key = keys.find((one) => isOf(item, one));
    if (key) item.ahead = { key, isValid: key.isValid(item.value, entry.note.text) };
  }
  return entry;
}

const [LIMIT, NUMBER] = [/^(max-records|hub|not-before|expires): (.*)$/, /^[1-9][0-9]{0,6}$/];

/** Compare intents and draws with revealed lines; `not-before` and `expires` as text, which sorts by time. */
function verifyOpenings({ state, findings }) {
  const isNone = (line) => line.startsWith("max-records: ") && !NUMBER.test(line.slice(13));
  for (const [entry] of state.reveals.filter(([, { shown }]) => shown.some(isNone))) {
    findings.violate("L1", "max-records: no number in a revealed line", { entry });
  }
  const [revealed, sums] = [state.revealed, new Map()];
  for (const [index, { intent, time, draw, close, roster }] of state.openings) {
    const lines = (revealed.get(intent.authorization) ?? []).filter((line) => LIMIT.test(line) && !isNone(line));
    const [shown, at] = [Object.fromEntries(lines.map((line) => LIMIT.exec(line).slice(1))), formatTime(time)];
    const isTimely = (shown["not-before"] ?? "") <= at && at < (shown.expires ?? "~");
    if (!isTimely) findings.violate("TIME", "intent: outside the revealed times", { entry: index });
    if (!close) findings.warn("OPEN", { entry: index });
    if (!draw) continue;
    const sum = (sums.get(intent.authorization) ?? 0) + draw.body.records;
    sums.set(intent.authorization, sum);
    const isOver = draw.body.records > intent["cells-at-most"] * roster["cell-cap"] && shown.hub !== "yes";
    const [isWithin, where] = [sum <= Number(shown["max-records"] ?? Infinity), { entry: draw.index }];
    if (isOver && shown.hub === "no") findings.violate("CELL-CAP", "draw: more than hub: no allows", where);
    else if (isOver) findings.warn("CELL-CAP", where);
    if (!isWithin) findings.violate("BUDGET", "draw: more than the revealed max-records", where);
  }
  const open = findings.warnings.filter(({ code }) => code === "OPEN").length;
  return { told: { openings: state.openings.size, open } };
}

/** Which emergencies are not ratified, were ratified late, or were disapproved, by the newest entry's time. */
function verifyDebts({ state, findings }) {
  for (const debt of state.debts) {
    const [status, entry, hours] = [statusOf(debt, state.newest), debt.index, debt.roster["ratify-hours"]];
    const late = status === "ratified late" && { late: true };
    if (status === "overdue") findings.violate("DEBT", `emergency: unratified after ${hours} hours`, { entry, hours });
    else if (status !== "ratified") findings.warn("DEBT", { entry, hours, ...late });
    const refused = state.refusals.filter((one) => one.authorization === debt.intent.authorization);
    const who = [...new Set(refused.map((one) => one.custodian))].sort().join(", ");
    if (who) findings.violate("DEBT", `emergency: it disapproved by ${who}`, { entry, who });
  }
  return { told: { emergencies: state.debts.length } };
}

/** Tell of the entries without effect, of rosters and absences or of all others. */
function tellInvalid({ state, findings, entries }, isOfRosters) {
  const some = state.invalid.filter(({ code }) => /^[RA][12]$/.test(code) === isOfRosters);
  for (const { index, code, message, isAccident } of some) {
    if (isAccident) findings.warn(code, { entry: index, rule: code });
    else findings.violate(code, `${message}; the entry has no effect`, { entry: index, rule: code });
  }
  return { count: entries.length, accidents: some.filter((item) => item.isAccident).length };
}

async function replayEntries(audit, progress) {
  const { entries, key, genesis, findings } = audit;
  const state = new State(key.name, genesis);
  for (let at = 0; at < entries.length; at += TILE) {
    const [some, keys] = [entries.slice(at, at + TILE), state.roster?.signingKeys ?? []];
    const parsed = await Promise.all(some.map((raw) => verifyAhead(raw, keys)));
    for (const [i, raw] of some.entries()) await state.apply(at + i, raw, parsed[i]);
    await progress({ done: at, total: entries.length });
  }
  if (state.unlisted) findings.violate("LIMIT", `log: found ${state.unlisted} further entries without effect`);
  return { state, told: tellInvalid({ ...audit, state }, false) };
}

function verifyRosters(audit) {
  const { state, findings } = audit;
  verifyThat(state.rosters.length, "log: no valid genesis at entry 0", { entry: 0, rule: "R1" });
  for (const told of state.toldGone) findings.warn("ABSENCE", told);
  return { told: { ...tellInvalid(audit, true), rosters: state.rosters.length } };
}

async function verifyWitnesses({ checkpoint, state }) {
  const [times, { roster }] = [await verifyQuorum(checkpoint, state), state];
  const custodians = (await findCosigners(checkpoint, roster)).size;
  const named = new Set(roster.witnesses.map((one) => one.name)).size;
  return { told: { cosigned: times.size, named, quorum: roster.quorum, custodians, ...(!named && { first: true }) } };
}

const STEPS = {
  checkpoint: readCheckpoint, tree: readTree, kept: verifyKept, entries: replayEntries, rosters: verifyRosters,
  openings: verifyOpenings, debts: verifyDebts, witnesses: verifyWitnesses,
};
/** What shows that a log is valid; what it says of single openings is not among it. */
export const { openings, debts, ...VALID } = STEPS;

/**
 * Audit the log at `fetch`. `pins`: { log, genesis }. Gives the findings and, where it was reached, State. `isProven`:
 * the log holds, and at most debts stand in it, which are a fault of those who owe them.
 */
export async function auditLog(fetch, pins, store, tell = () => {}, steps = STEPS) {
  const findings = new Findings();
  const audit = await runSteps(steps, { fetch, pins, store, findings }, tell);
  const isProven = findings.violations.every(({ code }) => code === "DEBT") && !findings.unrun.length;
  const isClean = isProven && !findings.violations.length;
  if (isProven) store.set(placeOf(audit.key), `${audit.genesis}\n${decodeUtf8(audit.checkpoint.note.raw, "log")}`);
  return { ...audit, ...findings, isClean, isProven };
}
