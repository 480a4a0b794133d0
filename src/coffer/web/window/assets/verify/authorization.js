// Authorizations, their subjects and their commitment (docs/formats/authorization.md, identity.md).

import {
  concat, DAY, dayNumber, encode, FEED, hashOf, hex, hmac, isAscending, KEY_NAME, KINDS, Lines, parseDay, parseDecimal,
  parseHex, parseInstant, parseMatch, parseTime, parseWords, refuseUnless, u32, u64, unhex,
} from "./wire.js";
import { parseRequester, RULE, SALT_LINE } from "./entries.js";
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
  opaque: [whole(`${FEED.source.slice(1, -1)}/[!-~](?:[ -~]{0,61}[!-~])?`), 5, "opaque"],
};

/** A subject: its sid in hex; its country, null if only numbering tables know it and "" if there is none. */
export async function parseSubject(text) {
  const at = text.indexOf(":");
  const [scheme, value] = [text.slice(0, at), text.slice(at + 1)];
  const [pattern, kind, label] = (at > 0 && Object.hasOwn(SUBJECTS, scheme) && SUBJECTS[scheme]) || [/(?!)/];
  refuseUnless(pattern.test(value), "subject: another form"); // messages never show it
  const [prefix, ...rest] = value.split("/");
  let body = [3, 5, 6].includes(kind) ? `${prefix}\0${rest.join("/")}` : value;
  if (kind === 4) body = body.toUpperCase();
  const number = () => concat(new Uint8Array(7), u64(value.slice(1)));
  const id = kind === 1 ? number() : (await hashOf(label, encode(body))).subarray(0, 15);
  const country = kind === 1 ? null : [3, 6].includes(kind) ? prefix : "";
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

async function parseSubjects(lines) {
  const subjects = [];
  while (!subjects.length || lines.isNext("subject")) {
    const subject = await parseSubject(lines.take("subject"));
    const listed = lines.takeAll(["period"], 1, 20);
    const periods = listed.map(([, value]) => parseWords(value, 2, "period").map(parseInstant));
    const isOrdered = ([first, end], i) => first < end && (!i || first >= periods[i - 1][1]);
    refuseUnless(periods.every(isOrdered), "period: another order, an overlap, or an end not after its begin");
    subject.periods = periods;
    subjects.push(subject);
  }
  const isOnce = subjects.length <= 20 && new Set(subjects.map((one) => one.sid)).size === subjects.length;
  refuseUnless(isOnce, "subject: one twice or over 20");
  daysOf(subjects.flatMap((one) => one.periods));
  for (const subject of subjects) subject.days = daysOf(subject.periods);
  return subjects;
}

/** Decode an authorization; its signatures are verified by the steps of the audit. */
export async function parseAuthorization(raw) {
  const note = parseNote(raw, "authorization");
  refuseUnless(note.lines[0] === "coffer.authorization/v2", "authorization line 1: another");
  const lines = new Lines(note.lines.slice(1), "authorization");
  const origin = parseMatch(KEY_NAME, lines.take("origin"), "origin");
  const roster = parseHex(lines.take("roster"), 32, "roster");
  parseHex(lines.take("id"), 16, "id");
  const salt = unhex(parseHex(lines.take("salt"), 32, "salt"));
  const [requester, key] = await parseRequester(lines.take("requester"));
  const seal = parseHex(lines.take("seal"), 32, "seal");
  for (const free of ["authority", "basis", "purpose", "person"]) parseMatch(/^[ -~]{1,500}$/, lines.take(free), free);
  const subjects = await parseSubjects(lines);
  const rules = lines.take("rules").split(",");
  refuseUnless(isAscending(rules) && rules.every((rule) => RULE.test(rule)), "rules: another form");
  const kinds = lines.take("kinds").split(",");
  const named = Object.keys(KINDS).filter((kind) => kinds.includes(kind));
  refuseUnless(kinds.join() === named.join(), "kinds: another form");
  const maxRecords = parseDecimal(lines.take("max-records"), "max-records", 1, 1_000_000);
  const isHub = parseMatch(/^(?:no|yes)$/, lines.take("hub"), "hub") === "yes";
  const [notBefore, expires] = ["not-before", "expires"].map((one) => parseTime(lines.take(one), one));
  const isShort = expires > notBefore && expires - notBefore <= 30 * DAY;
  refuseUnless(isShort, "expires: not after not-before or over 30 days later");
  const secret = dayNumber(parseDay(lines.take("secret-until"), "secret-until"));
  refuseUnless(secret - Math.floor(expires / DAY) <= 3_653, "secret-until: it over 3653 days after expires");
  lines.end();
  const commitment = await commit(roster, salt, note.lines);
  const terms = { subjects, rules, kinds, maxRecords, isHub, notBefore, expires };
  return { note, origin, roster, requester, key, seal, commitment, ...terms };
}
