// Strict bytes and text (docs/formats/README.md): each value has one spelling, every other one is MalformedInput.
// An integer is a Number where a Number holds it exactly, and a BigInt beyond.

/** An error of an audit. `values` are what a page may show beside its own sentence, such as the entry. */
export class AuditError extends Error {
  constructor(message, values = {}) { Object.assign(super(message), { values }); }
}
/** Bytes do not follow their format. */
export class MalformedInput extends AuditError {}
/** A signature, hash, proof or rule does not hold. */
export class NotProven extends AuditError {}
/** A file cannot be had. */
export class Unavailable extends AuditError {}
/** This browser lacks an algorithm, or the log is not at hand: nothing is said of what needs it. */
export class NotRun extends AuditError {}

export function verifyThat(holds, message, values) { if (!holds) throw new NotProven(message, values); }

export function refuseUnless(holds, message, values) { if (!holds) throw new MalformedInput(message, values); }

export const DAY = 86_400; // seconds
export const KINDS = { call: 1, text: 2, email: 3 };
export const [CUSTODIAN, FEED] = [/^[a-z][a-z0-9-]{0,15}$/, /^[a-z0-9][a-z0-9-]{0,15}$/];
// the characters of people's own text (docs/formats/letters.md), inside of a class
export const LETTERS = " -~¡-¬®-ɏͰ-ͳͶ-ͷͺ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-Ֆՙՠ-ֈႠ-ჅჇჍა-ჺჼ-ჿᲐ-ᲺᲽ-ᲿḀ-ỿ‐-‧‰-⁞₠-₿№™";
export const FREE_TEXT = new RegExp(`^[${LETTERS}]{1,500}$`);
export const KEY_NAME = /^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$/;
export const encode = (text) => new TextEncoder().encode(text);
export const ascii = (bytes) => String.fromCharCode(...bytes);

export function decodeUtf8(bytes, place) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new MalformedInput(`${place}: no UTF-8`);
  }
}

export function concat(...parts) {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** Whether two lists, of bytes or of other plain values, are the same. */
export const isEqual = (a, b) => a.length === b.length && a.every((item, i) => item === b[i]);

/** Order of two texts by code point; `<` would order by UTF-16 units. */
export function compareTexts(a, b) {
  let i = 0;
  while (i < a.length && a[i] === b[i]) i += 1;
  return (a.codePointAt(i) ?? -1) - (b.codePointAt(i) ?? -1);
}

/** Order of two lists, of one length, of integers (such as bytes) and texts. */
export function compareLists(a, b) {
  for (let i = 0; i < a.length; i += 1) {
    const order = typeof a[i] === "string" ? compareTexts(a[i], b[i]) : Number(a[i] > b[i]) - Number(a[i] < b[i]);
    if (order) return order;
  }
  return 0;
}

/** What an action gives; if it throws MalformedInput or NotProven, what `otherwise` gives of that. */
export async function attempt(action, otherwise) {
  try {
    return await action();
  } catch (error) {
    if (error instanceof MalformedInput || error instanceof NotProven) return otherwise(error);
    throw error;
  }
}

export const isDouble = (list) => new Set(list).size !== list.length;

/** Items by key, in their order. */
export function groupBy(items, keyOf) {
  const groups = new Map(items.map((item) => [keyOf(item), []]));
  for (const item of items) groups.get(keyOf(item)).push(item);
  return groups;
}

export const isAscending = (list, compare = compareTexts) =>
  list.every((item, i) => !i || compare(list[i - 1], item) < 0);
export const popcount = (mask) => mask.toString(2).replaceAll("0", "").length;

export const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
export const unhex = (text) => Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
export const u32 = (number) => Uint8Array.of(number >>> 24, (number >>> 16) & 255, (number >>> 8) & 255, number & 255);
export const u64 = (number) => unhex(BigInt(number).toString(16).padStart(16, "0"));
export const prefixed = (bytes) => concat(u32(bytes.length), bytes);
export const narrow = (big) => (big <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(big) : big);

export async function sha256(...parts) {
  const bytes = parts.length === 1 ? parts[0] : concat(...parts);
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}

/** H(T(label) || parts). */
export const hashOf = (label, ...parts) => sha256(encode(`coffer/v1/${label}\n`), ...parts);

export async function hmac(key, message) {
  const held = await crypto.subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", held, message));
}

export function parseMatch(pattern, text, place) {
  refuseUnless(pattern.test(text), `${place}: another form of ${text.length} characters`);
  return text;
}

export const parseHex = (text, size, place) => parseMatch(new RegExp(`^[0-9a-f]{${2 * size}}$`), text, place);

/** Canonical, padded base64 of any length. */
export function parseExact(text, place) {
  refuseUnless(/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text), `${place}: no base64`);
  const raw = atob(text);
  refuseUnless(btoa(raw) === text, `${place}: a second spelling`);
  return Uint8Array.from(raw, (character) => character.charCodeAt(0));
}

export function parseBase64(text, size, place) {
  const raw = parseExact(text, place);
  refuseUnless(raw.length === size, `${place}: found ${raw.length} bytes`);
  return raw;
}

/** A decimal without sign or leading zero; `high` may be a BigInt. */
export function parseDecimal(text, place, low = 0, high = 2n ** 63n - 1n) {
  parseMatch(/^(?:0|[1-9][0-9]{0,18})$/, text, place);
  const number = narrow(BigInt(text));
  refuseUnless(low <= number && number <= high, `${place}: found ${number}`);
  return number;
}

/** Seconds since 1970 of YYYY-MM-DDThh:mm:ss, whose form was verified; calendar and clock must have it. */
function secondsOf(text, place) {
  const at = new Date(`${text}Z`);
  const isReal = !Number.isNaN(at.getTime()) && at.toISOString().startsWith(text) && text >= "0001";
  refuseUnless(isReal, `${place}: an impossible time`);
  return at.getTime() / 1_000;
}

/** Days from 1970-01-01 of a day that was verified. */
export const dayNumber = (text) => Date.parse(text) / (1_000 * DAY);

export function parseDay(text, place) {
  secondsOf(`${parseMatch(/^[0-9]{4}-[0-9]{2}-[0-9]{2}$/, text, place)}T00:00:00`, place);
  return text;
}

const STAMP = "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}";
const [TIME, INSTANT] = ["Z", "[+-][0-9]{2}:(?:00|15|30|45)"].map((zone) => new RegExp(`^${STAMP}${zone}$`));

/** YYYY-MM-DDThh:mm:ssZ as seconds since 1970. */
export const parseTime = (text, place) => secondsOf(parseMatch(TIME, text, place).slice(0, 19), place);
export const formatTime = (seconds) => new Date(seconds * 1000).toISOString().replace(".000Z", "Z");

/** An instant with its offset, as seconds since 1970; +00:00 has no other spelling. */
export function parseInstant(text) {
  parseMatch(INSTANT, text, "period");
  const offset = (+text.slice(20, 22) * 60 + +text.slice(23, 25)) * 60;
  refuseUnless(offset <= 14 * 3_600 && text.slice(19) !== "-00:00", "period: an offset that is none");
  const seconds = secondsOf(text.slice(0, 19), "period") - (text[19] === "+" ? offset : -offset);
  refuseUnless(seconds >= -62_135_596_800 && seconds <= 253_402_300_799, "period: an impossible instant");
  return seconds;
}

/** Exactly `count` words; the last one takes the rest, spaces included. */
export function parseWords(text, count, place) {
  const all = text.split(" ");
  const words = [...all.slice(0, count - 1), ...(all.length >= count ? [all.slice(count - 1).join(" ")] : [])];
  refuseUnless(words.length === count && words.every(Boolean), `${place}: other words`);
  return words;
}

// parsers of one value, as the shapes of Lines.takeEach have them
export const [hex32, hex16] = [32, 16].map((size) => (text, place) => parseHex(text, size, place));
export const matching = (pattern) => (text, place) => parseMatch(pattern, text, place);
export const between = (low, high) => (text, place) => parseDecimal(text, place, low, high);

/** A parser of as many words as a shape has, by their names. */
export const wordsOf = (shape) => (text, place) => {
  const words = parseWords(text, Object.keys(shape).length, place);
  return Object.fromEntries(Object.entries(shape).map(([name, parse], i) => [name, parse(words[i], place)]));
};

/** Reads `key: value` lines in a fixed order, each exactly once. */
export class Lines {
  constructor(lines, place) { Object.assign(this, { lines, next: 0, place }); }

  #peek(key) {
    const line = this.lines[this.next];
    if (!line?.startsWith(`${key}: `)) return null;
    const value = line.slice(key.length + 2);
    refuseUnless(value && !/^ | $/.test(value), `${this.place} ${key}: an empty value or outer spaces`);
    return value;
  }

  take(key) {
    const value = this.#peek(key);
    refuseUnless(value !== null, `${this.place} line ${this.next + 1}: another line`);
    this.next += 1;
    return value;
  }

  isNext(key) { return this.#peek(key) !== null; }

  /** [key, value] of all following lines with one of these keys. */
  takeAll(keys, low = 0, high = 65_535) {
    const pairs = [];
    for (let key; (key = keys.find((one) => this.isNext(one))); ) pairs.push([key, this.take(key)]);
    refuseUnless(low <= pairs.length && pairs.length <= high, `${this.place} ${keys[0]}: found ${pairs.length} lines`);
    return pairs;
  }

  /**
   * By key the values of all lines of a shape, in its order. For each key it has a parser, or [parser, least, most]
   * where the line may repeat. A key that ends in ? may be missing.
   */
  async takeEach(shape) {
    const values = {};
    for (const [name, how] of Object.entries(shape)) {
      const [[parse, ...bounds], key] = [[how].flat(), name.replace("?", "")];
      const read = (text) => parse(text, key);
      if (how === parse && (key === name || this.isNext(key))) values[key] = await read(this.take(key));
      if (how !== parse) values[key] = await Promise.all(this.takeAll([key], ...bounds).map(([, text]) => read(text)));
    }
    return values;
  }

  end() { refuseUnless(this.next === this.lines.length, `${this.place} line ${this.next + 1}: expected the end`); }
}

/** Reads bytes in order; missing and remaining bytes are refused. */
export class Cursor {
  constructor(raw, place) { Object.assign(this, { raw, at: 0, place }); }

  take(size) {
    refuseUnless(size <= this.raw.length - this.at, `${this.place} byte ${this.at}: expected ${size} more`);
    this.at += Number(size);
    return this.raw.subarray(this.at - Number(size), this.at);
  }

  number(size) { return narrow(this.take(size).reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n)); }

  prefixed() { return this.take(this.number(4)); }

  isAtEnd() { return this.at === this.raw.length; }

  end() { refuseUnless(this.isAtEnd(), `${this.place} byte ${this.at}: expected the end`); }
}

/** Each key and its part of a joined file (docs/formats/answer.md): ascending key || LP(part). */
export function* splitParts(raw, keyBytes, place) {
  const cursor = new Cursor(raw, place);
  for (let last = ""; !cursor.isAtEnd();) {
    const key = cursor.take(keyBytes);
    refuseUnless(hex(key) > last, `${place}: a key not above the one before`);
    yield [key, cursor.prefixed()];
    last = hex(key);
  }
}
