// Authorizations, their subjects and their commitment (docs/formats/authorization.md, identity.md).

import {
  concat, DAY, dayNumber, encode, FEED, FREE_TEXT, hashOf, hex, hmac, isDouble, KEY_NAME, KINDS, Lines,
  parseDay, parseDecimal, parseHex, parseInstant, parseMatch, parseTime, parseWords, refuseUnless, u32, u64, unhex,
} from "./wire.js";
import { ORDER, parseRequester, parseRuleNames, SALT_LINE } from "./entries.js";
import { parseNote } from "./notes.js";

const LABEL = "(?!(?!xn).{2}--)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?";
// a local part is plain, or in quotes if it needs them because of (),:;<>[ ] or an escaped quote or backslash
const PLAIN_LOCAL = "[!#-'*+./0-9=?^-~-]+";
const QUOTED_LOCAL = String.raw`"(?=[^"]*(?:[(),:;<>\[\]]|\\["\\]))(?:(?![@A-Z\\"])[!-~]|\\["\\])+"`;
const MAILTO = String.raw`(?=.{1,64}@)(?=.{1,254}$)(?:${PLAIN_LOCAL}|${QUOTED_LOCAL})@${LABEL}(?:\.${LABEL})+`;
const whole = (pattern) => new RegExp(`^(?:${pattern})$`);
// scheme: [pattern of the rest, type byte, label of the hash]
const SUBJECTS = {
  tel: [whole(String.raw`\+[1-9][0-9]{0,14}`), 1, ""],
  mailto: [whole(MAILTO), 2, "email"],
  short: [whole("[A-Z]{2}/[0-9]{3,11}"), 3, "short"],
  sender: [whole("(?=[ -~]*[A-Za-z])[!-~](?:[ -~]{0,13}[!-~])?"), 4, "alnum"],
  dialled: [whole("[A-Z]{2}/[0-9]{1,32}"), 6, "dialled"],
  imsi: [whole("(?:[2-7][0-9]{2}|901)(?![0-9]*0{9}$)[0-9]{11,12}"), 7, ""],
  imei: [whole(String.raw`(?!0[02-9]|1|01234567|(.)\1{7}|.{8}0{6})[0-9]{15}`), 8, ""],
  opaque: [whole(`${FEED.source.slice(1, -1)}/[!-~](?:[ -~]{0,61}[!-~])?`), 5, "opaque"],
};

/** Whether the last digit of an IMEI checks the others: every second digit counts double, as the sum of its digits. */
export const isChecked = (imei) =>
  [...imei].reduce((sum, digit, i) => sum + Number(i % 2 ? "0246813579"[digit] : digit), 0) % 10 === 0;

/** A subject: its sid in hex; its country, null if only tables or the roster know it and "" if there is none. */
export async function parseSubject(text) {
  const at = text.indexOf(":");
  const [scheme, value] = [text.slice(0, at), text.slice(at + 1)];
  const [pattern, kind, label] = (at > 0 && Object.hasOwn(SUBJECTS, scheme) && SUBJECTS[scheme]) || [/(?!)/];
  const isWhole = pattern.test(value) && (kind !== 8 || isChecked(value));
  refuseUnless(isWhole, "subject: another form"); // messages never show it
  const [prefix, ...rest] = value.split("/");
  let body = [3, 5, 6].includes(kind) ? `${prefix}\0${rest.join("/")}` : value;
  if (kind === 4) body = body.toUpperCase();
  const digits = { 1: value.slice(1), 7: value, 8: value.slice(0, 14) }[kind];
  const id = digits ? concat(new Uint8Array(7), u64(digits)) : (await hashOf(label, encode(body))).subarray(0, 15);
  const country = [1, 7, 8].includes(kind) ? null : [3, 6].includes(kind) ? prefix : "";
  return { text, sid: hex([kind, ...id]), country, feed: kind === 5 ? prefix : "" };
}

/** The commitment over the hashes of all lines but the salt's. */
async function commit(roster, salt, lines) {
  const open = [...lines.entries()].filter(([i]) => i !== SALT_LINE);
  const hashes = await Promise.all(
    open.map(async ([i, line]) => hashOf("line", await hmac(salt, u32(i)), encode(line))));
  return hex(await hashOf("auth", unhex(roster), ...hashes));
}

/** The UTC days that periods touch, as numbers; at most 92. */
function daysOf(periods) {
  const days = new Set();
  for (const [first, end] of periods) {
    const [day, last] = [Math.floor(first / DAY), Math.floor((end - 1) / DAY)];
    refuseUnless(last - day < 92, "period: over 92 UTC days");
    for (let one = day; one <= last; one += 1) days.add(one);
  }
  refuseUnless(days.size <= 92, "period: over 92 UTC days in all");
  return days;
}

// codes of times (entries.md, "Codes"), each with the seconds that are too many for it
const AGES = [["w4", 29 * DAY], ["w10", 71 * DAY], ["w26", 183 * DAY], ["w52", 367 * DAY], ["more", Infinity]];
const SPANS = [["h8", 28_801], ["d1", 2 * DAY], ["d3", 4 * DAY], ["d10", 11 * DAY], ["later", Infinity]];
export const spanCode = (seconds, codes = SPANS) => codes.find(([, end]) => seconds < end)[0];

/** Read the lines about the order behind it: when it came, and the codes that they give. */
function parseOrdered(lines) {
  const keys = ["class", "urgency", "issued-by", "issued-in"];
  const said = keys.map((key) => ORDER[key](lines.take(key), key));
  // a person asks for their own data, and nobody else does
  refuseUnless(!said.includes("-") && (said[0] === "access") === (said[2] === "person"), "class: not the issuer's");
  const received = parseInstant(lines.take("received"));
  const wait = lines.isNext("due") ? parseInstant(lines.take("due")) - received : null;
  refuseUnless(wait === null || (wait > 0 && wait <= 366 * DAY), "due: not after received or over 366 days later");
  const files = lines.takeAll(["order"], 0, 8).map(([, value]) => parseWords(value, 2, "order"));
  for (const [, size] of files) parseDecimal(size, "order", 1, 2 ** 23);
  refuseUnless(!isDouble(files.map(([digest]) => parseHex(digest, 32, "order"))), "order: a file twice");
  const codes = Object.fromEntries(keys.map((key, i) => [key, said[i]]));
  return { received, codes: { ...codes, due: wait === null ? "none" : spanCode(wait) } };
}

async function parseSubjects(lines) {
  const subjects = [];
  while (!subjects.length || lines.isNext("subject")) {
    const subject = await parseSubject(lines.take("subject"));
    parseMatch(FREE_TEXT, lines.take("person"), "person");
    const listed = lines.takeAll(["period"], 1, 20);
    const periods = listed.map(([, value]) => parseWords(value, 2, "period").map(parseInstant));
    const isOrdered = ([first, end], i) => first < end && (!i || first >= periods[i - 1][1]);
    refuseUnless(periods.every(isOrdered), "period: another order, an overlap, or an end not after its begin");
    subjects.push({ ...subject, periods });
  }
  refuseUnless(subjects.length <= 20 && !isDouble(subjects.map((one) => one.sid)), "subject: one twice or over 20");
  daysOf(subjects.flatMap((one) => one.periods));
  for (const subject of subjects) subject.days = daysOf(subject.periods);
  return subjects;
}

/** Decode an authorization; its signatures are verified by the steps of the audit. */
export async function parseAuthorization(raw) {
  const note = parseNote(raw, "authorization", { hasLetters: true });
  refuseUnless(note.lines[0] === "coffer.authorization/v3", "authorization line 1: another");
  const lines = new Lines(note.lines.slice(1), "authorization");
  const origin = parseMatch(KEY_NAME, lines.take("origin"), "origin");
  const [roster] = [["roster", 32], ["id", 16]].map(([key, size]) => parseHex(lines.take(key), size, key));
  const salt = unhex(parseHex(lines.take("salt"), 32, "salt"));
  const [requester, key] = await parseRequester(lines.take("requester"));
  const seal = parseHex(lines.take("seal"), 32, "seal");
  const { received, codes } = parseOrdered(lines);
  for (const free of ["authority", "basis", "purpose"]) parseMatch(FREE_TEXT, lines.take(free), free);
  const subjects = await parseSubjects(lines);
  const rules = parseRuleNames(lines.take("rules"), "rules");
  const kinds = lines.take("kinds").split(",");
  const named = Object.keys(KINDS).filter((kind) => kinds.includes(kind));
  refuseUnless(kinds.join() === named.join(), "kinds: another form");
  const maxRecords = parseDecimal(lines.take("max-records"), "max-records", 1, 1_000_000);
  const isHub = parseMatch(/^(?:no|yes)$/, lines.take("hub"), "hub") === "yes";
  const [notBefore, expires] = ["not-before", "expires"].map((one) => parseTime(lines.take(one), one));
  const life = expires - notBefore;
  refuseUnless(life > 0 && life <= 30 * DAY, "expires: not after not-before or over 30 days later");
  const secret = dayNumber(parseDay(lines.take("secret-until"), "secret-until"));
  refuseUnless(secret - Math.floor(expires / DAY) <= 3_653, "secret-until: it over 3653 days after expires");
  lines.end();
  const commitment = await commit(roster, salt, note.lines);
  const oldest = Math.min(...subjects.flatMap((one) => one.periods.map(([first]) => first)));
  Object.assign(codes, { kinds: kinds.join(), age: spanCode(received - oldest, AGES) });
  const terms = { subjects, rules, kinds, maxRecords, isHub, received, codes, notBefore, expires };
  return { note, origin, roster, requester, key, seal, commitment, ...terms };
}
