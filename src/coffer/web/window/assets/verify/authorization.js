// Authorizations, their subjects and their commitment (docs/formats/authorization.md, identity.md).

import {
  between, concat, DAY, dayNumber, decodeUtf8, encode, FEED, FREE_TEXT, hashOf, hex, hex16, hex32, hmac, isDouble,
  KEY_NAME, Lines, matching, parseDay, parseInstant, parseTime, refuseUnless, u32, u64, unhex, wordsOf,
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
    for (let one = day; one <= last && days.size <= 92; one += 1) days.add(one);
  }
  refuseUnless(days.size <= 92, "period: over 92 UTC days in all");
  return days;
}

// codes of times (entries.md, "Codes"), each with the seconds that are too many for it
const AGES = [["w4", 29 * DAY], ["w10", 71 * DAY], ["w26", 183 * DAY], ["w52", 367 * DAY], ["more", Infinity]];
const SPANS = [["h8", 28_801], ["d1", 2 * DAY], ["d3", 4 * DAY], ["d10", 11 * DAY], ["later", Infinity]];
export const spanCode = (seconds, codes = SPANS) => codes.find(([, end]) => seconds < end)[0];

const FREE = matching(FREE_TEXT);
const ASKED = {
  origin: matching(KEY_NAME), roster: hex32, id: hex16, salt: hex32, requester: parseRequester, seal: hex32,
  class: ORDER.class, urgency: ORDER.urgency, "issued-by": ORDER["issued-by"], "issued-in": ORDER["issued-in"],
  received: parseInstant, "due?": parseInstant,
  order: [wordsOf({ digest: hex32, size: between(1, 2 ** 23) }), 0, 8], authority: FREE, basis: FREE, purpose: FREE,
};
const PERIOD = wordsOf({ first: parseInstant, end: parseInstant });
const SUBJECT = { subject: parseSubject, person: FREE, period: [PERIOD, 1, 20] };
const TERMS = {
  rules: parseRuleNames, kinds: ORDER.kinds, "amends?": hex32, "max-records": between(1, 1_000_000),
  hub: matching(/^(?:no|yes)$/), "not-before": parseTime, expires: parseTime, "secret-until": parseDay,
};

/** The codes that an order and its kinds give. */
function codesOf(said, kinds, oldest) {
  const { class: type, urgency, received, due } = said;
  const codes = { class: type, urgency, "issued-by": said["issued-by"], "issued-in": said["issued-in"], kinds };
  // a person asks for their own data, and nobody else does
  const isOwn = (type === "access") === (codes["issued-by"] === "person");
  refuseUnless(isOwn && !Object.values(codes).includes("-"), "class: not the issuer's");
  const wait = due === undefined ? null : due - received;
  refuseUnless(wait === null || (wait > 0 && wait <= 366 * DAY), "due: not after received or over 366 days later");
  refuseUnless(!isDouble(said.order.map((one) => one.digest)), "order: a file twice");
  return { ...codes, due: wait === null ? "none" : spanCode(wait), age: spanCode(received - oldest, AGES) };
}

async function parseSubjects(lines) {
  const subjects = [];
  while (!subjects.length || lines.isNext("subject")) {
    const { subject, period } = await lines.takeEach(SUBJECT);
    const periods = period.map(Object.values);
    const isOrdered = ([first, end], i) => first < end && (!i || first >= periods[i - 1][1]);
    refuseUnless(periods.every(isOrdered), "period: another order, an overlap, or an end not after its begin");
    subjects.push({ ...subject, periods });
  }
  refuseUnless(subjects.length <= 20 && !isDouble(subjects.map((one) => one.sid)), "subject: one twice or over 20");
  daysOf(subjects.flatMap((one) => one.periods));
  for (const subject of subjects) subject.days = daysOf(subject.periods);
  return subjects;
}

const AMENDMENT = "coffer.amend/v1";
// an amendment says otherwise on which order it rests, and how many records may be drawn
const OWN = /^(?:id|salt|issued-by|issued-in|received|due|order|authority|basis|amends|max-records): /;
const sharedLines = ({ note }) => note.lines.slice(1).filter((line) => !OWN.test(line)).join("\n");

/** Decode an authorization, with the amendment behind it if there is one; the steps of the audit verify signatures. */
export async function parseAuthorization(raw) {
  const [first, ...rest] = decodeUtf8(raw, "authorization").split(`\n${AMENDMENT}\n`);
  if (!rest.length) return { ...(await parsePaper(raw, "coffer.authorization/v3")), raw };
  const paper = await parsePaper(encode(`${first}\n`), "coffer.authorization/v3");
  const amendment = await parsePaper(encode([AMENDMENT, ...rest].join("\n")), AMENDMENT);
  refuseUnless(amendment.amends === paper.commitment, "amendment: another authorization's");
  refuseUnless(sharedLines(amendment) === sharedLines(paper), "amendment: other lines than the authorization's");
  refuseUnless(amendment["max-records"] > paper["max-records"], "amendment: no higher limit");
  return { ...paper, raw, amendment, "max-records": amendment["max-records"] };
}

async function parsePaper(raw, type) {
  const note = parseNote(raw, "authorization", { hasLetters: true });
  refuseUnless(note.lines[0] === type, "authorization line 1: another");
  const lines = new Lines(note.lines.slice(1), "authorization");
  const { requester: [requester, key], ...said } = await lines.takeEach(ASKED);
  const subjects = await parseSubjects(lines);
  const terms = await lines.takeEach(TERMS);
  lines.end();
  const { amends = "", kinds, hub, expires } = terms;
  refuseUnless(Boolean(amends) === (type === AMENDMENT), "amends: without an amendment, or missing");
  const life = expires - terms["not-before"];
  refuseUnless(life > 0 && life <= 30 * DAY, "expires: not after not-before or over 30 days later");
  const isShort = dayNumber(terms["secret-until"]) - Math.floor(expires / DAY) <= 3_653;
  refuseUnless(isShort, "secret-until: it over 3653 days after expires");
  const codes = codesOf(said, kinds, Math.min(...subjects.flatMap((one) => one.periods.flat())));
  const commitment = await commit(said.roster, unhex(said.salt), note.lines);
  const more = { kinds: kinds.split(","), isHub: hub === "yes" };
  return { ...said, ...terms, note, requester, key, subjects, codes, commitment, ...more };
}
