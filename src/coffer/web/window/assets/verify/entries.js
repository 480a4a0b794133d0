// The grammar of log entries, rosters and rules (docs/formats/entries.md); state.js decides what they mean.

import {
  ascii, concat, CUSTODIAN, encode, FEED, hashOf, hex, isAscending, isDouble, KEY_NAME, Lines, parseBase64, parseDay,
  parseDecimal, parseHex, parseMatch, parseTime, parseWords, popcount, refuseUnless, sha256, unhex,
} from "./wire.js";
import { COSIGNATURES, parseNote, parseVkey } from "./notes.js";

export const [SALT_LINE, HPKE_PUBLIC_BYTES] = [4, 1_216]; // the salt is always the fifth line of an authorization
const COUNTS = ["files", "read", "kept", "rejected", "duplicate"];
// the versions of a type, one digit each, if they are not 1
const VERSIONS = { close: "2", fault: "2", ingest: "23", intent: "2", refuse: "2", roster: "3" };
const [EXPRESSION, RULE] = [/^([0-9]{1,2}) of ([a-z0-9,-]+)(?: and ([a-z0-9,-]+))?$/, /^(?:base|[A-Z]{2})$/];

export const UNJUDGED = ["hold", "held", "extend", "release", "ratify"];

/** Names of rules joined by commas, ascending. */
export function parseRuleNames(text, place) {
  const names = text.split(",");
  refuseUnless(isAscending(names) && names.every((name) => RULE.test(name)), `${place}: another form`);
  return names;
}

const sumOf = (masks) => masks.reduce((sum, mask) => sum | mask, 0);
export const isSatisfied = (rule, mask) => rule.clauses.every((clause) => mask & clause);

/** The rule that `K of a,b,c and d` expresses: who must sign. Its `lock` is what seals. Clauses are ascending masks. */
export function expandRule(expression, names, place) {
  const match = EXPRESSION.exec(expression);
  refuseUnless(match, `${place}: another form`);
  const quota = parseDecimal(match[1], place, 2, 9);
  const [members, needed] = [match[2].split(","), match[3] ? match[3].split(",") : []];
  for (const group of [members, needed]) {
    const isKnown = group.every((name) => names.includes(name));
    refuseUnless(isKnown && !isDouble(group), `${place}: an unknown or repeated name`);
  }
  refuseUnless(members.length >= 2 * quota - 1, `${place}: too few in the set`);
  const bit = (name) => 1 << names.indexOf(name);
  const [all, size] = [sumOf(members.map(bit)), members.length - quota + 1];
  const sets = [...Array(all + 1).keys()].filter((mask) => (mask & all) === mask && popcount(mask) === size);
  const clauses = [...new Set([...sets, ...needed.map(bit)])].sort((a, b) => a - b);
  const everyone = sumOf([...members, ...needed].map(bit));
  return { text: expression, clauses, lock: { clauses }, everyone, members, needed };
}

/** A roster; `hash` is in hex, `signingKeys` are all but those of witnesses. */
class Roster {
  constructor(fields) { Object.assign(this, fields); }

  /** The mask of the custodians of which `test` holds. */
  maskOf(test) { return sumOf(this.custodians.map((one, i) => (test(one) ? 1 << i : 0))); }

  /** The number (1..n) of a custodian; 0 if it is not in the roster. */
  find(name) { return this.custodians.findIndex((one) => one.name === name) + 1; }
}

/** The clauses of a segment's lock that a custodian holds; number 0 is nobody's. */
export const heldBy = ({ line, roster }, name) =>
  roster.rules.get(line.rule).lock.clauses.filter((mask) => ((mask << 1) >> roster.find(name)) & 1);

async function parseCustodian(value) {
  const [name, authText, respText, req] = parseWords(value, 4, "custodian");
  parseMatch(CUSTODIAN, name, "custodian");
  const [auth, resp] = [await parseVkey(authText, "custodian auth"), await parseVkey(respText, "custodian resp")];
  const holds = auth.name === `${name}/auth` && resp.name === `${name}/resp`;
  refuseUnless(holds, `custodian ${name}: found keys of another name`);
  return { name, auth, resp, req: hex(parseBase64(req, HPKE_PUBLIC_BYTES, "custodian req")) };
}

function parseRules(lines, names) {
  const pairs = lines.takeAll(["rule"], 1).map(([, value]) => parseWords(value, 2, "rule"));
  const [base, ...countries] = pairs.map(([name]) => name);
  refuseUnless(base === "base" && !countries.includes(base) && isAscending(countries), "rule: another order");
  const read = ([name, text]) => [parseMatch(RULE, name, "rule"), expandRule(text, names, `rule ${name}`)];
  return new Map(pairs.map(read));
}

/**
 * Read the emergency rule. Each rule's `urgent`: those who may sign then, whom it makes indispensable among them. The
 * clauses of its `lock`: the least sets without whom neither rule can be satisfied.
 */
function parseEmergency(lines, rules, names) {
  const emergency = lines.take("emergency");
  const ratifyHours = parseDecimal(lines.take("ratify-hours"), "ratify-hours", 1, 168);
  const [{ clauses }, all] = [expandRule(emergency, names, "emergency"), 2 ** names.length - 1];
  for (const rule of rules.values()) {
    const urgent = { clauses: [...clauses, ...rule.needed.map((who) => 1 << names.indexOf(who))] };
    const isCut = (mask) => ![rule, urgent].some((one) => isSatisfied(one, all & ~mask));
    const cuts = [...Array(all + 1).keys()].filter(isCut);
    const least = cuts.filter((cut) => !cuts.some((other) => other < cut && (other | cut) === cut));
    Object.assign(rule, { urgent, lock: { clauses: least } });
  }
  return { emergency, ratifyHours };
}

/** [name, key] of a requester; the name is its key's. */
export async function parseRequester(value) {
  const [name, vkey] = parseWords(value, 2, "requester");
  refuseUnless(vkey.startsWith(`${name}+`), "requester: a key of another name");
  return [parseMatch(KEY_NAME, name, "requester"), await parseVkey(vkey, "requester")];
}

const all = (pairs, parse) => Promise.all(pairs.map(([, value]) => parse(value)));

const DAYS = [["retention-days", 1, 36_500], ["late-days", 0, 36_500], ["waiting-days", 1, 3_650]];

async function parseRoster(lines, note) {
  const custodians = await all(lines.takeAll(["custodian"], 1, 9), parseCustodian);
  const names = custodians.map((one) => one.name);
  const rules = parseRules(lines, names);
  const urgent = lines.isNext("emergency") ? parseEmergency(lines, rules, names) : { emergency: "", ratifyHours: 0 };
  const ingesters = await all(lines.takeAll(["ingester"], 1), (value) => parseVkey(value, "ingester"));
  const requesters = await all(lines.takeAll(["requester"], 1), parseRequester);
  const witnesses = await all(lines.takeAll(["witness"]), (value) => parseVkey(value, "witness", COSIGNATURES));
  const witnessNames = [...new Set(witnesses.map((key) => key.name))];
  const quorum = parseDecimal(lines.take("quorum"), "quorum", 0, witnessNames.length);
  const limit = ([key, low, high]) => parseDecimal(lines.take(key), key, low, high);
  const [retentionDays, , waitingDays, cellCap] = [...DAYS, ["cell-cap", 1, 65_535]].map(limit);
  const tally = parseMatch(/^(?:exact|epsilon (?:0|[1-9][0-9]{0,2})(?:\.[0-9]{1,6})?)$/, lines.take("tally"), "tally");
  refuseUnless(tally === "exact" || (tally.slice(8) > 0 && tally.slice(8) <= 10), "tally: an epsilon out of range");
  const numbering = parseMatch(/^[0-9]{1,4}(?:\.[0-9]{1,4}){1,3}$/, lines.take("numbering"), "numbering");
  const statistics = parseMatch(/^(?:none|coarse|full)$/, lines.take("statistics"), "statistics");
  const own = custodians.flatMap((one) => [one.auth, one.resp]);
  const signingKeys = [...own, ...ingesters, ...requesters.map(([, key]) => key)];
  // a witness may have a key of each type and still counts as one
  const doubled = [
    [...names, ...requesters.map(([name]) => name)],
    [...signingKeys.map((key) => key.name), ...witnessNames],
    witnesses.map((key) => `${key.name} ${key.kind}`),
    [...signingKeys, ...witnesses].map((key) => hex(key.public)),
    custodians.map((one) => one.req),
  ].some(isDouble);
  refuseUnless(!doubled, "roster: a name or a key twice");
  const hash = hex(await hashOf("roster", note.text));
  const counts = { quorum, retentionDays, waitingDays, cellCap, numbering, statistics, ...urgent };
  const keys = { custodians, ingesters, requesters: new Map(requesters), witnesses, signingKeys };
  return new Roster({ hash, rules, ...keys, ...counts });
}

const [hex32, hex16] = [32, 16].map((size) => (text, place) => parseHex(text, size, place));
const matching = (pattern) => (text, place) => parseMatch(pattern, text, place);
const between = (low, high) => (text, place) => parseDecimal(text, place, low, high);
const orNone = (parse) => (text, place) => (text === "-" ? "" : parse(text, place));
const SEGMENT = {
  segId: hex32, headerHash: hex32, day: parseDay, kind: matching(/^(?:call|text|email)$/), rule: matching(RULE),
  part: between(0, 2 ** 32 - 1), rows: between(1, 2 ** 28), supersedes: orNone(hex32),
};

const CANARY = { mask: (text, place) => parseHex(text, 2, place), partial: hex16 };
const OFFSETS = { partition: between(0, 2 ** 31 - 1), after: orNone(hex16), start: hex16, end: hex16 };

const parseRow = (shape, key) => ([, value]) => {
  const words = parseWords(value, Object.keys(shape).length, key);
  return Object.fromEntries(Object.entries(shape).map(([name, parse], i) => [name, parse(words[i], key)]));
};

const parseCount = between(0, 1n << 62n);

/** A parser that refuses values of another one for which something does not hold. */
const demanding = (parse, holds) => (text, place) => {
  const value = parse(text, place);
  refuseUnless(holds(value), `${place}: found ${value}`);
  return value;
};

const parseCoarse = demanding(parseCount, (number) => BigInt(number) % 1_024n === 0n);
const parsePower = demanding(between(1, 1 << 20), (number) => (number & (number - 1)) === 0);

/** What a batch took of a topic: by partition the marks of where the log ended before, of its start and of its end. */
function parseTaken(lines) {
  const topic = hex16(lines.take("topic"), "topic");
  const offsets = lines.takeAll(["offsets"], 1, 256).map(parseRow(OFFSETS, "offsets"));
  refuseUnless(offsets.every((one) => ![one.after, one.start].includes(one.end)), "offsets: an end before the start");
  refuseUnless(offsets.every((one, i) => !i || offsets[i - 1].partition < one.partition), "offsets: another order");
  return { topic, offsets, taken: [topic, ...offsets.flatMap(Object.values)].join(" ") };
}

function parseIngest(lines, note, version) {
  const batch = parseHex(lines.take("batch"), 16, "batch");
  const [part, parts] = parseMatch(/^[0-9]{1,19}\/[0-9]{1,19}$/, lines.take("entry"), "entry").split("/");
  const last = parseDecimal(parts, "entry", 1, 99_999);
  const number = parseDecimal(part, "entry", 1, last);
  const feed = parseMatch(FEED, lines.take("feed"), "feed");
  const counts = COUNTS.map((key) => parseCoarse(lines.take(key), key)).join(" ");
  const taken = version === "3" ? parseTaken(lines) : { offsets: [] };
  const segments = lines.takeAll(["segment"]).map(parseRow(SEGMENT, "segment"));
  const tally = orNone(hex32)(lines.take("tally"), "tally");
  return { type: "ingest", batch, part: number, parts: last, feed, counts, ...taken, segments, tally };
}

function parseObject(text, place) {
  const [kind, name] = parseWords(text, 2, place);
  parseMatch(/^(?:intent|segment)$/, kind, place);
  return `${kind} ${kind === "intent" ? parseCount(name, place) : hex32(name, place)}`;
}

const REASON = /^(?:scope|time|form|merit|held|law|unclear)$/;
const [custodianName, partyName, reason] = [CUSTODIAN, KEY_NAME, REASON].map(matching);
const code = (words) => matching(new RegExp(`^(?:-|${words})$`));
const SPANS = "h8|d1|d3|d10|later";
export const ORDER = {
  class: code("produce|extend|access"), urgency: code("ordinary|urgent|emergency"), due: code(`${SPANS}|none`),
  kinds: code("call(?:,text)?(?:,email)?|text(?:,email)?|email"), age: code("w4|w10|w26|w52|more"),
  "issued-by": code("court|prosecutor|police|other|person"), "issued-in": code("home|union|elsewhere"),
};
const URGENT = { rules: parseRuleNames, ...ORDER }; // an intent has rules in an emergency alone
const ENDED = { outcome: code("full|part|none"), took: code(SPANS) };
const REFUSED = { class: code("produce|extend|access|preserve"), urgency: ORDER.urgency };
const SHOWN = { none: [], coarse: ["class", "kinds", "outcome"], full: Object.keys({ ...ORDER, ...ENDED }) };
export const LEVELS = Object.keys(SHOWN);

/** Whether an entry hides just those codes that a roster hides. */
export const isAsShown = (body, { statistics }) =>
  SHOWN.full.every((key) => !(key in body) || (body[key] !== "-") === SHOWN[statistics].includes(key));

const publicHash = async (text, place) => hex(await sha256(parseBase64(text, HPKE_PUBLIC_BYTES, place)));
const ACTS = {
  "epoch-key": { roster: hex32, custodian: custodianName, day: parseDay, key: publicHash },
  withdraw: { batch: hex16 },
  receipt: { custodian: custodianName, segment: hex32 },
  intent: { authorization: hex32, requester: partyName, nonce: hex16, "cells-at-most": parsePower, ...URGENT },
  draw: { intent: parseCount, table: hex32, records: between(1, 2 ** 28) },
  close: {
    intent: parseCount, result: hex32, records: parseCount, answers: between(0, 9), "unconfirmed-cells": parseCount,
    ...ENDED,
  },
  refuse: { authorization: hex32, custodian: custodianName, reason, ...REFUSED },
  revoke: { authorization: hex32 },
  destroy: { custodian: custodianName, day: parseDay },
  absence: { custodian: custodianName },
  objection: { absence: parseCount },
  hold: { note: hex32, roster: hex32, rules: parseRuleNames, requester: partyName, until: parseTime },
  held: { hold: parseCount, note: hex32, custodian: custodianName, "cells-at-most": parsePower },
  extend: { hold: parseCount, note: hex32, until: parseTime },
  release: { hold: parseCount },
  ratify: { intent: parseCount, authorization: hex32, custodian: custodianName },
  fault: { accuser: partyName, accused: partyName, object: parseObject, evidence: hex32 },
};

async function parseAct(type, lines, version) {
  const act = { type };
  for (const [key, parse] of Object.entries(ACTS[type])) {
    if (type !== "intent" || key !== "rules" || lines.isNext(key)) act[key] = await parse(lines.take(key), key);
  }
  if (type === "receipt") {
    const canaries = lines.takeAll(["canary"], 1).map(parseRow(CANARY, "canary"));
    refuseUnless(isAscending(canaries.map((one) => one.mask)), "canary: another order");
    act.canaries = canaries.flatMap(Object.values).join("");
  }
  return act;
}

async function parseReveal(lines) {
  const [authorization, hashes, shown] = [parseHex(lines.take("authorization"), 32, "authorization"), [], []];
  for (const [number, [key, value]] of lines.takeAll(["line", "hidden"], SALT_LINE).entries()) {
    const [index, tag, ...text] = parseWords(value, key === "line" ? 3 : 2, key);
    refuseUnless(parseDecimal(index, key, 0, 999) === number + Number(number >= SALT_LINE), `${key}: another index`);
    const raw = unhex(parseHex(tag, 32, key));
    hashes.push(text.length ? await hashOf("line", raw, encode(text[0])) : raw);
    shown.push(...text);
  }
  return { type: "reveal", authorization, hashes: concat(...hashes), shown };
}

const BODIES = { roster: parseRoster, ingest: parseIngest, reveal: parseReveal };
for (const type of Object.keys(ACTS)) BODIES[type] = (lines, note, version) => parseAct(type, lines, version);

/** Decode an entry of any type; only State verifies its signatures. */
export async function parseEntry(raw) {
  const note = parseNote(raw, "entry", { hasLetters: ascii(raw.subarray(0, 17)) === "coffer.reveal/v1\n" });
  const [, type, version] = /^coffer\.([a-z-]+)\/v([1-9])$/.exec(note.lines[0]) ?? [];
  const isKnown = Object.hasOwn(BODIES, type ?? "") && (VERSIONS[type] ?? "1").includes(version);
  refuseUnless(isKnown, "entry line 1: no known type");
  const lines = new Lines(note.lines.slice(1), type);
  const origin = parseMatch(KEY_NAME, lines.take("origin"), "origin");
  const time = parseTime(lines.take("time"), "time");
  const body = await BODIES[type](lines, note, version);
  lines.end();
  return { note, origin, time, body };
}
