// The tree of RFC 6962, its tiles and its bundles of entries (docs/formats/log.md).

import { concat, Cursor, isEqual, sha256 } from "./wire.js";

export const TILE = 256;
export const hashLeaf = (entry) => sha256([0], entry);
const hashNode = (left, right) => sha256([1], left, right);

/** All complete subtrees over leaf hashes: `levels[k][i]` covers leaves i * 2^k to (i + 1) * 2^k - 1. */
export class Tree {
  levels = [[]];

  /** Extends the tree by some leaf hashes. */
  async append(leaves) {
    this.levels[0].push(...leaves);
    for (let k = 0; this.levels[k].length > 1; k += 1) {
      const [below, above, hashes] = [this.levels[k], (this.levels[k + 1] ??= []), []];
      for (let i = 2 * above.length; i + 1 < below.length; i += 2) hashes.push(hashNode(below[i], below[i + 1]));
      above.push(...(await Promise.all(hashes)));
    }
  }

  /** The root over the first `size` leaves; an older log is the beginning of this one if its root is this one. */
  async rootAt(size) {
    let root = null;
    for (let [k, nodes] = [0, size]; nodes > 0; k += 1, nodes = Math.floor(nodes / 2)) {
      const peak = nodes % 2 ? this.levels[k][nodes - 1] : null;
      if (peak) root = root ? await hashNode(peak, root) : peak;
    }
    return root ?? sha256(new Uint8Array());
  }
}

/** Whether the proof leads from the leaf to the root (RFC 9162, 2.1.3.2). */
export async function isIncluded(leaf, index, size, proof, root) {
  if (index < 0 || index >= size) return false;
  let [node, last, value] = [BigInt(index), BigInt(size) - 1n, leaf];
  for (const step of proof) {
    if (last === 0n) return false;
    const isRight = Boolean(node & 1n) || node === last;
    value = await (isRight ? hashNode(step, value) : hashNode(value, step));
    while (isRight && node && !(node & 1n)) [node, last] = [node >> 1n, last >> 1n];
    [node, last] = [node >> 1n, last >> 1n];
  }
  return last === 0n && isEqual(value, root);
}

/** The path of a tile below the log's address; a full tile has width 256. */
export function formatTile(level, index, width) {
  const digits = String(index);
  const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, "0").match(/.../g);
  const path = ["tile", level, ...groups.slice(0, -1).map((group) => `x${group}`), groups.at(-1)].join("/");
  return width === TILE ? path : `${path}.p/${width}`;
}

/** [level, index, width] of every hash tile of a log of this size. */
export function* listTiles(size) {
  for (let level = 0, nodes = size; nodes > 0; level += 1, nodes = Math.floor(nodes / TILE)) {
    for (let i = 0; i * TILE < nodes; i += 1) yield [level, i, Math.min(TILE, nodes - i * TILE)];
  }
}

/** Exactly `width` entries of a bundle. */
export function parseBundle(raw, width, place) {
  const cursor = new Cursor(raw, place);
  const entries = Array.from({ length: width }, () => cursor.take(cursor.number(2)));
  cursor.end();
  return entries;
}

/** The bytes of a hash tile as the tree gives them. */
export const formatHashTile = (tree, level, index, width) =>
  concat(...(tree.levels[8 * level] ?? []).slice(index * TILE, index * TILE + width));
