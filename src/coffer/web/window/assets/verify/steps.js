// How an audit tells of its steps, and what it collects.
//
// `tell` is called with { id, state, values, code, message } for each change of a step. State is running, proven,
// failed, stopped (an earlier step failed) or not-run (this browser lacks an algorithm). `code` and `values` choose and
// fill the sentence of a page; `message` is for the evidence.

import { AuditError, NotRun } from "./wire.js";

/** Lets the page live: what is awaited of WebCrypto alone does not. */
export const pause = () => new Promise((resolve) => setTimeout(resolve));

export class Findings {
  violations = [];
  accidents = [];

  violate(code, message, values = {}) {
    this.violations.push({ code, message, values });
  }
}

export class Steps {
  #left;
  #tell;
  isStopped = false;

  constructor(ids, findings, tell) {
    this.#left = [...ids];
    this.#tell = tell;
    this.findings = findings;
  }

  /** Run the next step. It gives its values; if it throws, all later steps are stopped. */
  async run(id, action) {
    if (this.isStopped) return null;
    const { violations } = this.findings;
    const before = violations.length;
    const say = (state, values = {}, more = {}) => this.#tell({ id, state, values, ...more });
    this.#left.shift();
    say("running");
    try {
      await pause();
      const value = await action((values) => pause(say("running", values)));
      const failed = violations[before];
      if (failed) say("failed", failed.values, { code: failed.code, message: failed.message });
      else say("proven", value?.told ?? {});
      return value;
    } catch (error) {
      if (!(error instanceof AuditError)) throw error;
      const [code, state] = error instanceof NotRun ? ["not-run", "not-run"] : [error.constructor.name, "failed"];
      this.findings.violate(code, error.message, error.values);
      say(state, error.values, { code, message: error.message });
      this.isStopped = true;
      for (const later of this.#left) this.#tell({ id: later, state: "stopped", values: {} });
      return null;
    }
  }
}
