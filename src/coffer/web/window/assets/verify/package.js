// The files of an answer, from a signed package (docs/formats/disclosure.md) or by path.
//
// A package is accepted only if it is, byte for byte, the zip that its files give: uncompressed entries in a fixed
// order with fixed fields. So nothing hides before, between or behind them, nothing is unpacked, and every reader sees
// the same files. Compressed, encrypted or repeated entries, and paths that leave the folder, cannot be in that form.

import {
  ascii, concat, hex, hex32, isAscending, isEqual, Lines, parseDecimal, refuseUnless, sha256, Unavailable,
  verifyThat, wordsOf,
} from "./wire.js";
import { parseNote } from "./notes.js";

export const MAX_PACKAGE_BYTES = 2 ** 30 + 2 ** 26;
const [MAX_FILES, MAX_MANIFEST_BYTES] = [65_000, 1 << 25];
const PATH = /^[A-Za-z0-9][A-Za-z0-9._-]*(?:\/[A-Za-z0-9][A-Za-z0-9._-]*)*$/;
const [DATE, MODE] = [0x21, 0o100600 * 2 ** 16]; // 1980-01-01 as MS-DOS writes it; a plain file
const [LOCAL, CENTRAL, END] = [0x04034b50, 0x02014b50, 0x06054b50]; // what a file, its entry and the end begin with
const LINE = { digest: hex32, size: parseDecimal, path: String };
const MANIFEST = { origin: String, authorization: hex32, file: [wordsOf(LINE), 0, MAX_FILES] };

const CRC = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

function crc32(bytes) {
  let value = -1;
  for (let i = 0; i < bytes.length; i += 1) value = CRC[(value ^ bytes[i]) & 255] ^ (value >>> 8);
  return ~value >>> 0;
}

/** Integers, little-endian; `sizes` has a digit for each, its bytes. */
function pack(sizes, ...values) {
  const bytesOf = (size, value) => Array.from({ length: size }, (_, i) => Math.floor(value / 2 ** (8 * i)) & 255);
  return Uint8Array.from([...sizes].flatMap((size, i) => bytesOf(size, values[i])));
}

const formatFields = (name, raw) =>
  pack("2222244422", 20, 0, 0, 0, DATE, crc32(raw), raw.length, raw.length, name.length, 0);

/** Names and contents in order; refuses a zip that is not in the form of a package. */
function parseZip(raw) {
  const view = new DataView(raw.buffer, raw.byteOffset, raw.length);
  const [entries, central] = [[], []];
  let [at, isSame] = [0, true];
  while (at + 4 <= raw.length && view.getUint32(at, true) === LOCAL && entries.length <= MAX_FILES) {
    refuseUnless(at + 30 <= raw.length, `package byte ${at}: found its end`);
    const [size, start] = [view.getUint32(at + 22, true), at + 30 + view.getUint16(at + 26, true)];
    const name = raw.subarray(at + 30, start);
    refuseUnless(PATH.test(ascii(name)) && start + size <= raw.length, `package byte ${at}: no package's name or size`);
    const content = raw.subarray(start, start + size);
    entries.push([ascii(name), content]);
    const fields = formatFields(name, content);
    isSame &&= isEqual(raw.subarray(at, start), concat(pack("4", LOCAL), fields, name));
    central.push(concat(pack("42", CENTRAL, 20 + (3 << 8)), fields, pack("22244", 0, 0, 0, MODE, at), name));
    at = start + size;
  }
  const directory = concat(...central);
  const end = pack("42222442", END, 0, 0, entries.length, entries.length, directory.length, at, 0);
  isSame &&= entries.length <= MAX_FILES && isEqual(raw.subarray(at), concat(directory, end));
  refuseUnless(isSame, "package: other bytes than its files give");
  return entries;
}

/** Files by path within an answer. */
export class Files {
  constructor(files) { this.files = files; }

  has(path) { return this.files.has(path); }

  read(path, limit) {
    const raw = this.files.get(path);
    if (!raw) throw new Unavailable(`${path}: no such file`, { file: path });
    refuseUnless(raw.length <= limit, `${path}: found ${raw.length} B`, { file: path });
    return raw;
  }

  /** The sorted names directly in a folder. */
  names(folder) {
    const inner = [...this.files.keys()].filter((path) => path.startsWith(`${folder}/`));
    return [...new Set(inner.map((path) => path.slice(folder.length + 1).split("/")[0]))].sort();
  }
}

/** The files of a package, each with the hash that its `manifest` gives; the signature is not verified yet. */
export async function openPackage(raw) {
  refuseUnless(raw.length <= MAX_PACKAGE_BYTES, `package: found ${raw.length} B`);
  const [[first, manifest] = [], ...entries] = parseZip(raw);
  const files = new Map(entries);
  const isSorted = isAscending(entries.map(([path]) => path)) && !files.has("MANIFEST");
  refuseUnless(first === "MANIFEST" && isSorted, "package: found its files in another order or one twice");
  return Object.assign(new Files(files), { manifest: await parseManifest(manifest, files) });
}

/** Read the manifest and compare every file with it; none may be missing or left over. */
async function parseManifest(raw, files) {
  const count = raw.reduce((sum, byte) => sum + Number(byte === 10), 0);
  refuseUnless(count <= MAX_FILES + 16, `MANIFEST: found ${count} lines`);
  const note = parseNote(raw, "MANIFEST", { limit: MAX_MANIFEST_BYTES });
  refuseUnless(note.lines[0] === "coffer.disclosure/v1", "MANIFEST line 1: another");
  const lines = new Lines(note.lines.slice(1), "MANIFEST");
  const { origin, authorization, file: listed } = await lines.takeEach(MANIFEST);
  lines.end();
  refuseUnless(isAscending(listed.map(({ path }) => path)), "MANIFEST file: another order, or a path twice");
  const known = new Map(listed.map((one) => [one.path, one]));
  for (const path of new Set([...known.keys(), ...files.keys()])) {
    const [{ size, digest } = {}, raw] = [known.get(path), files.get(path)];
    const isSame = raw?.length === size && hex(await sha256(raw)) === digest;
    verifyThat(isSame, `${path}: added, missing, or other bytes than the manifest lists`, { file: path });
  }
  return { origin, authorization, note };
}
