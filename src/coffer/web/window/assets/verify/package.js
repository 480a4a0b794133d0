// The files of an answer, from a signed package (docs/formats/disclosure.md) or by path.
//
// A package is accepted only if it is, byte for byte, the zip that its files give: uncompressed entries in a fixed
// order with fixed fields. So nothing hides before, between or behind them, nothing is unpacked, and every reader sees
// the same files. Compressed, encrypted or repeated entries, and paths that leave the folder, cannot be in that form.

import {
  ascii, concat, hex, isAscending, isEqual, Lines, parseDecimal, parseHex, parseWords, refuseUnless, sha256,
  Unavailable, verifyThat,
} from "./wire.js";
import { parseNote, verifySigners } from "./notes.js";

export const MAX_PACKAGE_BYTES = 2 ** 30 + 2 ** 26;
const [MAX_FILES, MAX_MANIFEST_BYTES] = [65_000, 1 << 25];
const PATH = /^[A-Za-z0-9][A-Za-z0-9._-]*(?:\/[A-Za-z0-9][A-Za-z0-9._-]*)*$/;
const [DATE, MODE] = [0x21, 0o100600 * 2 ** 16]; // 1980-01-01 as MS-DOS writes it; a plain file
const [LOCAL, CENTRAL, END] = [0x04034b50, 0x02014b50, 0x06054b50]; // what a file, its entry and the end begin with

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

/** Little-endian integers; each is [size in bytes, value]. */
function pack(...fields) {
  const bytesOf = ([size, value]) => Array.from({ length: size }, (_, i) => Math.floor(value / 2 ** (8 * i)) & 255);
  return Uint8Array.from(fields.flatMap(bytesOf));
}

function formatFields(name, raw) {
  const sizes = [[4, crc32(raw)], [4, raw.length], [4, raw.length], [2, name.length], [2, 0]];
  return pack([2, 20], [2, 0], [2, 0], [2, 0], [2, DATE], ...sizes);
}

/** Names and contents in order; refuses a zip that is not in the form of a package. */
function parseZip(raw) {
  const view = new DataView(raw.buffer, raw.byteOffset, raw.length);
  const [entries, central] = [[], []];
  let [at, isSame] = [0, true];
  while (at + 4 <= raw.length && view.getUint32(at, true) === LOCAL && entries.length <= MAX_FILES) {
    refuseUnless(at + 30 <= raw.length, `package byte ${at}: found its end`);
    const [size, start] = [view.getUint32(at + 22, true), at + 30 + view.getUint16(at + 26, true)];
    const name = raw.subarray(at + 30, start);
    const isPlain = PATH.test(ascii(name)) && start + size <= raw.length;
    refuseUnless(isPlain, `package byte ${at}: a name or size that no package has`);
    const content = raw.subarray(start, start + size);
    entries.push([ascii(name), content]);
    const fields = formatFields(name, content);
    isSame &&= isEqual(raw.subarray(at, start), concat(pack([4, LOCAL]), fields, name));
    const [made, where] = [[2, 20 + (3 << 8)], [[2, 0], [2, 0], [2, 0], [4, MODE], [4, at]]];
    central.push(concat(pack([4, CENTRAL], made), fields, pack(...where), name));
    at = start + size;
  }
  const directory = concat(...central);
  const counts = [[2, entries.length], [2, entries.length], [4, directory.length], [4, at], [2, 0]];
  const end = pack([4, END], [2, 0], [2, 0], ...counts);
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

/** The files of a package, each with the hash that its manifest gives; the signature is not verified yet. */
export class PackageFiles extends Files {
  static async open(raw) {
    refuseUnless(raw.length <= MAX_PACKAGE_BYTES, `package: found ${raw.length} B`);
    const entries = parseZip(raw);
    refuseUnless(entries[0]?.[0] === "MANIFEST", "package: another first file");
    const isSorted = isAscending(entries.slice(1).map(([path]) => path));
    const files = new PackageFiles(new Map(entries.slice(1)));
    refuseUnless(isSorted && !files.has("MANIFEST"), "package: found its files in another order or one twice");
    files.manifest = await parseManifest(entries[0][1], files.files);
    return files;
  }

  /** NotProven unless the requester alone signed the manifest, for this authorization. */
  async verifyManifest(origin, authorization, key) {
    const { manifest } = this;
    verifyThat(manifest.origin === origin, "MANIFEST origin: not the log's");
    verifyThat(manifest.authorization === authorization, "MANIFEST authorization: not the note's");
    const signers = await verifySigners(manifest.note, [key], "MANIFEST");
    const isAlone = signers.has(key.identity) && manifest.note.signatures.length === 1;
    verifyThat(isAlone, "MANIFEST: no signature of the requester, or another beside it");
  }
}

/** Read the manifest and compare every file with it; none may be missing or left over. */
async function parseManifest(raw, files) {
  const count = raw.reduce((sum, byte) => sum + Number(byte === 10), 0);
  refuseUnless(count <= MAX_FILES + 16, `MANIFEST: found ${count} lines`);
  const note = parseNote(raw, "MANIFEST", { limit: MAX_MANIFEST_BYTES });
  refuseUnless(note.lines[0] === "coffer.disclosure/v1", "MANIFEST line 1: another");
  const lines = new Lines(note.lines.slice(1), "MANIFEST");
  const [origin, authorization] = [lines.take("origin"), parseHex(lines.take("authorization"), 32, "authorization")];
  const listed = lines.takeAll(["file"], 0, MAX_FILES).map(([, value]) => {
    const [digest, size, path] = parseWords(value, 3, "MANIFEST file");
    return [path, parseHex(digest, 32, "MANIFEST file"), parseDecimal(size, "MANIFEST file")];
  });
  lines.end();
  refuseUnless(isAscending(listed.map(([path]) => path)), "MANIFEST file: another order, or a path twice");
  const known = new Map(listed.map(([path, digest, size]) => [path, { digest, size }]));
  for (const path of [...new Set([...known.keys(), ...files.keys()])].sort()) {
    const values = { file: path };
    verifyThat(known.has(path), `${path}: a file that the manifest does not list`, values);
    verifyThat(files.has(path), `${path}: no such file`, values);
    const { digest, size } = known.get(path);
    const isSame = files.get(path).length === size && hex(await sha256(files.get(path))) === digest;
    verifyThat(isSame, `${path}: other bytes than the manifest lists`, values);
  }
  return { origin, authorization, note };
}
