// The audit of a served log (docs/procedures/auditing.md, "vault", as far as the log alone shows it).
//
// `fetch(path)` gives the bytes of a file below the log's address, or null. `store` keeps one text a log: the newest
// checkpoint that was proven. What the server serves is never trusted: each file has a greatest size.

import { encode, formatTime, isEqual, parseHex, refuseUnless, Unavailable, verifyThat } from "./wire.js";
import { findCosigners, MAX_CHECKPOINT_BYTES, MAX_NOTE_BYTES, parseCheckpoint, parseVkey, verifyCheckpoint, verifyQuorum } from "./notes.js";
import { formatHashTile, formatTile, hashLeaf, listTiles, parseBundle, TILE, Tree } from "./tree.js";
import { parseEntry } from "./entries.js";
import { State } from "./state.js";
import { Findings, Steps } from "./steps.js";

export const STEPS = ["checkpoint", "tree", "kept", "entries", "rosters", "openings", "witnesses"];
const MAX_ENTRIES = 1 << 24;

/** A tile of this width; a partial one may have been replaced by the full one. */
async function readTile(fetch, level, index, width) {
  const limit = level === "entries" ? TILE * (2 + MAX_NOTE_BYTES) : TILE * 32;
  for (const each of width === TILE ? [TILE] : [width, TILE]) {
    const [path, place] = [formatTile(level, index, each), { file: formatTile(level, index, each) }];
    const raw = await fetch(path, limit);
    refuseUnless(!raw || raw.length <= limit, `${path}: over ${limit} B`, place);
    if (raw) return [raw, each, path];
  }
  throw new Unavailable(`${formatTile(level, index, width)}: none`, { file: formatTile(level, index, width) });
}

/** Every entry adds up to the root, and every tile is what the entries give. */
async function readTree(fetch, checkpoint, progress) {
  const { size, root } = checkpoint;
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
    const isLeaf = level === 0 && at >= 0;
    const values = isLeaf ? { entry: index * TILE + Math.floor(at / 32) } : { file: path };
    verifyThat(isEqual(served, made), `${path}: other bytes than the entries give`, values);
  }
  verifyThat(isEqual(await tree.rootAt(size), root), "checkpoint: another root than the entries give", { root: true });
  return { entries, tree, told: { count: size } };
}

/** What this browser proved before is the beginning of this log. */
async function verifyKept(kept, { checkpoint, tree, key, genesis }) {
  if (kept === null) return { told: { first: true } };
  const cut = kept.indexOf("\n");
  const seen = parseCheckpoint(encode(kept.slice(cut + 1)), "kept checkpoint");
  await verifyCheckpoint(seen, key, "kept checkpoint");
  const isSame = kept.slice(0, cut) === genesis && seen.size <= checkpoint.size && isEqual(await tree.rootAt(seen.size), seen.root);
  verifyThat(isSame, `kept checkpoint of size ${seen.size}: another history`, { size: seen.size, kept });
  return { told: { size: seen.size } };
}

/** An entry whose signatures are being verified already, so that a browser uses all its cores; null if malformed. */
async function verifyAhead(raw, keys) {
  const entry = await parseEntry(raw).catch(() => null);
  for (const item of entry?.note.signatures ?? []) {
    const key = keys.find((one) => one.name === item.name && one.keyId === item.keyId);
    if (key) item.ahead = { key, isValid: key.isValid(item.value, entry.note.text) };
  }
  return entry;
}

/** Compare intents and draws with revealed lines; `not-before` and `expires` are compared as text, which sorts by time. */
function verifyOpenings(state, findings) {
  const [limits, sums, told] = [new Map(), new Map(), { openings: state.openings.size, open: 0, warned: 0 }];
  for (const [index, reveal] of state.reveals) {
    const lines = limits.get(reveal.authorization) ?? {};
    for (const line of reveal.shown) {
      const [, key, value] = /^(max-records|hub|not-before|expires): (.*)$/.exec(line) ?? [];
      const isNumber = key !== "max-records" || /^[1-9][0-9]{0,6}$/.test(value);
      if (!isNumber) findings.violate("L1", "max-records: no number in a revealed line", { entry: index });
      else if (key) lines[key] = value;
    }
    limits.set(reveal.authorization, lines);
  }
  for (const [index, { intent, time, draw, close, roster }] of state.openings) {
    const [shown, at] = [limits.get(intent.authorization) ?? {}, formatTime(time)];
    const isTimely = (shown["not-before"] ?? "") <= at && at < (shown.expires ?? "~");
    if (!isTimely) findings.violate("TIME", "intent: outside the revealed times", { entry: index });
    if (!close) told.open += 1;
    if (!draw) continue;
    const sum = (sums.get(intent.authorization) ?? 0) + draw.body.records;
    sums.set(intent.authorization, sum);
    const isOver = draw.body.records > intent["cells-at-most"] * roster.cellCap && shown.hub !== "yes";
    if (isOver && shown.hub === "no") findings.violate("CELL-CAP", "draw: more than hub: no allows", { entry: draw.index });
    else if (isOver) told.warned += 1;
    const isWithin = sum <= Number(shown["max-records"] ?? Infinity);
    if (!isWithin) findings.violate("BUDGET", "draw: more than the revealed max-records", { entry: draw.index });
  }
  return { told };
}

/** Audit the log at `fetch`. `pins`: { log, genesis }. Gives the findings, and State where it was reached. */
export async function auditLog(fetch, pins, store, tell = () => {}) {
  const findings = new Findings();
  const steps = new Steps(STEPS, findings, tell);
  const first = await steps.run("checkpoint", async () => {
    const key = await parseVkey(pins.log, "log key");
    const genesis = parseHex(pins.genesis, 32, "genesis");
    const raw = await fetch("checkpoint", MAX_CHECKPOINT_BYTES);
    if (!raw) throw new Unavailable("checkpoint: none", { file: "checkpoint" });
    const checkpoint = parseCheckpoint(raw, "checkpoint");
    await verifyCheckpoint(checkpoint, key, "checkpoint");
    const { size, note: { lines: [, , root] } } = checkpoint;
    return { key, genesis, checkpoint, told: { size, root } };
  });
  const { key, genesis, checkpoint } = first ?? {};
  const read = await steps.run("tree", (progress) => readTree(fetch, checkpoint, progress));
  const place = `coffer.checkpoint ${key?.name}`;
  await steps.run("kept", () => verifyKept(store.get(place), { ...first, ...read }));
  const state = steps.isStopped ? null : new State(key.name, genesis);
  const isRoster = ({ code }) => /^[RA][12]$/.test(code);
  const judge = (invalid) => {
    for (const { index, code, message } of invalid.filter((item) => !item.isAccident)) {
      findings.violate(code, `${message}; the entry has no effect`, { entry: index, rule: code });
    }
    return { count: read.entries.length, accidents: invalid.filter((item) => item.isAccident).length };
  };
  await steps.run("entries", async (progress) => {
    for (let at = 0; at < read.entries.length; at += TILE) {
      const some = read.entries.slice(at, at + TILE);
      const parsed = await Promise.all(some.map((raw) => verifyAhead(raw, state.rosters.at(-1)?.signingKeys() ?? [])));
      for (const [i, raw] of some.entries()) await state.apply(at + i, raw, parsed[i]);
      await progress({ done: at, total: read.entries.length });
    }
    if (state.unlisted) findings.violate("LIMIT", `log: found ${state.unlisted} further entries without effect`);
    return { told: judge(state.invalid.filter((item) => !isRoster(item))) };
  });
  await steps.run("rosters", async () => {
    verifyThat(state.rosters.length, "log: no valid genesis at entry 0", { entry: 0, rule: "R1" });
    return { told: { ...judge(state.invalid.filter(isRoster)), rosters: state.rosters.length } };
  });
  await steps.run("openings", async () => verifyOpenings(state, findings));
  await steps.run("witnesses", async () => {
    const times = await verifyQuorum(checkpoint, state);
    const roster = state.rosters.at(-1);
    const custodians = (await findCosigners(checkpoint, roster)).size;
    const named = new Set(roster.witnesses.map((one) => one.name)).size;
    return { told: { cosigned: times.size, named, quorum: roster.quorum, custodians, ...(named ? {} : { first: true }) } };
  });
  const isClean = !findings.violations.length;
  if (isClean) store.set(place, `${genesis}\n${new TextDecoder().decode(checkpoint.note.raw)}`);
  return { isClean, violations: findings.violations, state, checkpoint, ...read };
}
