// Whether a revealed authorization names somebody (docs/formats/notice.md, identity.md).
//
// The log's entries are the same bytes for every visitor. They are searched here, so nobody learns for whom.

import { isChecked } from "./authorization.js";
import { writeVisibly } from "./cells.js";

/**
 * The subject lines that may stand for what somebody typed; "" if it is neither a number nor an address.
 * `plan`: { code, trunk } of the country whose numbers may be written without a code, such as 33 and 0.
 */
export function normalise(typed, { code = "", trunk = "" }) {
  const text = typed.trim();
  const device = /^(imei|imsi)(?:sv)?[ :]*([0-9][0-9 ./-]{12,30})$/i.exec(text);
  if (device) return normaliseDevice(device[1].toLowerCase(), device[2].replace(/[^0-9]/g, ""));
  if (/^(?:mailto|tel|short|sender|opaque|dialled):./.test(text)) return text;
  const at = text.lastIndexOf("@");
  const address = `wss://${text.slice(at + 1)}`; // a browser's URL writes a domain in its one ASCII form
  const host = at > 0 && URL.canParse(address) ? new URL(address).hostname : "";
  if (at > 0) return /^[a-z0-9.-]+$/.test(host) ? `mailto:${text.slice(0, at).toLowerCase()}@${host}` : "";
  const digits = text.replace(/[\s().\/-]/g, "").replace(/^00/, "+");
  if (/^\+[1-9][0-9]{3,14}$/.test(digits)) return `tel:${digits}`;
  if (!code || !/^[0-9]{3,15}$/.test(digits)) return "";
  return `tel:+${code}${trunk && digits.startsWith(trunk) ? digits.slice(trunk.length) : digits}`;
}

/** An IMEI of 14 or 16 digits gets its check digit, which no subject line lacks. */
function normaliseDevice(scheme, digits) {
  const check = [..."0123456789"].find((digit) => isChecked(digits.slice(0, 14) + digit));
  return scheme === "imsi" || digits.length === 15 ? `${scheme}:${digits}` : `imei:${digits.slice(0, 14)}${check}`;
}

const SAID = ["authority", "basis", "purpose"];
const valueOf = (lines, key) => lines.find((line) => line.startsWith(`${key}: `))?.slice(key.length + 2) ?? "";

/**
 * The revealed authorizations with this subject, each with its public lines and openings. `count` is how many were
 * revealed, and `hidden` how many of them do not show whom they concern.
 */
export function findRevealed(state, subject) {
  const authorizations = [...state.revealed];
  const hidden = authorizations.filter(([, lines]) => !lines.some((line) => line.startsWith("subject: "))).length;
  const hits = authorizations.filter(([, lines]) => lines.includes(`subject: ${subject}`));
  const matches = hits.map(([authorization, lines]) => {
    const openings = [...state.openings.values()].filter((one) => one.intent.authorization === authorization);
    const records = openings.reduce((sum, one) => sum + one.drawn, 0);
    const [authority, basis, purpose] = SAID.map((key) => writeVisibly(valueOf(lines, key)));
    const below = lines.slice(lines.indexOf(`subject: ${subject}`) + 1);
    const next = [...below, ""].findIndex((line) => !/^(?:person|period): /.test(line));
    const periods = below.slice(0, next).flatMap((line) => /^period: (.*)/.exec(line)?.[1] ?? []);
    return { authorization, authority, basis, purpose, periods, openings: openings.map((one) => one.time), records };
  });
  return { count: authorizations.length, hidden, matches };
}
