// Steps 10 and 11 of the audit of an answer: draw, repeats, files and totals (docs/formats/answer.md).

import {
  compareLists, compareTexts, encode, groupBy, hashOf, hex, isEqual, parseHex, sha256, unhex, verifyThat,
} from "./wire.js";
import { isText, MAX_SMALL_JSON, parseJson } from "./json.js";
import { BATCH_KEYS, cellKey } from "./evidence.js";

const [DURATION, ANSWERED] = [4, 5]; // columns behind the subject's
const COLUMNS = ["subject", "kind", "direction", "peer", "start_utc", "duration_s", "answered", "cell"];
// bits of a layout that add the column; its place in a row
const DEVICES = [[96, "number", 7], [2, "imei", 8], [4, "imsi", 9]];

/** Step 10: the draw commits to exactly the cells of lane 2 and has their total. */
export async function verifyDraw({ opening, digests }) {
  const data = digests.filter((digest) => digest.lane === 2);
  verifyThat(Boolean(opening.draw) === data.length > 0, "requests: found lane 2 without a draw, or a draw without it");
  for (const digest of data) {
    const { table, records } = opening.draw.body;
    verifyThat(hex(await hashOf("draw", digest.salt, digest.rawCells)) === table, "draw: another table");
    const total = digest.cells.reduce((sum, cell) => sum + cell.count, 0);
    verifyThat(total === records, `draw: found ${records} records`);
  }
}

/** Rows grouped by batch, or by another number, in its order. */
const inOrder = (rows, keyOf = (one) => one.batch) =>
  [...groupBy(rows, keyOf)].sort((a, b) => a[0] - b[0]).map(([, group]) => group);

/** The rows that stand, by their values: those of the batch and line with most, then the earliest, then the first. */
function findStanding(rows) {
  const equal = groupBy(rows, (one) => JSON.stringify([one.own, ...one.row]));
  return new Map([...equal].map(([said, alike]) => [
    said, inOrder(alike, (one) => one.batch * 100 + one.subject) // a note has at most 20 lines
      .reduce((most, group) => (group.length > most.length ? group : most), []),
  ]));
}

/** A later batch with n rows of an event overtakes n rows of it in an earlier one; marked rows are counted first. */
function markOvertaken(rows, marks) {
  const eventOf = ({ own, feed, row }) =>
    JSON.stringify([own, feed, row.slice(0, DURATION), row.slice(ANSWERED + 1)]);
  const rank = (one) => [marks.get(one) ? 0 : 1, one.row[ANSWERED] === "true" ? 1 : 0, Number(one.row[DURATION])];
  for (const alike of groupBy(rows, eventOf).values()) {
    let most = 0;
    for (const group of inOrder(alike).reverse()) {
      const ordered = [...group].sort((a, b) => compareLists(rank(a), rank(b)));
      for (const one of ordered.slice(0, most)) if (!marks.get(one)) marks.set(one, "overtaken");
      most = Math.max(most, group.length);
    }
  }
}

/**
 * The mark of every row: "repeated", "overtaken" or "". `living`: for rows of superseded batches those of all others,
 * whose own marks are those without this.
 */
function markRepeats(rows, living = []) {
  const [current, standing] = [findStanding(living), findStanding(rows)];
  const marks = new Map([...rows.map((one) => [one, "repeated"]), ...living.map((one) => [one, ""])]);
  for (const [said, some] of standing) for (const one of some.slice(current.get(said)?.length ?? 0)) marks.set(one, "");
  markOvertaken([...standing.values(), ...current.values()].flat(), marks);
  return marks;
}

const quote = (field) => (/[,"\n\r]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field);

/** The bytes of a file of records; `further`: the columns behind the devices, the mark and perhaps the batch. */
function formatCsv({ claims, stored, paper }, rows, marks, further) {
  const layouts = claims.cells.map((cell) => stored.get(cell.segment).header.layout);
  const devices = DEVICES.filter(([bit]) => layouts.some((layout) => layout & bit));
  const lines = rows.map((one) => {
    const kept = [...one.row.slice(0, 7), ...devices.map(([, , at]) => one.row[at])];
    return [one.subject, [...kept, ...[marks.get(one), one.name].slice(0, further.length)]];
  });
  const order = ([, row]) => [row[3], ...row.slice(0, 3), ...row.slice(4)];
  lines.sort((a, b) => a[0] - b[0] || compareLists(order(a), order(b)));
  const head = [...COLUMNS, ...devices.map(([, name]) => name), ...further];
  const told = lines.map(([subject, row]) => [paper.subjects[subject - 1].text, ...row]);
  return encode([head, ...told].map((row) => `${row.map(quote).join(",")}\n`).join(""));
}

/** The superseded batches whose cells were asked, with the entries that superseded them before the intent. */
function expectBatches(claims, state, rows, marks) {
  const superseded = state.supersededBefore(claims.intent);
  const asked = claims.cells.map((cell) => cell.segment).filter((segId) => superseded.has(segId));
  const named = groupBy(asked, (segId) => state.segments.get(segId).batch);
  return [...named].sort((a, b) => compareTexts(a[0], b[0])).map(([batch, segIds]) => {
    const by = new Set(segIds.map((segId) => superseded.get(segId)));
    const own = rows.filter((one) => one.name === batch);
    const { feed } = state.segments.get(segIds[0]);
    return [batch, feed, [...by].sort((a, b) => a - b), own.length, own.filter((one) => marks.get(one)).length];
  });
}

/** Step 11: both files byte for byte, the result in the close entry, and all totals. */
export async function verifyResult(audit) {
  const { claims, files, read, state, opening, opened, paper } = audit;
  const [{ cells }, close] = [claims, opening.close.body];
  verifyThat(opened.size === cells.length, "records.csv: found cells that cannot be recomputed");
  const rowsOf = (isSuperseded) => cells.filter((cell) => cell.superseded === isSuperseded).flatMap((cell) => {
    const { feed, subject, segment } = cell;
    const { batch: name, first: batch } = state.segments.get(segment);
    const line = /^im[es]i:/.test(paper.subjects[subject - 1].text) ? "" : subject; // else its devices say whose it is
    return opened.get(cellKey(cell)).rows
      .map((row) => ({ name, batch, feed, subject, row, own: row[7] || line }));
  });
  const [told, apart] = [rowsOf(false), rowsOf(true)];
  const [marks, oldMarks] = [markRepeats(told), markRepeats(apart, told)];
  const stored = files.read("records.csv", 2 ** 31);
  const storedOld = files.has("superseded.csv") ? files.read("superseded.csv", 2 ** 31) : new Uint8Array();
  const records = formatCsv(audit, told, marks, ["repeat"]);
  verifyThat(isEqual(stored, records), "records.csv: other bytes than the evidence gives", { file: "records.csv" });
  const old = apart.length ? formatCsv(audit, apart, oldMarks, ["repeat", "batch"]) : new Uint8Array();
  verifyThat(isEqual(storedOld, old), "superseded.csv: other bytes than evidence gives", { file: "superseded.csv" });
  const stated = claims.superseded_batches.map((one) => Object.keys(BATCH_KEYS).map((key) => one[key]));
  const isSame = JSON.stringify(stated) === JSON.stringify(expectBatches(claims, state, apart, oldMarks));
  verifyThat(isSame, "answer.json superseded_batches: others than the entries before the intent have");
  const secrets = parseJson(read("secrets.json", MAX_SMALL_JSON), "secrets.json", { result_salt: isText });
  const salt = unhex(parseHex(secrets.result_salt, 32, "result_salt"));
  const result = hex(await hashOf("result", salt, await sha256(stored), await sha256(storedOld)));
  verifyThat(result === close.result, "close: another result than the files give");
  const repeated = told.filter((one) => marks.get(one)).length;
  const totals = [claims.records, claims.repeated_records, claims.superseded_records];
  verifyThat(isEqual(totals, [told.length, repeated, apart.length]), "answer.json: other totals of records");
  const days = [...new Set(cells.map((cell) => cell.day))].sort();
  const outside = cells.reduce((sum, cell) => sum + cell.outside_period, 0);
  const [{ drawn }, all] = [opening, told.length + apart.length];
  const unconfirmed = cells.filter((cell) => cell.status === "unconfirmed").length;
  verifyThat(all + outside <= drawn && (unconfirmed || all + outside === drawn), `draw: found ${drawn} records`);
  const isTold = outside === claims.outside_period && isEqual(claims.days_opened, days);
  verifyThat(isTold, "answer.json: other totals outside the periods, or other UTC days opened");
  const expected = { records: all, answers: claims.answers, "unconfirmed-cells": unconfirmed };
  for (const key of Object.keys(expected)) verifyThat(close[key] === expected[key], `close ${key}: another number`);
  const isEach = new Set(cells.filter((one) => one.records).map((one) => one.subject)).size === paper.subjects.length;
  const outcome = isEach && !unconfirmed ? "full" : "part";
  verifyThat(["-", all ? outcome : "none"].includes(close.outcome), "close outcome: another");
}
