// The grammar of log entries, rosters and rules (docs/formats/entries.md); state.js decides what they mean.

import {
  ascii, between, concat, CUSTODIAN, encode, FEED, hashOf, hex, hex16, hex32, isAscending, isDouble, KEY_NAME,
  Lines, matching, parseBase64, parseDay, parseDecimal, parseHex, parseMatch, parseTime, parseWords, popcount,
  refuseUnless, sha256, unhex, wordsOf,
} from "./wire.js";
import { COSIGNATURES, parseNote, parseVkey } from "./notes.js";

export const [SALT_LINE, HPKE_PUBLIC_BYTES] = [4, 1_216]; // the salt is always the fifth line of an authorization
// the versions of a type, one digit each, if they are not 1
const VERSIONS = { close: "2", fault: "2", ingest: "23", intent: "2", refuse: "2", roster: "3" };
const [EXPRESSION, RULE] = [/^([0-9]{1,2}) of ([a-z0-9,-]+)(?: and ([a-z0-9,-]+))?$/, /^(?:base|[A-Z]{2})$/];

export const UNJUDGED = ["hold", "held", "extend", "release"];

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
  const [, number, set, more] = EXPRESSION.exec(parseMatch(EXPRESSION, expression, place));
  const [quota, members, needed] = [parseDecimal(number, place, 2, 9), set.split(","), more ? more.split(",") : []];
  const isKnown = (group) => group.every((name) => names.includes(name)) && !isDouble(group);
  refuseUnless([members, needed].every(isKnown), `${place}: an unknown or repeated name`);
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

/**
 * Add the emergency rule to rules. Each rule's `urgent`: those who may sign then, whom it makes indispensable among
 * them. The clauses of its `lock`: the least sets without whom neither rule can be satisfied.
 */
function addEmergency(expression, rules, names) {
  const [{ clauses }, all] = [expandRule(expression, names, "emergency"), 2 ** names.length - 1];
  for (const rule of rules.values()) {
    const urgent = { clauses: [...clauses, ...rule.needed.map((who) => 1 << names.indexOf(who))] };
    const isCut = (mask) => ![rule, urgent].some((one) => isSatisfied(one, all & ~mask));
    const cuts = [...Array(all + 1).keys()].filter(isCut);
    const least = cuts.filter((cut) => !cuts.some((other) => other < cut && (other | cut) === cut));
    Object.assign(rule, { urgent, lock: { clauses: least } });
  }
}

/** [name, key] of a requester; the name is its key's. */
export async function parseRequester(value) {
  const [name, vkey] = parseWords(value, 2, "requester");
  refuseUnless(vkey.startsWith(`${name}+`), "requester: a key of another name");
  return [parseMatch(KEY_NAME, name, "requester"), await parseVkey(vkey, "requester")];
}

const ROSTER = {
  custodian: [parseCustodian, 1, 9], rule: [wordsOf({ name: matching(RULE), text: String }), 1], "emergency?": String,
  "ratify-hours?": between(1, 168), ingester: [parseVkey, 1], requester: [parseRequester, 1],
  witness: [(text, place) => parseVkey(text, place, COSIGNATURES)], quorum: parseDecimal,
  "retention-days": between(1, 36_500), "late-days": between(0, 36_500), "waiting-days": between(1, 3_650),
  "cell-cap": between(1, 65_535), tally: matching(/^(?:exact|epsilon (?:0|[1-9][0-9]{0,2})(?:\.[0-9]{1,6})?)$/),
  numbering: matching(/^[0-9]{1,4}(?:\.[0-9]{1,4}){1,3}$/), statistics: matching(/^(?:none|coarse|full)$/),
};

async function parseRoster(lines, note) {
  const { custodian: custodians, ingester: ingesters, witness: witnesses, ...said } = await lines.takeEach(ROSTER);
  const { emergency, quorum, tally } = said;
  const [names, [base, ...countries]] = [custodians, said.rule].map((some) => some.map((one) => one.name));
  refuseUnless(base === "base" && !countries.includes(base) && isAscending(countries), "rule: another order");
  const rules = new Map(said.rule.map(({ name, text }) => [name, expandRule(text, names, `rule ${name}`)]));
  const isWhole = Boolean(emergency) === Boolean(said["ratify-hours"]);
  refuseUnless(isWhole, "ratify-hours: without an emergency rule, or missing");
  if (emergency) addEmergency(emergency, rules, names);
  const witnessNames = [...new Set(witnesses.map((key) => key.name))];
  refuseUnless(quorum <= witnessNames.length, "quorum: more than there are witnesses");
  refuseUnless(tally === "exact" || (tally.slice(8) > 0 && tally.slice(8) <= 10), "tally: an epsilon out of range");
  const requesters = new Map(said.requester);
  const own = custodians.flatMap((one) => [one.auth, one.resp]);
  const signingKeys = [...own, ...ingesters, ...requesters.values()];
  // a witness may have a key of each type and still counts as one
  const doubled = [
    [...names, ...said.requester.map(([name]) => name)],
    [...signingKeys.map((key) => key.name), ...witnessNames],
    witnesses.map((key) => `${key.name} ${key.kind}`),
    [...signingKeys, ...witnesses].map((key) => hex(key.public)),
    custodians.map((one) => one.req),
  ].some(isDouble);
  refuseUnless(!doubled, "roster: a name or a key twice");
  const hash = hex(await hashOf("roster", note.text));
  const keys = { custodians, ingesters, requesters, witnesses, signingKeys };
  return new Roster({ emergency: "", "ratify-hours": 0, ...said, hash, rules, ...keys });
}

const orNone = (parse) => (text, place) => (text === "-" ? "" : parse(text, place));
const SEGMENT = {
  segId: hex32, headerHash: hex32, day: parseDay, kind: matching(/^(?:call|text|email)$/), rule: matching(RULE),
  part: between(0, 2 ** 32 - 1), rows: between(1, 2 ** 28), supersedes: orNone(hex32),
};

const CANARY = { mask: (text, place) => parseHex(text, 2, place), partial: hex16 };
const OFFSETS = { partition: between(0, 2 ** 31 - 1), after: orNone(hex16), start: hex16, end: hex16 };

const parseCount = between(0, 1n << 62n);

/** A parser that refuses values of another one for which something does not hold. */
const demanding = (parse, holds) => (text, place) => {
  const value = parse(text, place);
  refuseUnless(holds(value), `${place}: found ${value}`);
  return value;
};

const parseCoarse = demanding(parseCount, (number) => BigInt(number) % 1_024n === 0n);
const parsePower = demanding(between(1, 1 << 20), (number) => (number & (number - 1)) === 0);

const INGEST = {
  batch: hex16, entry: matching(/^[0-9]{1,19}\/[0-9]{1,19}$/), feed: matching(FEED), files: parseCoarse,
  read: parseCoarse, kept: parseCoarse, rejected: parseCoarse, duplicate: parseCoarse,
};
// what a batch took of a topic: by partition the marks of where the log ended before, of its start and of its end
const TAKEN = { topic: hex16, offsets: [wordsOf(OFFSETS), 1, 256] };
const SEALED = { segment: [wordsOf(SEGMENT)], tally: orNone(hex32) };

async function parseIngest(lines, note, version) {
  const shape = { ...INGEST, ...(version === "3" && TAKEN), ...SEALED };
  const { batch, entry, feed, topic, offsets = [], segment: segments } = await lines.takeEach(shape);
  const [part, parts] = entry.split("/").map((text) => parseDecimal(text, "entry", 1, 99_999));
  refuseUnless(part <= parts, "entry: one behind the last");
  refuseUnless(offsets.every((one) => ![one.after, one.start].includes(one.end)), "offsets: an end before the start");
  refuseUnless(offsets.every((one, i) => !i || offsets[i - 1].partition < one.partition), "offsets: another order");
  const same = note.lines.filter((line) => !/^(?:time|entry|segment): /.test(line)).join(); // in each entry of a batch
  return { type: "ingest", batch, part, parts, feed, topic, offsets, segments, same };
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
const URGENT = { "rules?": parseRuleNames, ...ORDER }; // an intent has rules in an emergency alone
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
  receipt: { custodian: custodianName, segment: hex32, canary: [wordsOf(CANARY), 1] },
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

async function parseAct(type, lines) {
  const { canary = [], ...act } = await lines.takeEach(ACTS[type]);
  refuseUnless(isAscending(canary.map((one) => one.mask)), "canary: another order");
  return { type, ...act, canaries: canary.flatMap(Object.values).join("") };
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
for (const type of Object.keys(ACTS)) BODIES[type] = (lines) => parseAct(type, lines);

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
