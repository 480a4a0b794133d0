// JSON objects without repeated keys. JSON.parse alone would keep the last of two keys and forget how a number was
// written, so that two readers could see two documents.

import { decodeUtf8, MalformedInput, refuseUnless } from "./wire.js";

export const [MAX_SMALL_JSON, MAX_JSON] = [1 << 16, 1 << 25];
const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s"{}[\],:]+|\s+/gs;

export const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

/** Whether an object has exactly these keys. */
export const hasKeys = (value, names) =>
  Object.keys(value).length === names.length && names.every((name) => Object.hasOwn(value, name));

/** The text with each number that is no safe integer as an empty object, which is the value of nothing. */
function refuseRepeats(text, place) {
  const open = []; // the keys of each open object; null stands for a list
  let last = "";
  return text.replace(TOKEN, (token) => {
    if (token === "{" || token === "[") open.push(token === "{" ? new Set() : null);
    if (token === "}" || token === "]") open.pop();
    if (token === ":") {
      const [keys, key] = [open.at(-1), JSON.parse(last)];
      refuseUnless(keys && !keys.has(key), `${place}: a key twice`);
      keys.add(key);
    }
    if (token.trim()) last = token;
    if (!/^-?[0-9]/.test(token)) return token;
    return Number.isSafeInteger(JSON.parse(token)) && /^-?[0-9]+$/.test(token) ? token : "{}";
  });
}

/** A JSON object. If `keys` is given, it must have exactly those. */
export function parseJson(raw, place, keys = null, limit = MAX_JSON) {
  refuseUnless(raw.length <= limit, `${place}: found ${raw.length} B`);
  const counts = new Uint32Array(256);
  for (const byte of raw) counts[byte] += 1;
  // the same bounds on what a document takes in memory as coffer-audit has
  for (const [marks, size] of [["[{", 64], [":", 16], [",", 10]]) {
    const count = [...marks].reduce((sum, mark) => sum + counts[mark.charCodeAt(0)], 0);
    refuseUnless(count <= 64 + Math.floor(raw.length / size), `${place}: too many of ${marks} for its size`);
  }
  const text = decodeUtf8(raw, place);
  let value;
  try {
    JSON.parse(text); // first: in a text that is no JSON, TOKEN begins a string anew at each of a million quotes
    value = JSON.parse(refuseRepeats(text, place));
  } catch (error) {
    throw error instanceof MalformedInput ? error : new MalformedInput(`${place}: no valid JSON`);
  }
  refuseUnless(isObject(value) && (!keys || hasKeys(value, keys)), `${place}: other keys or no object`);
  return value;
}
