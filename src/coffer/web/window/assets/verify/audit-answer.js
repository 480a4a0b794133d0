// The audit of an answer in the numbered steps of docs/procedures/auditing.md, 0 to 12.

import { Findings, runSteps } from "./steps.js";
import {
  readAnswer, verifyAuthorization, verifyEntries, verifyOpening, verifyOrigin, verifyPackage, verifySegments,
} from "./evidence.js";
import { verifyCountersignatures, verifyReplies, verifyRequests } from "./replies.js";
import { verifyCells } from "./cells.js";
import { verifyDraw, verifyResult } from "./result.js";
import { verifyAgainstLog } from "./against-log.js";

const STEPS = {
  read: readAnswer, package: verifyPackage, origin: verifyOrigin, entries: verifyEntries, opening: verifyOpening,
  authorization: verifyAuthorization, segments: verifySegments, requests: verifyRequests,
  countersignatures: verifyCountersignatures, replies: verifyReplies, cells: verifyCells, draw: verifyDraw,
  result: verifyResult, complete: verifyAgainstLog,
};

/**
 * Audit an answer: the bytes of a package, or Files that somebody unpacked, which have no step 0. `pins`: { log,
 * genesis }, each "" if it is taken from the answer. `log`: { fetch, store } of audit-log.js; without it no step 12.
 * `isComplete`: step 12 was proven too; a clean answer of which it was not holds if no segment was left out, and if it
 * is the `part` of a continuing order that it says.
 */
export async function auditAnswer(source, pins, tell = () => {}, log = null) {
  const [steps, findings] = [{ ...STEPS }, new Findings()];
  if (!(source instanceof Uint8Array)) delete steps.package;
  if (!log) delete steps.complete;
  const { claims } = await runSteps(steps, { source, pins, findings, log }, tell);
  const isClean = !findings.violations.length && findings.unrun.every((one) => one.id === "complete");
  const isComplete = isClean && Boolean(log) && !findings.unrun.length;
  return { ...findings, isClean, isComplete, part: claims?.part };
}
