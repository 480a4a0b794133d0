// How an audit tells of its steps, and what it collects.
//
// `tell` is called with { id, state, values, code, message } for each change of a step. State is running, proven,
// failed, stopped (an earlier step failed) or not-run (this browser lacks an algorithm, or the log is not at hand).
// `code` and `values` choose and fill the sentence of a page; `message` is for the evidence.

import { AuditError, NotRun } from "./wire.js";

/** Lets the page live: what is awaited of WebCrypto alone does not. */
export const pause = () => new Promise((resolve) => setTimeout(resolve));

/** `unrun`: steps of which nothing is said. A warning leaves a verdict as it is; it rests on each condition. */
export class Findings {
  violations = [];
  warnings = [];
  conditions = [];
  unrun = [];

  violate(code, message, values = {}) { this.violations.push({ code, message, values }); }

  warn(code, values) { this.warnings.push({ code, values }); }

  rest(code, values) { this.conditions.push({ code, values }); }
}

/**
 * Run steps in order; each takes `audit`, which holds the findings and what earlier steps proved, and gives its own
 * values, which are added. If a step throws, all later ones are stopped.
 */
export async function runSteps(steps, audit, tell) {
  const { violations, unrun } = audit.findings;
  let isStopped = false;
  for (const [id, action] of Object.entries(steps)) {
    const say = (state, values = {}, more = {}) => tell({ id, state, values, ...more });
    const before = violations.length;
    say(isStopped ? "stopped" : "running");
    if (isStopped) continue;
    try {
      await pause();
      const given = await action(audit, (values) => pause(say("running", values)));
      Object.assign(audit, given);
      const failed = violations[before];
      if (failed) say("failed", failed.values, { code: failed.code, message: failed.message });
      else say("proven", given?.told);
    } catch (error) {
      if (!(error instanceof AuditError)) throw error;
      const { message, values, constructor: { name: code } } = error;
      if (error instanceof NotRun) unrun.push({ ...values, id });
      else audit.findings.violate(code, message, values);
      say(error instanceof NotRun ? "not-run" : "failed", values, { code, message });
      isStopped = true;
    }
  }
  return audit;
}
