// The audit of an answer in the numbered steps of docs/procedures/auditing.md, 0 to 11.

import { Findings, Steps } from "./steps.js";
import { PackageFiles } from "./package.js";
import {
  readAnswer, verifyAuthorization, verifyEntries, verifyOpening, verifyOrigin, verifyPackage, verifySegments,
} from "./evidence.js";
import { verifyCountersignatures, verifyReplies, verifyRequests } from "./replies.js";
import { findWindows, verifyCells } from "./cells.js";
import { verifyDraw, verifyResult } from "./result.js";

export const STEPS = [
  "read", "package", "origin", "entries", "opening", "authorization", "segments", "requests", "countersignatures", "replies",
  "cells", "draw", "result",
];

/**
 * Audit an answer: the bytes of a package, or Files that somebody unpacked, which have no step 0.
 * `pins`: { log, genesis }, each "" if it is taken from the answer.
 */
export async function auditAnswer(source, pins, tell = () => {}) {
  const findings = new Findings();
  const isPackage = source instanceof Uint8Array;
  const steps = new Steps(STEPS.filter((id) => isPackage || id !== "package"), findings, tell);
  const given = await steps.run("read", async () =>
    readAnswer(isPackage ? await PackageFiles.open(source) : source, pins, findings));
  if (isPackage) await steps.run("package", async () => ({ told: await verifyPackage(given) }));
  await steps.run("origin", () => verifyOrigin(given));
  const state = await steps.run("entries", () => verifyEntries(given, findings));
  const opening = await steps.run("opening", async () => verifyOpening(given, state));
  const order = await steps.run("authorization", () => verifyAuthorization(given, state, opening));
  const stored = await steps.run("segments", () => verifySegments(given, state, order.paper));
  const digests = await steps.run("requests", () => verifyRequests(given, state, opening, order));
  await steps.run("countersignatures", async () => verifyCountersignatures(given.claims, state, order));
  const replies = await steps.run("replies", () => verifyReplies(given, state, order, digests));
  const proven = { state, paper: order?.paper, stored, windows: findWindows(digests ?? []), replies };
  const opened = await steps.run("cells", () => verifyCells(given.claims, proven, findings));
  await steps.run("draw", () => verifyDraw(opening, digests));
  await steps.run("result", () => verifyResult(given, opening, proven, opened));
  return { isClean: !findings.violations.length, violations: findings.violations, given };
}
