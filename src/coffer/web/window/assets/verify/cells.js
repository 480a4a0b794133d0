// Step 9 of the audit of an answer: labels, rows and status of every cell (docs/formats/answer.md, segment.md).

import {
  ascii, attempt, compareLists, DAY, dayNumber, decodeUtf8, formatTime, groupBy, hashOf, hex, isEqual, parseTime,
  popcount, verifyThat,
} from "./wire.js";
import { pause } from "./steps.js";
import { cellKey, EXTRA_BYTES, segmentOf } from "./evidence.js";

const DIRECTIONS = ["out", "in", "forwarded", "other"];
// characters that are not displayed as themselves (docs/formats/visible.md)
const UNSEEN = new RegExp(
  "[\\0-\\x1f\\x7f-\\x9f\\xad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u200b-\\u200f\\u2028-\\u202e" +
    "\\u2060-\\u206f\\u2800\\u3164\\u{d800}-\\u{dfff}\\ufdd0-\\ufdef\\ufe00-\\ufe0f\\ufeff\\uffa0\\ufff0-\\ufffb" +
    "\\ufffe\\uffff\\u{1bca0}-\\u{1bca3}\\u{1d173}-\\u{1d17a}\\u{e0000}-\\u{e0fff}]", "gu",
);
export const writeVisibly = (text) => text.replace(UNSEEN, (one) => `\\u{${one.codePointAt(0).toString(16)}}`);

// what UTF-8 writes in several bytes (Unicode, table 3-7), or a byte that is no part of it
const TAIL = "[\\x80-\\xbf]";
const SEVERAL = new RegExp(
  `(?:[\\xc2-\\xdf]|(?:[\\xe1-\\xec\\xee\\xef]|\\xe0(?=[\\xa0-\\xbf])|\\xed(?=[\\x80-\\x9f]))${TAIL}|` +
    `(?:[\\xf1-\\xf3]|\\xf0(?=[\\x90-\\xbf])|\\xf4(?=[\\x80-\\x8f]))${TAIL}{2})${TAIL}|[\\x80-\\xff]`, "g",
);

/** Text of bytes that may be cut within a character; each byte that is none of a text's becomes a lone surrogate. */
export const decodeCut = (bytes) => ascii(bytes).replace(SEVERAL, (found) => {
  const own = Uint8Array.from(found, (one) => one.charCodeAt(0));
  return own.length > 1 ? decodeUtf8(own, "row") : String.fromCharCode(0xdc00 + own[0]);
});

const xor = (a, b) => a.map((byte, i) => byte ^ b[i]);

/** By lane, segment and subject the windows [first, count, request, place in it], ascending; the last of equal ones. */
function findWindows(digests) {
  const windows = digests.flatMap(({ lane, cells }, number) =>
    cells.map((cell, at) => [`${lane} ${cellKey(cell)}`, [cell.first, cell.count, number, at]]));
  return new Map([...groupBy(windows, ([key]) => key)].map(([key, own]) => {
    const last = new Map(own.map(([, item]) => [item.slice(0, 2).join(), item]));
    return [key, [...last.values()].sort(compareLists)];
  }));
}

/** The combined replies of the cell's `by`, null if a clause is missing; and whether each clause is confirmed. */
function combine(proven, [, , number, at], cell) {
  const { values, conduct } = proven;
  const silent = cell.by.filter((name) => !values.has(`${number} ${name}`));
  verifyThat(!silent.length || cell.status === "unconfirmed", "cell by: no reply of one to a request");
  const { line, roster } = segmentOf(proven.state, cell.segment);
  let [combined, isConfirmed] = [null, true];
  for (const mask of roster.rules.get(line.rule).lock.clauses) {
    const replies = [...conduct.keys()].map((name) => [name, values.get(`${number} ${name}`)?.[at].get(mask)]);
    const said = replies.filter(([, value]) => value);
    const agreed = said.filter(([name]) => cell.by.includes(name));
    const value = agreed[0]?.[1];
    verifyThat(agreed.every(([, one]) => isEqual(one, value)), "cell: found replies of its by that disagree");
    const isLiar = ([name, one]) => value && !isEqual(one, value) && conduct.get(name) !== "fault";
    verifyThat(!said.some(isLiar), "cell: a reply that disagrees and no fault named");
    if (!value) return [null, false];
    combined = combined ? xor(combined, value) : value;
    isConfirmed &&= agreed.length >= 2 || popcount(mask) === 1;
  }
  return [combined, isConfirmed];
}

function bisect(size, isBefore) {
  let [low, high] = [0, size];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isBefore(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The entries that may hold a label: from the last one below it, or the first one, to the last one not above it. */
function candidates(entries, label) {
  const [start, end] = [0, 1].map((most) => bisect(entries.length, (i) => compareLists(entries[i][0], label) < most));
  const from = Math.max(start - 1, 0);
  return Array.from({ length: Math.max(end - from, 0) }, (_, i) => from + i);
}

/** The rows under a label; every page and batch that may hold one must be in the evidence. */
function rowsOf({ header, directory, pages, batches }, label) {
  const rows = [];
  for (const number of candidates(directory, label)) {
    const page = pages.get(number);
    verifyThat(page, `manifest page ${number}: none in the evidence`);
    for (const at of candidates(page, label)) {
      const batch = batches.get(number * header.pageBatches + at);
      verifyThat(batch, `batch ${number * header.pageBatches + at}: none in the evidence`);
      const order = (i) => compareLists(batch.subarray(i * header.width, i * header.width + 8), label);
      const count = batch.length / header.width;
      for (let i = bisect(count, (place) => order(place) < 0); i < count && order(i) === 0; i += 1) {
        rows.push(batch.subarray(i * header.width, (i + 1) * header.width));
      }
    }
  }
  return rows;
}

/** The rows under each label up to the first without rows (a miss), whether there was one, and if it is confirmed. */
function findLabels(proven, cell) {
  const hits = [];
  for (const window of proven.windows.get(`1 ${cellKey(cell)}`) ?? []) {
    const [labels, isConfirmed] = combine(proven, window, cell);
    if (!labels || window[0] !== hits.length) break;
    for (let rank = 0; rank < window[1]; rank += 1) {
      const rows = rowsOf(proven.stored.get(cell.segment), labels.subarray(8 * rank, 8 * rank + 8));
      if (!rows.length) return [hits, true, isConfirmed];
      hits.push(rows);
    }
  }
  return [hits, false, false];
}

/** Core and extra of a row; null if its 32 zero bits are not zero, since it is then another's. */
async function decryptRow(row, y, header) {
  header.pi ??= crypto.subtle.importKey("raw", await hashOf("pi", header.segId), "AES-CTR", false, ["encrypt"]);
  // AES of the eight blocks y[0..14] || (y[15] & f8) + j, which WebCrypto gives as a stream of counters
  const counter = Uint8Array.from([...y.subarray(0, 15), y[15] & 0xf8]);
  const how = { name: "AES-CTR", counter, length: 64 };
  const stream = new Uint8Array(await crypto.subtle.encrypt(how, await header.pi, new Uint8Array(128)));
  const plain = row.slice(8);
  for (let i = 0; i < plain.length; i += 1) {
    const [j, at] = [i >> 4, i & 15];
    plain[i] ^= stream[16 * ((y[15] & 7) ^ j) + at] ^ (at === 15 ? y[15] ^ j : y[at]);
  }
  if (plain.subarray(12, 16).some(Boolean)) return null;
  return [BigInt(`0x${hex(plain.subarray(0, 16))}`), plain.subarray(16)];
}

function textOf(raw, capacity) {
  const length = raw[0];
  verifyThat(length <= capacity && !raw.subarray(1 + length).some(Boolean), "row: a malformed string in the extra");
  return decodeUtf8(raw.subarray(1, 1 + length), "row");
}

/** The digits of peer types 4 to 6: the number of all shorter strings of digits, plus the value of this one. */
function formatDialled(kind, peer, home) {
  const size = String(9n * peer + 1n).length - 1;
  const digits = size ? String(peer - (10n ** BigInt(size) - 1n) / 9n).padStart(size, "0") : "";
  const fits = { 4: size >= 1 && size <= 15, 5: size === 14 || size === 15, 6: size === 15 }[kind];
  verifyThat(home && fits, "row: found malformed dialled digits, or a header without a home country");
  return `dialled:${home}/${{ 4: digits, 5: `00${digits}`, 6: `${digits}~` }[kind]}`;
}

/** A party that is no text; empty for nobody. */
function formatParty(kind, peer, home) {
  if (kind === 1) {
    verifyThat(peer > 0n && peer < 10n ** 15n, "row: an impossible number");
    return `tel:+${peer}`;
  }
  if (kind === 3) {
    const [first, second] = [(peer >> 40n) / 26n, (peer >> 40n) % 26n];
    const digits = String(peer & ((1n << 40n) - 1n));
    verifyThat(first < 26n && /^1[0-9]{1,11}$/.test(digits), "row: a malformed short code");
    return `short:${String.fromCharCode(65 + Number(first), 65 + Number(second))}/${digits.slice(1)}`;
  }
  if (kind) return formatDialled(kind, peer, home);
  verifyThat(peer === 0n, "row: a peer beside its type");
  return "";
}

function formatPeer(kind, peer, fields, { segmentKind, feed, home }) {
  const hasString = [8, 16].some((bit) => fields.get(bit)?.some(Boolean));
  verifyThat(hasString === (kind === 2), "row: a string beside another type of peer, or none");
  const party = formatParty(kind === 2 ? 0 : kind, peer, home);
  if (kind !== 2) return party;
  const sender = textOf(fields.get(8) ?? new Uint8Array(16), 15);
  if (sender) return `sender:${writeVisibly(sender)}`;
  const long = fields.get(16) ?? new Uint8Array(64);
  const scheme = segmentKind === "email" ? "mailto:" : `opaque:${feed}/`;
  // the string was cut to 31 bytes, perhaps within a character
  if (long[0] === 255) return `${scheme}${writeVisibly(decodeCut(long.subarray(33)))}~${hex(long.subarray(1, 33))}`;
  const text = textOf(long, 63);
  verifyThat(text, "row: no string");
  return scheme + writeVisibly(text);
}

/** The seven columns after `subject`, then the own number, IMEI and IMSI; and the LAST flag. */
export function formatRow(core, extra, { layout, day, kind, feed, home }) {
  const part = (shift, bits) => Number((core >> BigInt(shift)) & ((1n << BigInt(bits)) - 1n));
  const [type, second, duration, flags] = [part(124, 4), part(57, 17), part(37, 20), part(32, 5)];
  verifyThat(second < DAY && type <= 6, "row: an impossible second or peer type");
  const fields = new Map();
  let at = 0;
  for (const [bit, size] of EXTRA_BYTES) if (layout & bit) fields.set(bit, extra.subarray(at, (at += size)));
  const number = (bit) => BigInt(`0x${hex(fields.get(bit) ?? [0])}`);
  const peer = formatPeer(type, (core >> 74n) & ((1n << 50n) - 1n), fields, { segmentKind: kind, feed, home });
  const [cell, pad] = [number(1), (value, size) => String(value).padStart(size, "0")];
  const codes = [pad(cell >> 54n, 3), pad((cell >> 44n) & 1_023n, 2), (cell >> 28n) & 65_535n, cell & 0xfffffffn];
  const start = formatTime(dayNumber(day) * DAY + second);
  const device = (bit, digits) => (number(bit) ? pad(number(bit), digits) : "");
  const devices = [layout & 32 ? device(2, 0).slice(1) : device(2, 14), device(4, 6)]; // an IMEI behind a 1
  const [own, ownType] = [number(96), Number(number(96) >> 60n)];
  verifyThat(!(own & 1_023n) && ownType !== 2 && ownType <= 6, "row: a malformed number of its own party");
  const ownNumber = formatParty(ownType, (own >> 10n) & ((1n << 50n) - 1n), home);
  const shown = [kind === "call" ? String(duration) : "", flags & 4 ? "true" : "false", cell ? codes.join("-") : ""];
  return [[kind, DIRECTIONS[flags >> 3], peer, start, ...shown, ownNumber, ...devices], Boolean(flags & 1)];
}

/** Columns and LAST flag of the candidate that opens; null if none does, or if no ingester writes such a row. */
async function openRow(proven, cell, candidates, y) {
  const { header } = proven.stored.get(cell.segment);
  for (const row of candidates) {
    const plain = await decryptRow(row, y, header);
    if (plain) return attempt(() => formatRow(...plain, { ...header, ...cell }), () => null);
  }
  return null;
}

/** Status and rows of a cell; `outside`: how many rows are outside the subject's periods. */
async function openCell(proven, cell) {
  const [hits, isMissed, isConfirmed] = findLabels(proven, cell);
  for (const window of proven.windows.get(`2 ${cellKey(cell)}`) ?? []) {
    const [data] = combine(proven, window, cell);
    const isAll = window[1] === hits.length;
    verifyThat(isAll || !data || !cell.by.length, `draw: found ${window[1]} ranks`);
    if (!data || !isAll) continue;
    const rows = [];
    for (const [rank, candidates] of hits.entries()) {
      rows.push(await openRow(proven, cell, candidates, data.subarray(16 * rank, 16 * rank + 16)));
    }
    const isComplete = rows.every((row, i) => row && row[1] === (i === rows.length - 1));
    if (!rows.length || !isComplete) return { status: "unconfirmed", rows: [], outside: 0 };
    const { periods } = proven.paper.subjects[cell.subject - 1];
    const isWithin = (time) => periods.some(([first, end]) => first <= time && time < end);
    const within = rows.map(([row]) => row).filter((row) => isWithin(parseTime(row[3], "row")));
    return { status: "complete", rows: within, outside: rows.length - within.length };
  }
  return { status: isMissed && isConfirmed && !hits.length ? "no records" : "unconfirmed", rows: [], outside: 0 };
}

/** Step 9: recompute every cell. Each that differs is a violation of its own, so that it does not hide the others. */
export async function verifyCells(audit) {
  const [{ claims, findings }, opened] = [audit, new Map()];
  const proven = { ...audit, windows: findWindows(audit.digests) };
  for (const [number, cell] of claims.cells.entries()) {
    if (number % 64 === 0) await pause();
    await attempt(async () => {
      const isKnown = cell.by.every((name) => proven.conduct.has(name));
      verifyThat(isKnown && new Set(cell.by).size === cell.by.length, "cell by: an unknown custodian or one twice");
      const one = await openCell(proven, cell);
      opened.set(cellKey(cell), one);
      const place = `cell of subject line ${cell.subject}`;
      verifyThat(cell.status === one.status, `${place}: another status`);
      verifyThat(cell.records === one.rows.length && cell.outside_period === one.outside, `${place}: other records`);
    }, ({ message }) => findings.violate("CELL", message, { segment: cell.segment, line: cell.subject }));
  }
  return { opened };
}
