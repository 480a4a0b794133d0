// Steps 6 to 8 of the audit of an answer: who asked, agreed and replied (docs/formats/answer.md, exchange.md).

import {
  compareLists, concat, Cursor, encode, hex, isAscending, isEqual, refuseUnless, sha256, verifyThat,
} from "./wire.js";
import { hasKeys } from "./json.js";
import { findCosigners, findLack, parseCheckpoint, verifyCheckpoint } from "./notes.js";
import { heldBy, isSatisfied } from "./entries.js";
import { BACK_DATING } from "./state.js";
import { cellKey, segmentOf } from "./evidence.js";
import { findCountries, ruleUnder } from "./completeness.js";

const NO_DRAW = 2n ** 64n - 1n;
const CODES = { 1: "scope", 2: "time", 3: "budget", 4: "log", 5: "internal" };
const format2 = (number) => String(number).padStart(2, "0");

/** Decode a request as an answer keeps it; verifies nothing but its form. */
export async function parseDigest(raw, place) {
  const cursor = new Cursor(raw, place);
  const [note, seal] = [cursor.prefixed(), cursor.prefixed()];
  const [intent, draw, lane] = [cursor.number(8), cursor.number(8), cursor.number(1)];
  const [salt, rawCells] = [cursor.take(32), cursor.prefixed()];
  const [checkpoint, hashes] = [cursor.prefixed(), cursor.prefixed()];
  const [body, signature] = [raw.subarray(0, cursor.at), cursor.take(64)];
  cursor.end();
  const [rows, cells] = [new Cursor(rawCells, place), []];
  while (!rows.isAtEnd()) {
    cells.push({ segment: hex(rows.take(32)), subject: rows.number(1), first: rows.number(4), count: rows.number(4) });
  }
  const isOrdered = cells.length && isAscending(cells.map(Object.values), compareLists);
  refuseUnless(isOrdered && hashes.length % 32 === 0, `${place}: found cells out of order or form`);
  const isPlain = lane === 2 || (lane === 1 && draw === NO_DRAW && salt.every((byte) => byte === 0));
  refuseUnless(isPlain && seal.length === 1_216, `${place}: another lane, draw, salt or seal key`);
  const headerHashes = hex(hashes).match(/.{64}/g) ?? [];
  const hash = await sha256(raw);
  return { note, seal, intent, draw, lane, salt, cells, rawCells, checkpoint, headerHashes, body, signature, hash };
}

/** For each cell the partials by clause; `held`: for each cell the clauses that the custodian holds. */
export function parsePayload(payload, digest, number, held) {
  const [cursor, size] = [new Cursor(payload, "reply"), digest.lane === 1 ? 8 : 16];
  const head = concat(encode("COFRSP01"), [number, digest.lane], digest.hash);
  verifyThat(isEqual(cursor.take(42), head), "reply: another request's");
  const take = (mask, cell) => [mask, cursor.take(size * cell.count)];
  const partials = digest.cells.map((cell, i) => new Map(held[i].map((mask) => take(mask, cell))));
  cursor.end();
  return partials;
}

export function parseRefusal(payload, digest, number) {
  const head = concat(encode("COFERR01"), [number], digest.hash);
  verifyThat(isEqual(payload.subarray(0, -1), head), "refusal: another request's");
  verifyThat(CODES[payload.at(-1)], "refusal: an unknown code");
  return CODES[payload.at(-1)];
}

/** Step 6: each request is the requester's, for this opening, under a checkpoint that enough custodians cosigned. */
export async function verifyRequests({ files, read, claims, key, checkpoint, state, opening, paper, roster }) {
  const names = files.names("evidence/requests");
  const expected = names.map((_, i) => `${format2(i)}.digest`).sort();
  verifyThat(isEqual(names, expected), "requests: other names than <nn>.digest");
  const [digests, asked, cap] = [[], new Set(), paper.isHub ? 2 ** 32 : opening.roster["cell-cap"]];
  for (const i of names.keys()) {
    const place = `request ${format2(i)}`;
    const digest = await parseDigest(read(`requests/${format2(i)}.digest`), place);
    const message = concat(encode("coffer/v1/request\n"), await sha256(digest.body));
    const isSigned = await paper.key.isValid(digest.signature, message);
    verifyThat(isSigned, `${place}: no valid signature of the requester`, { request: i });
    verifyThat(isEqual(digest.note, paper.raw), `${place}: another authorization`);
    verifyThat(hex(await sha256(digest.seal)) === paper.seal, `${place}: another seal key`);
    verifyThat(digest.intent === claims.intent, `${place}: another intent`);
    verifyThat(digest.lane === 1 || digest.draw === claims.draw, `${place}: another draw`);
    const seen = await verifyCheckpoint(parseCheckpoint(digest.checkpoint, `${place} checkpoint`), key);
    digests.push({ ...digest, seen });
    const needed = digest.lane === 1 ? digest.intent : digest.draw;
    const isFork = seen.size === checkpoint.size && !isEqual(seen.root, checkpoint.root);
    const isWithin = needed < seen.size && seen.size <= checkpoint.size && !isFork;
    verifyThat(isWithin, `${place} checkpoint: another size or root`);
    const ids = [...new Set(digest.cells.map((cell) => cell.segment))].sort();
    const wanted = ids.map((segId) => segmentOf(state, segId).line.headerHash);
    verifyThat(digest.headerHashes.join() === wanted.join(), `${place}: other header hashes than the log's`);
    const isInBounds = ({ first, count }) =>
      count >= 1 && (digest.lane === 1 ? count <= 64 && first % 64 === 0 && first <= cap : first === 0 && count <= cap);
    verifyThat(digest.cells.every(isInBounds), `${place}: found ranks out of bounds`);
    digest.cells.forEach((cell) => asked.add(cellKey(cell)));
    const times = await findCosigners(seen, roster);
    const timely = new Set([...times].filter(([, time]) => time >= opening.time - BACK_DATING).map(([name]) => name));
    const lack = findLack(paper.rules, roster, timely);
    verifyThat(lack === null, `${place} checkpoint: cosigned by too few for rule ${lack}`, { rule: lack });
  }
  verifyThat(asked.size <= opening.intent["cells-at-most"], `requests: found ${asked.size} cells`);
  verifyThat(isEqual([...asked].sort(), [...claims.asked].sort()), "answer.json: other cells than were asked");
  return { digests };
}

/** Step 7: the signers satisfy the rule of every cell, and of every subject under the note's roster. */
export function verifyCountersignatures({ claims, state, opening, paper, roster: home, signers, amenders }) {
  const { rules: said } = opening.intent; // of an emergency
  const isUrgent = paper.codes.urgency === "emergency";
  const isSame = !said || (isUrgent && isEqual(said, paper.rules) && opening.roster.hash === home.hash);
  verifyThat(isSame, "intent: an emergency, which the authorization is not");
  verifyThat(paper.rules.every((rule) => home.rules.has(rule)), "rules: one that the note's roster has not");
  const verifyRule = (line, roster, name, agreed, isAlsoUrgent = false) => {
    const [mask, rule] = [roster.maskOf((one) => agreed.has(one.auth.identity)), roster.rules.get(name)];
    const isEnough = isSatisfied(rule, mask) || (isAlsoUrgent && rule.urgent && isSatisfied(rule.urgent, mask));
    verifyThat(isEnough, `subject line ${line}: too few countersignatures for ${name}`, { line, rule: name });
    const isAll = !paper.isHub || (mask & rule.everyone) === rule.everyone;
    verifyThat(isAll, `subject line ${line}: found hub: yes unsigned by some`, { line, rule: name });
  };
  for (const [i, subject] of paper.subjects.entries()) {
    const line = i + 1;
    const cells = claims.cells.filter((cell) => cell.subject === line).map((cell) => segmentOf(state, cell.segment));
    const countriesBy = (numbering) => {
      const own = cells.filter(({ roster }) => roster.numbering === numbering);
      const countries = findCountries(subject, own, state.rosters);
      verifyThat(countries.length, `subject line ${line}: a segment of another rule than the subject's`, { line });
      return countries;
    };
    new Set(cells.map((one) => one.roster.numbering)).forEach(countriesBy);
    // if the cells leave the rule open, the note decides: it names the rules of its subjects, and all must hold
    const under = countriesBy(home.numbering).map((one) => ruleUnder(one, home));
    const named = under.filter((rule) => paper.rules.includes(rule));
    verifyThat(named.length, `rules: none for subject line ${line}`, { line });
    const pairs = [...cells.map((one) => [one.roster, one.line.rule]), ...named.map((one) => [home, one])];
    for (const [roster, rule] of pairs) {
      verifyRule(line, roster, rule, signers, said && !paper.isHub);
      // whoever ratifies agrees to the first limit, so only the rule itself raises it
      if (amenders) verifyRule(line, roster, rule, amenders);
    }
  }
}

/** What contradicts the word for a custodian's conduct; "" if its replies confirm it. */
function findContradiction(word, shown, { asked, missing, isAccused }) {
  if (word === "not asked") return asked.length ? "holds a part of a cell that was asked" : "";
  if (!asked.length) return "holds no part of any cell, expected not asked";
  if (word === "answered") return missing.length ? `no answer to request ${missing[0]}` : "";
  if (word === "fault") return isAccused ? "" : "no fault entry about this intent";
  if (word === "no answer" || word === "refused: constant") return missing.length ? "" : "a reply to every request";
  return shown.has(word) ? "" : "no such refusal"; // nor a word that no answer may have
}

/** Step 8: custodians signed their replies and refusals, and acted as answer.json says. */
export async function verifyReplies({ files, read, claims, state, paper, roster, digests }) {
  const shown = new Map(roster.custodians.map((one) => [one.name, new Set()]));
  const values = new Map(); // request and custodian -> for each cell the values by clause
  for (const name of files.names("evidence/replies")) {
    const [, number, i] = (/^([0-9]+)-([0-9]+)\.reply$/.exec(name) ?? []).map(Number);
    const [custodian, digest] = [roster.custodians[i - 1], digests[number]];
    verifyThat(custodian && digest && name === `${format2(number)}-${i}.reply`, "replies: a name");
    const raw = read(`replies/${name}`);
    const payload = raw.subarray(0, -64);
    const hashes = [digest.hash, await sha256(digest.seal), await sha256(payload)];
    const isSigned = await custodian.resp.isValid(raw.subarray(-64), concat(encode("coffer/v1/response\n"), ...hashes));
    verifyThat(isSigned, `reply ${name}: no valid signature of ${custodian.name}`, { custodian: custodian.name });
    if (isEqual(payload.subarray(0, 8), encode("COFERR01"))) {
      shown.get(custodian.name).add(`refused: ${parseRefusal(payload, digest, i)}`);
      continue;
    }
    const held = digest.cells.map((cell) => heldBy(segmentOf(state, cell.segment), custodian.name));
    values.set(`${number} ${custodian.name}`, parsePayload(payload, digest, i, held));
    shown.get(custodian.name).add("answered");
  }
  const { custodians, intent, answers } = claims;
  const accused = state.accused.get(`intent ${intent}`) ?? [];
  const names = [...shown.keys()];
  verifyThat(hasKeys(custodians, names), "answer.json custodians: other names than the roster's");
  for (const [name, words] of shown) {
    const isHolder = (digest) => digest.cells.some((cell) => heldBy(segmentOf(state, cell.segment), name).length);
    const asked = [...digests.keys()].filter((number) => isHolder(digests[number]));
    const missing = asked.filter((number) => !values.has(`${number} ${name}`));
    const isAccused = accused.some(([accuser, one]) => accuser === paper.requester && one === name);
    const why = findContradiction(custodians[name], words, { asked, missing, isAccused });
    verifyThat(!why, `answer.json custodians ${name}: another conduct: ${why}`, { custodian: name });
  }
  const answered = Object.values(custodians).filter((word) => word === "answered").length;
  verifyThat(answers === answered, "answer.json answers: another number than custodians that answered");
  return { values, conduct: new Map(names.map((name) => [name, custodians[name]])) };
}
