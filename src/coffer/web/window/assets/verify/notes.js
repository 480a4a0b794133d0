// Signed notes, their keys, and checkpoints (docs/formats/notes.md, log.md).

import {
  attempt, concat, decodeUtf8, encode, hex, isDouble, KEY_NAME, LETTERS, NotRun, parseBase64, parseDecimal,
  parseExact, parseMatch, refuseUnless, sha256, u64, verifyThat,
} from "./wire.js";

export const [MAX_NOTE_BYTES, MAX_CHECKPOINT_BYTES] = [65_535, 131_072];
export const [ED25519, COSIGNATURE, ML_DSA_44] = [1, 4, 6];
export const COSIGNATURES = [COSIGNATURE, ML_DSA_44];
const PUBLIC_BYTES = { [ED25519]: 32, [COSIGNATURE]: 32, [ML_DSA_44]: 1_312 };
const SIGNATURE_BYTES = { [ED25519]: 64, [COSIGNATURE]: 72, [ML_DSA_44]: 8 + 2_420 };
const MAX_TIME = 253_402_300_799n; // the end of the year 9999
const SIGNATURE_LINE = /^— ([A-Za-z0-9][A-Za-z0-9._/-]{0,127}) ([A-Za-z0-9+/]+={0,2})$/;
// JavaScript's \s is not Python's
const FOREIGN_LINE =
  /^— ([^\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000+]+) ([A-Za-z0-9+/]+={0,2})$/;

/** A public key with its name; `kind` is C2SP's type. `identity` names a signer: one key under two names is two. */
export class VerifyKey {
  #held = null;

  static async make(name, kind, publicBytes, text = "") {
    const keyId = hex((await sha256(encode(`${name}\n`), Uint8Array.of(kind), publicBytes)).subarray(0, 4));
    const identity = `${name} ${hex(publicBytes)}`;
    return Object.assign(new VerifyKey(), { name, kind, public: publicBytes, keyId, text, identity });
  }

  /** NotRun if this browser lacks the algorithm; some have no ML-DSA-44 yet. */
  async isValid(signature, message) {
    const [form, name, size] = this.kind === ML_DSA_44 ? ["raw-public", "ML-DSA-44", 2_420] : ["raw", "Ed25519", 64];
    if (signature.length !== size) return false;
    try {
      this.#held ??= await crypto.subtle.importKey(form, this.public, { name }, false, ["verify"]);
    } catch (error) {
      const isNoPoint = ["DataError", "OperationError"].includes(error.name); // of the curve
      if (isNoPoint && this.kind !== ML_DSA_44) return false;
      throw new NotRun(`this browser has no ${name}`, { algorithm: name });
    }
    return crypto.subtle.verify({ name }, this.#held, signature, message);
  }
}

/** Decode `<name>+<key id>+<base64>`; `kinds` are the types that are accepted. */
export async function parseVkey(text, place, kinds = [ED25519]) {
  const [name, keyId, ...rest] = text.split("+");
  refuseUnless(rest.length, `${place}: no vkey <name>+<key id>+<base64>`);
  parseMatch(KEY_NAME, name, place);
  const raw = parseExact(rest.join("+"), place);
  refuseUnless(kinds.includes(raw[0]) && raw.length === 1 + PUBLIC_BYTES[raw[0]], `${place}: another type of key`);
  const key = await VerifyKey.make(name, raw[0], raw.slice(1), text);
  refuseUnless(key.keyId === keyId, `${place}: another key id`);
  return key;
}

// what lines of such characters, none empty, do not have
const [ODD, ODD_TEXT] = [" -~", LETTERS].map((some) => new RegExp(`[^\n${some}]|^\n|\n\n|[^\n]$`));

/** Split a note into text, lines and signatures; verifies nothing. `cosigned` is for checkpoints. */
export function parseNote(raw, place, { cosigned = false, hasLetters = false, limit = MAX_NOTE_BYTES } = {}) {
  const [bytes, most] = cosigned ? [MAX_CHECKPOINT_BYTES, 64] : [limit, 16];
  refuseUnless(raw.length <= bytes, `${place}: found ${raw.length} B`);
  const cut = raw.findIndex((byte, i) => byte === 10 && raw[i + 1] === 10);
  const [text, said] = [raw.subarray(0, cut + 1), decodeUtf8(raw.subarray(0, cut + 1), place)];
  refuseUnless(cut > 0 && !(hasLetters ? ODD_TEXT : ODD).test(said), `${place}: other bytes`);
  const rows = decodeUtf8(raw.subarray(cut + 2), place).split("\n");
  const last = rows.pop();
  refuseUnless(!last && rows.length && rows.length <= most, `${place}: found ${rows.length} signature lines`);
  const signatures = rows.map((row) => {
    const match = (cosigned ? FOREIGN_LINE : SIGNATURE_LINE).exec(row);
    const value = match ? parseExact(match[2], place) : [];
    refuseUnless(value.length >= 5 && (cosigned || value.length === 68), `${place}: a malformed signature line`);
    return { name: match[1], keyId: hex(value.subarray(0, 4)), value: value.subarray(4) };
  });
  const isTwice = isDouble(signatures.map((item) => `${item.name} ${item.keyId}`));
  refuseUnless(cosigned || !isTwice, `${place}: a key twice among the signatures`);
  return { raw, text, lines: said.slice(0, -1).split("\n"), signatures };
}

export const isOf = (item, key) => key.name === item.name && key.keyId === item.keyId;
const linesOf = (note, key) => note.signatures.filter((item) => isOf(item, key));
const timeOf = (signature) => new DataView(signature.value.buffer, signature.value.byteOffset).getBigUint64(0);

/** The message that a witness signs (C2SP tlog-cosignature); for a text that is no checkpoint, one nobody signed. */
function cosignedMessage(key, note, time) {
  if (key.kind === COSIGNATURE) return concat(encode(`cosignature/v1\ntime ${time}\n`), note.text);
  if (note.lines.length < 3 || !/^(?:0|[1-9][0-9]{0,18})$/.test(note.lines[1])) return new Uint8Array();
  const [name, origin] = [encode(key.name), encode(note.lines[0])];
  return concat(
    encode("subtree/v1\n\0"), [name.length], name, u64(time), [origin.length & 255], origin,
    u64(0), u64(note.lines[1]), parseExact(note.lines[2], "checkpoint root"),
  );
}

/**
 * Give the identities of those known keys that signed the note. NotProven if the line of a known key does not verify.
 * A key id has only 4 bytes: a line must verify under both of two keys of one name and id, which no line does.
 */
export async function verifySigners(note, keys, place) {
  const signers = new Set();
  for (const item of note.signatures) {
    const alike = keys.filter((key) => isOf(item, key));
    for (const key of new Map(alike.map((one) => [one.identity, one])).values()) {
      const values = { signer: key.name };
      verifyThat(item.value.length === SIGNATURE_BYTES[key.kind], `${place}: a signature of another kind`, values);
      let [value, message] = [item.value, note.text];
      if (COSIGNATURES.includes(key.kind)) {
        const time = timeOf(item);
        verifyThat(time > 0n && time <= MAX_TIME, `${place}: a cosignature of no time`, values);
        [value, message] = [item.value.subarray(8), cosignedMessage(key, note, time)];
      }
      const holds = await (item.ahead?.key === key ? item.ahead.isValid : key.isValid(value, message));
      verifyThat(holds, `${place}: a signature of ${key.name} that does not verify`, values);
      signers.add(key.identity);
    }
  }
  return signers;
}

/** The time of each witness's newest cosignature, by name. A witness with a key of each type is listed once. */
async function cosignedTimes(note, keys, place) {
  const witnesses = [...new Map(keys.map((key) => [`${key.name} ${key.keyId}`, key])).values()];
  await verifySigners(note, witnesses, place);
  const times = witnesses.flatMap((key) => linesOf(note, key).map((item) => [key.name, Number(timeOf(item))]));
  return new Map(times.sort((a, b) => a[1] - b[1]));
}

export function parseCheckpoint(raw, place) {
  const note = parseNote(raw, place, { cosigned: true });
  refuseUnless(note.lines.length === 3, `${place}: found ${note.lines.length} lines`);
  const origin = parseMatch(KEY_NAME, note.lines[0], `${place} origin`);
  const size = parseDecimal(note.lines[1], `${place} size`);
  return { note, origin, size, root: parseBase64(note.lines[2], 32, `${place} root`), place };
}

/** The checkpoint; NotProven unless the log's key, which bears the origin's name, signed it. */
export async function verifyCheckpoint(checkpoint, key) {
  const { note, origin, place } = checkpoint;
  verifyThat(origin === key.name, `${place}: another origin`);
  verifyThat((await verifySigners(note, [key], place)).size, `${place}: no signature of the log's key`);
  return checkpoint;
}

/** The time of each custodian's last cosignature, by name; a line that does not verify does not count. */
export async function findCosigners(checkpoint, roster) {
  const times = new Map();
  for (const custodian of roster.custodians) {
    const key = await VerifyKey.make(custodian.resp.name, COSIGNATURE, custodian.resp.public);
    const signers = await attempt(() => verifySigners(checkpoint.note, [key], "checkpoint"), () => new Set());
    if (signers.size) times.set(custodian.name, Number(timeOf(linesOf(checkpoint.note, key).at(-1))));
  }
  return times;
}

/** The first rule for which too few cosigned, or null: more than half of its set, and all of its indispensable. */
export function findLack(rules, roster, names) {
  const enough = (rule) =>
    rule && rule.needed.every((name) => names.has(name)) &&
    2 * rule.members.filter((name) => names.has(name)).length > rule.members.length;
  return [...rules].sort().find((name) => !enough(roster.rules.get(name))) ?? null;
}

/** The witnesses of the newest roster that cosigned; NotProven if they are fewer than it demands, or too early. */
export async function verifyQuorum(checkpoint, state) {
  const { roster } = state;
  if (!roster?.quorum) return new Map();
  const times = await cosignedTimes(checkpoint.note, roster.witnesses, "checkpoint");
  const values = { count: times.size, expected: roster.quorum };
  verifyThat(times.size >= roster.quorum, `checkpoint: found ${times.size} cosignatures`, values);
  const oldest = [...times.values()].sort((a, b) => a - b).at(-roster.quorum);
  verifyThat(state.newest - oldest <= 900, "checkpoint: cosigned over 15 minutes before its newest entry");
  return times;
}
