// State: what follows from a log's entries (docs/formats/entries.md, rules V1 to L1).

import {
  attempt, concat, DAY, dayNumber, encode, groupBy, hashOf, hex, isEqual, MalformedInput, NotProven, prefixed, unhex,
} from "./wire.js";
import { heldBy, isAsShown, isSatisfied, LEVELS, ORDER, parseEntry, UNJUDGED } from "./entries.js";
import { findBar, isRatified } from "./debts.js";
import { verifySigners } from "./notes.js";

export const BACK_DATING = 900;
// how many entries without effect are listed; how long signatures wait; how far off the day of a key may be
const [MAX_INVALID, ROSTER_LIFE, AHEAD_DAYS, BEHIND_DAYS] = [10_000, 7 * DAY, 3_700, 36_500];

/** The entry has no effect unless it `holds`; `mayHappen`: an honest party can cause that by accident. */
function demand(holds, code, message, mayHappen = false) {
  if (!holds) throw Object.assign(new NotProven(message), { code, mayHappen });
}

const slot = (...parts) => parts.join(" ");
const partsOf = (one) => [one.name, hex(one.auth.public), hex(one.resp.public), one.req];

/** The indispensable members of the old roster's rules that the new one changes or loosens. */
function findGuards(old, next) {
  const keys = (roster, name) => roster.custodians.filter((one) => one.name === name).flatMap(partsOf);
  const isHigher = ["cell-cap", "retention-days", "ratify-hours"].some((key) => next[key] > old[key]);
  const isLooser =
    isHigher || next.numbering !== old.numbering || next["waiting-days"] < old["waiting-days"] ||
    !["", old.emergency].includes(next.emergency) || LEVELS.indexOf(next.statistics) > LEVELS.indexOf(old.statistics);
  const isSame = (name, rule) =>
    next.rules.get(name)?.text === rule.text &&
    [...rule.members, ...rule.needed].every((who) => isEqual(keys(old, who), keys(next, who)));
  return [...old.rules].flatMap(([name, rule]) => (isLooser || !isSame(name, rule) ? rule.needed : []));
}

/** Replays entries; an entry that breaks a rule changes nothing. `sparse`: entries in between are missing. */
export class State {
  invalid = []; // { index, code, message, isAccident } of entries without effect
  unlisted = 0;
  newest = 0;
  rosters = [];
  keys = new Map(); // custodian and day -> hash of the epoch key
  destroyed = new Map(); // custodian and day -> entry
  batches = new Set();
  pending = new Map();
  withdrawn = new Map(); // batch -> entry
  segments = new Map(); // with the entry that names it, those that name the first and last of its batch and are done
  offsets = new Map(); // topic and partition -> the mark of the next offset
  openings = new Map(); // entry of the intent -> opening; `drawn`: the records of its draw, 0 without one. One whose
  // intent has rules is a debt (debts.js): `since`, the names that `ratified`, and when it was `paid`
  nonces = new Set();
  told = new Map(); // authorization -> the codes that its intents show
  receipts = new Map();
  accused = new Map(); // object -> [[accuser, accused]]
  revoked = new Set();
  refusals = []; // { authorization, custodian }
  reveals = [];
  absences = new Map();
  toldGone = []; // of each absence, and of each roster without somebody who is gone: what the log says

  constructor(origin, genesis, sparse = false) { Object.assign(this, { origin, genesis, sparse }); }

  /** The roster in force; undefined before the genesis. */
  get roster() { return this.rosters.at(-1); }

  /** Take the next entry; `parsed` is the same entry where somebody parsed it before. */
  async apply(index, raw, parsed = null) {
    let entry = null;
    try {
      entry = parsed ?? (await parseEntry(raw));
      const { type } = entry.body;
      demand(entry.origin === this.origin, "V1", "origin: another log's");
      const waits = type === undefined || type === "absence"; // a roster has no type
      const isLate = index !== 0 && !waits && this.newest - entry.time > BACK_DATING;
      demand(!isLate, "V1", "time: over 15 minutes before the newest entry's", true);
      await this.#applyBody(index, entry);
      if (!UNJUDGED.includes(type)) this.newest = Math.max(this.newest, entry.time);
    } catch (error) {
      if (!(error instanceof MalformedInput || error instanceof NotProven)) throw error;
      const keys = this.rosters.flatMap((one) => one.signingKeys);
      const isOfParty = async () => (await verifySigners(entry.note, keys, "signature")).size > 0; // and no line false
      const isAccident = Boolean(error.mayHappen) && (await attempt(isOfParty, () => false));
      const finding = { index, code: error.code ?? "V1", message: error.message, isAccident };
      if (this.invalid.length < MAX_INVALID) this.invalid.push(finding);
      else this.unlisted += 1;
    }
  }

  async #applyBody(index, entry) {
    const { body, note } = entry;
    if (body.type === undefined) return this.#applyRoster(index, entry, body);
    demand(this.rosters.length, "R1", "roster: none in force");
    if (body.type === "reveal") {
      // anyone may reveal, so its signature does not matter
      const made = await Promise.all(this.rosters.map((one) => hashOf("auth", unhex(one.hash), body.hashes)));
      demand(made.map(hex).includes(body.authorization), "L1", "reveal: another commitment than its lines give");
      this.reveals.push([index, body]);
      return undefined;
    }
    const signers = await verifySigners(note, this.roster.signingKeys, "signature");
    if (body.type === "ingest") return this.#applyIngest(index, body, signers);
    if (body.type === "withdraw") return this.#applyWithdraw(index, body, signers);
    if (body.type === "epoch-key") return this.#applyKey(entry, body, signers);
    if (["intent", "draw", "close"].includes(body.type)) return this.#applyOpening(index, entry, body, signers);
    if (["absence", "objection"].includes(body.type)) return this.#applyAbsence(index, entry, body, signers);
    if (body.type === "ratify") return this.#applyRatify(entry, body);
    // GAP: rules H1 to H4 are not judged here, and nothing here rests on a hold; coffer-audit judges them. So no entry
    // about one moves the newest time: one without effect would shut out honest ones. If one that counts is dated
    // ahead, entries that it shuts out count here: tolerable because every command of the vault stops at them. Nor does
    // it make an emergency overdue: tolerable because it is so by the next entry of any other type
    if (UNJUDGED.includes(body.type)) return undefined;
    return this.#applyMark(index, body, signers, note);
  }

  async #applyRoster(index, entry, roster) {
    const old = this.roster;
    const keys = [old, roster].filter(Boolean).flatMap((one) => one.signingKeys);
    const signers = await verifySigners(entry.note, keys, "roster");
    const hasSigned = (one) => signers.has(one.auth.identity);
    let gone = []; // those whose time to object is over, so they need not sign
    if (old) {
      const isOld = entry.time < this.roster.time || this.newest - entry.time > ROSTER_LIFE;
      demand(!isOld, "R1", "roster: older than the one in force, or over 7 days old", true);
      demand(this.rosters.every((one) => one.hash !== roster.hash), "R1", "roster: found again", true);
      const names = new Set(old.custodians.filter(hasSigned).map((one) => one.name));
      const isGone = ([name, { since, days }]) =>
        !names.has(name) && entry.time - since >= days * DAY &&
        old.custodians.every((one) => one.name === name || names.has(one.name));
      gone = [...this.absences].filter(isGone).map(([name]) => name);
      for (const name of gone) names.add(name);
      const mask = old.maskOf((one) => names.has(one.name));
      demand(isSatisfied(old.rules.get("base"), mask), "R1", "roster: too few of those in force");
      const isGuarded = findGuards(old, roster).every((name) => names.has(name));
      demand(isGuarded, "R1", "roster: no consent of an indispensable member");
    } else demand(index === 0 && roster.hash === this.genesis, "R1", "roster: another");
    const present = old?.custodians.map((one) => hex(one.auth.public)) ?? [];
    const isAgreed = roster.custodians.every((one) => hasSigned(one) || present.includes(hex(one.auth.public)));
    demand(isAgreed, "R1", "roster: no signature of a new custodian");
    const [known, own] = [this.rosters, [roster]].map((some) => some.flatMap((one) => one.custodians.map(partsOf)));
    const keeps = (was) => own.every((next) => isEqual(was, next) || !was.some((part) => next.includes(part)));
    demand(known.every(keeps), "R2", "roster: a name with other keys");
    const told = { entry: index, dated: entry.time, newest: this.newest };
    for (const custodian of gone) this.toldGone.push({ ...this.absences.get(custodian), ...told, custodian });
    this.rosters.push(Object.assign(roster, { index, time: entry.time }));
    this.absences = new Map([...this.absences].filter(([name]) => roster.find(name)));
  }

  #applyAbsence(index, entry, body, signers) {
    if (body.type === "absence") {
      const name = body.custodian;
      const isLate = entry.time < this.roster.time || this.newest - entry.time > ROSTER_LIFE;
      demand(!isLate, "A1", "absence: older than the roster in force, or over 7 days old");
      demand(this.roster.find(name), "A1", "absence: no custodian in force of that name");
      demand(!this.absences.has(name), "A1", "absence: one that stands already");
      const isAll = this.roster.custodians.every((one) => one.name === name || signers.has(one.auth.identity));
      demand(isAll, "A1", "absence: no signature of another custodian in force");
      const since = Math.max(this.newest, entry.time);
      this.absences.set(name, { said: index, since, days: this.roster["waiting-days"] });
      this.toldGone.push({ entry: index, custodian: name });
      return;
    }
    const standing = [...this.absences].find(([, absence]) => absence.said === body.absence);
    demand(standing, "A2", "objection: no absence that stands at this index");
    demand(signers.has(this.#keyOf(standing[0], "auth", "A2").identity), "A2", "objection: another's signature");
    this.absences.delete(standing[0]);
  }

  /** A custodian's auth key in force, or its newest resp key. */
  #keyOf(name, role, code) {
    const rosters = role === "resp" ? this.rosters : this.rosters.slice(-1);
    const roster = rosters.findLast((one) => one.find(name));
    demand(roster, code, "custodian: none of that name in force", this.rosters.some((one) => one.find(name)));
    return roster.custodians[roster.find(name) - 1][role];
  }

  #applyKey(entry, body, signers) {
    const own = slot(body.custodian, body.day);
    const was = this.rosters.some((one) => one.hash === body.roster);
    demand(body.roster === this.roster.hash, "K1", "roster: another", was);
    demand(signers.has(this.#keyOf(body.custodian, "auth", "K1").identity), "K1", "signature: none of the custodian's");
    const ahead = dayNumber(body.day) - Math.floor(entry.time / DAY);
    demand(ahead >= -BEHIND_DAYS && ahead <= AHEAD_DAYS, "K1", "day: too far ahead or back");
    demand(!this.keys.has(own), "K1", "key: a second one of this custodian and day", true);
    this.keys.set(own, body.key);
  }

  #applyIngest(index, body, signers) {
    demand(this.roster.ingesters.some((key) => signers.has(key.identity)), "I1", "signature: no ingester's");
    const isNew = !this.batches.has(body.batch) && body.part === 1;
    demand(this.pending.has(body.batch) || isNew, "I1", "batch: an old one or not its first entry", true);
    let batch = this.pending.get(body.batch) ?? { first: body, nextPart: 1, segments: [] };
    const isSame = body.parts === batch.first.parts && body.same === batch.first.same;
    demand(isSame, "I1", "batch: another N, feed, count, offset or tally than its first entry has");
    demand(body.part === batch.nextPart, "I1", "batch: another order", true);
    // of two pending batches with the same segment, the one that is complete first keeps it
    const isStillNew = batch.segments.every((segment) => !this.segments.has(segment.line.segId));
    demand(isStillNew, "I3", "segment: one that another batch completed", true);
    const known = new Set(batch.segments.map((segment) => segment.line.segId));
    for (const line of body.segments) this.#verifySegment(line, body.feed, known);
    const isNext = (one) => one.after === (this.offsets.get(`${body.topic} ${one.partition}`) ?? "");
    demand(this.sparse || body.offsets.every(isNext), "I5", "offsets: others than those after the log's", true);
    const named = body.segments.map((line) => ({ line, feed: body.feed, entry: index, roster: this.roster }));
    batch = { first: batch.first, nextPart: body.part + 1, segments: [...batch.segments, ...named] };
    this.pending.set(body.batch, batch);
    if (body.part < body.parts) return;
    this.pending.delete(body.batch);
    this.batches.add(body.batch);
    const [first, last] = [0, -1].map((at) => batch.segments.at(at)?.entry);
    const place = { batch: body.batch, first, last, done: index };
    for (const segment of batch.segments) this.segments.set(segment.line.segId, { ...segment, ...place });
    for (const { partition, end } of body.offsets) this.offsets.set(`${body.topic} ${partition}`, end);
  }

  #verifySegment(line, feed, known) {
    demand(!known.has(line.segId) && !this.segments.has(line.segId), "I3", "segment: a known seg_id", true);
    known.add(line.segId);
    const was = this.rosters.some((one) => one.rules.has(line.rule));
    demand(this.roster.rules.has(line.rule), "I3", "segment: a rule that is not in force", was);
    demand(line.rows % 1_024 === 0, "I3", `segment: found ${line.rows} rows`);
    if (!line.supersedes) return;
    const old = this.segments.get(line.supersedes);
    demand(old || this.sparse, "I3", "segment: superseding one that is not in State");
    const isSame = !old || (old.feed === feed && ["day", "kind", "rule"].every((key) => old.line[key] === line[key]));
    demand(isSame, "I3", "segment: superseding one of another day, kind, feed or rule");
  }

  #applyWithdraw(index, body, signers) {
    demand(this.roster.ingesters.some((key) => signers.has(key.identity)), "W1", "signature: no ingester's");
    demand(this.batches.has(body.batch), "W1", "batch: none that is complete");
    demand(!this.withdrawn.has(body.batch), "W1", "batch: it superseded before");
    this.withdrawn.set(body.batch, index);
  }

  /** The segments that were superseded before an entry, each with the first; by batches that were done before `end`. */
  supersededBefore(index, end = Infinity) {
    const withdrawn = [...this.segments].filter(([, one]) => this.withdrawn.has(one.batch));
    const entries = new Map(withdrawn.map(([segId, one]) => [segId, this.withdrawn.get(one.batch)]));
    for (const { line: { supersedes: old }, last, done } of this.segments.values()) {
      if (this.segments.has(old) && done < end) entries.set(old, Math.min(entries.get(old) ?? last, last));
    }
    return new Map([...entries].filter(([, entry]) => entry < index));
  }

  #applyOpening(index, entry, body, signers) {
    const { roster } = this;
    const isBy = (name) => roster.requesters.has(name) && signers.has(roster.requesters.get(name).identity);
    if (body.type === "intent") {
      const nonce = slot(body.requester, body.nonce);
      demand(isBy(body.requester), "N1", "signature: none of a requester in force");
      demand(!this.nonces.has(nonce), "N1", "nonce: it again", true);
      demand(!this.revoked.has(body.authorization), "N1", "authorization: it revoked", true);
      this.#verifyCodes(body, "N1");
      const told = { ...this.told.get(body.authorization) };
      for (const key of Object.keys(ORDER).filter((one) => body[one] !== "-")) {
        demand((told[key] ??= body[key]) === body[key], "N1", "codes: others than in an earlier intent of it");
      }
      const debt = body.rules && this.#beginDebt(entry.time, body);
      this.told.set(body.authorization, told);
      this.nonces.add(nonce);
      const opening = { index, intent: body, time: entry.time, roster, draw: null, drawn: 0, close: null };
      this.openings.set(index, { ...opening, ...debt });
      return;
    }
    const [isDraw, code] = body.type === "draw" ? [true, "D1"] : [false, "C1"];
    const opening = this.openings.get(body.intent);
    demand(opening && !opening.close, code, "intent: none, or a closed one, at this index", opening);
    demand(isBy(opening.intent.requester), code, "signature: none of the intent's requester");
    if (isDraw) demand(!opening.draw, code, "intent: a second draw", true);
    else demand(body.records <= opening.drawn, code, `records: more than the ${opening.drawn} that were drawn`);
    if (!isDraw) this.#verifyCodes(body, code);
    const step = isDraw ? { draw: { index, body }, drawn: body.records } : { close: { index, body, time: entry.time } };
    this.openings.set(body.intent, { ...opening, ...step });
  }

  /** Rule N1 for an intent that names rules: an emergency. */
  #beginDebt(time, { rules, requester, urgency }) {
    const isKnown = rules.every((name) => this.roster.emergency && this.roster.rules.has(name));
    demand(isKnown, "N1", "rules: some without an emergency rule in force", true);
    demand(["-", "emergency"].includes(urgency), "N1", "urgency: another, beside rules");
    const since = Math.max(time, this.newest);
    const bar = findBar(this.debts.filter((one) => one.intent.requester === requester), since);
    demand(!bar, "N1", `requester: ${bar}`, true);
    return { since, ratified: [], paid: Infinity };
  }

  async #applyRatify({ note, time }, { intent, authorization, custodian }) {
    const debt = this.openings.get(intent);
    const isDebt = debt?.intent.rules && debt.intent.authorization === authorization;
    demand(isDebt, "E1", "intent: no emergency of this authorization at this index");
    const rosters = [debt.roster, this.roster];
    const own = rosters.flatMap((roster) => roster.custodians).filter((one) => one.name === custodian);
    const signers = await verifySigners(note, own.map((one) => one.auth), "signature");
    demand(signers.size, "E1", "signature: none of a custodian");
    demand(!debt.ratified.includes(custodian), "E1", "custodian: it ratified before", true);
    const ratified = [...debt.ratified, custodian];
    const isEnough = rosters.some((roster) => isRatified(debt.intent.rules, ratified, roster));
    const paid = Math.min(debt.paid, isEnough ? Math.max(time, this.newest) : Infinity);
    this.openings.set(intent, { ...debt, ratified, paid });
  }

  /** The revealed lines of each authorization. */
  get revealed() {
    const reveals = groupBy(this.reveals.map(([, reveal]) => reveal), (one) => one.authorization);
    return new Map([...reveals].map(([name, some]) => [name, some.flatMap((one) => one.shown)]));
  }

  /** The openings that are emergencies. */
  get debts() { return [...this.openings.values()].filter((one) => one.intent.rules); }

  /** The intents that were closed with an answer before another one of the same authorization. */
  partsBefore(index) {
    const { authorization } = this.openings.get(index).intent;
    const own = [...this.openings.values()].filter(({ intent }) => intent.authorization === authorization);
    return own.filter(({ close }) => close?.index < index && close.body.answers > 0).map((one) => one.index);
  }

  /** Codes are those that the roster in force shows; who signed before it came may have shown those of another. */
  #verifyCodes(body, code) {
    const { outcome = "-", records, "unconfirmed-cells": unconfirmed } = body;
    const isFitting = (outcome === "none") === (records === 0) && !(outcome === "full" && unconfirmed);
    const isGood = (one) => isAsShown(body, one) && (outcome === "-" || isFitting);
    demand(isGood(this.roster), code, "codes: not the roster's, or against the records", this.rosters.some(isGood));
  }

  async #applyMark(index, body, signers, note) {
    const own = slot(body.custodian, body.day ?? body.segment);
    if (body.type === "fault") {
      await this.#verifyFault(body, signers, note);
      this.accused.set(body.object, [...(this.accused.get(body.object) ?? []), [body.accuser, body.accused]]);
      return;
    }
    if (body.type === "revoke") {
      demand(this.roster.maskOf((one) => signers.has(one.auth.identity)), "F1", "signature: no custodian's auth");
      this.revoked.add(body.authorization);
      return;
    }
    const key = this.#keyOf(body.custodian, body.type === "refuse" ? "auth" : "resp", "F1");
    // its key may be of a custodian that has left
    const isSigned = signers.has(key.identity) || (await verifySigners(note, [key], "signature")).has(key.identity);
    demand(isSigned, "F1", "signature: none of the custodian's");
    if (body.type === "refuse") {
      this.#verifyCodes(body, "F1");
      this.refusals.push(body);
    } else if (body.type === "destroy") {
      const isFirst = this.keys.has(own) && !this.destroyed.has(own);
      demand(isFirst, "F1", "destroy: no key, or one destroyed before", this.destroyed.has(own));
      this.destroyed.set(own, index);
    } else if (body.type === "receipt") {
      const isFirst = this.segments.has(body.segment) && !this.receipts.has(own);
      demand(isFirst, "F1", "receipt: no segment, or a second one", this.receipts.has(own));
      const spoke = this.accused.get(`segment ${body.segment}`)?.some(([accuser]) => accuser === body.custodian);
      demand(!spoke, "F1", "receipt: an accusation of this custodian before it", true);
      this.receipts.set(own, body.canaries);
    }
  }

  /** Rule F2: an accusation is about something in the log, by a party that can have seen it, and new. */
  async #verifyFault(body, signers, note) {
    const { accuser, accused, object } = body;
    const said = this.accused.get(object) ?? [];
    const isNew = !said.some(([one, other]) => one === accuser && other === accused);
    demand(isNew, "F2", "object: found this accusation before", true);
    const [kind, name] = object.split(" ");
    const key = this.roster.requesters.get(accuser);
    const isSigned = key && signers.has(key.identity);
    if (kind === "intent") {
      const opening = [...this.openings].find(([index]) => String(index) === name)?.[1];
      const isOpen = opening && !opening.close && opening.intent.requester === accuser;
      demand(isOpen, "F2", "object: no open intent of the accuser", opening);
      demand(isSigned, "F2", "signature: none of the accuser, in force");
      demand(this.rosters.some((one) => one.find(accused)), "F2", "accused: no custodian");
      return;
    }
    const segment = this.segments.get(name);
    demand(segment, "F2", "object: no such segment");
    const isIngester = segment.roster.ingesters.some((item) => item.name === accused);
    if (key) demand(isSigned, "F2", "signature: none of the accuser, in force");
    else {
      const resp = this.#keyOf(accuser, "resp", "F2");
      demand((await verifySigners(note, [resp], "signature")).has(resp.identity), "F2", "signature: no accuser's");
      demand(heldBy(segment, accuser).length, "F2", "accuser: it holding no part of the segment");
      const spoke = this.receipts.has(slot(accuser, name)) || said.some(([one]) => one === accuser);
      demand(!spoke, "F2", "accuser: found that it spoke of this segment before", true);
      demand(isIngester, "F2", "accused: no ingester of the segment's roster");
    }
    if (isIngester) {
      demand(body.evidence === segment.line.headerHash, "F2", "evidence: not the header");
      return;
    }
    const names = [...new Set(this.rosters.flatMap((one) => one.custodians.map((item) => item.name)))].sort();
    const given = names.filter((item) => this.receipts.has(slot(item, name)));
    demand(given.includes(accused), "F2", "accused: no ingester and no receipt of such a custodian");
    const parts = given.flatMap((item) => [prefixed(encode(item)), unhex(this.receipts.get(slot(item, name)))]);
    const made = hex(await hashOf("receipts", concat(unhex(name), ...parts)));
    demand(body.evidence === made, "F2", "evidence: not the receipts");
  }

  /** Whether, after an entry, the custodians that did not destroy the key of its day no longer satisfy its lock. */
  isDead({ line, roster }, index) {
    const left = roster.maskOf((one) => !(this.destroyed.get(slot(one.name, line.day)) <= index));
    return !isSatisfied(roster.rules.get(line.rule).lock, left);
  }
}

/** State after [index, raw entry] pairs in ascending order. */
export async function replay(origin, genesis, entries, sparse = false) {
  const state = new State(origin, genesis, sparse);
  for (const [index, raw] of entries) await state.apply(index, raw);
  return state;
}
