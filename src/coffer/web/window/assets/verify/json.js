// JSON objects without repeated keys. JSON.parse alone would keep the last of two keys and forget how a number was
// written, so that two readers could see two documents.

import { decodeUtf8, isEqual, refuseUnless } from "./wire.js";

export const [MAX_SMALL_JSON, MAX_JSON] = [1 << 16, 1 << 25];
const TOKEN = /"(?:[^"\\]|\\.)*"(\s*:)?|-?[0-9][^\s,\]}]*/gs; // a text, a key, or a number

export const [isInteger, isText] = ["number", "string"].map((type) => (value) => typeof value === type);
export const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

/** Whether an object has exactly these keys. */
export const hasKeys = (value, names) => isEqual(Object.keys(value).sort(), [...names].sort());

/** Refuse what is not an object with exactly the keys of a shape, each with a value that its test takes. */
export function refuseUnlike(value, shape, place) {
  const isAlike = isObject(value) && hasKeys(value, Object.keys(shape));
  const holds = isAlike && Object.entries(shape).every(([key, test]) => test(value[key]));
  refuseUnless(holds, `${place}: other keys or types`);
}

/**
 * The value of a text that is JSON without a key twice, else null. A number that is no safe integer becomes an empty
 * object, the value of nothing.
 */
function parseOnce(text) {
  let keys = 1; // the whole, which is revived too
  const count = (token, colon) => {
    if (colon) keys += 1;
    return token[0] === '"' || (/^-?[0-9]+$/.test(token) && Number.isSafeInteger(Number(token))) ? token : "{}";
  };
  try {
    JSON.parse(text); // first: in a text that is no JSON, TOKEN begins a string anew at each of a million quotes
    const value = JSON.parse(text.replace(TOKEN, count), function revive(key, one) {
      if (!Array.isArray(this)) keys -= 1;
      return one;
    });
    return keys === 0 ? value : null;
  } catch {
    return null;
  }
}

/** A JSON object, with the keys and values of a shape if one is given. */
export function parseJson(raw, place, shape = null) {
  const counts = new Uint32Array(256);
  for (const byte of raw) counts[byte] += 1;
  // the same bounds on what a document takes in memory as coffer-audit has
  for (const [marks, size] of [["[{", 64], [":", 16], [",", 10]]) {
    const count = [...marks].reduce((sum, mark) => sum + counts[mark.charCodeAt(0)], 0);
    refuseUnless(count <= 64 + Math.floor(raw.length / size), `${place}: too many of ${marks} for its size`);
  }
  const value = parseOnce(decodeUtf8(raw, place));
  refuseUnless(isObject(value), `${place}: no JSON object, or a key twice`);
  if (shape) refuseUnlike(value, shape, place);
  return value;
}
