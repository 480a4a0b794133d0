// What the three pages share. Every sentence is the server's: markup says it, this fills in values.
//
//     [data-when-place]            shows one of its own <template data-when="STATE [KEY]">: the first whose state it is
//                                  and whose KEY is among the values, or that has no KEY
//     within, [data-value="KEY"]   gets that value; numbers in the page's language, times with data-as="time" in UTC
//     ol[data-steps]               li[data-step="ID" data-when-place] for each step: pending, running, proven, failed,
//                                  stopped, not-run
//     [data-verdict]               a place for running, proven, failed, not-run, stopped; `proven partly` if step 12 is
//                                  not run, `proven conditions` if the verdict rests on some, `failed owed` if a log
//                                  has debts and is proven; of a part of a continuing order `part`, or `claimed` if
//                                  step 12 is not run, and `since`, the entry from which on it has all
//     [data-announce]              a live region: the title of each step that ended, once
//     [role=alert][data-failed]    a place that is empty until a check failed
//     a[data-evidence]             in it: the evidence as a file
//     [data-list="warnings"], [data-list="conditions"]   hidden where there are none; in its <ul> a template of an <li>
//                                  for each code, "rule" for entries without effect. Alike ones are one item
//     [data-pins]                  data-log, data-genesis: what the page trusts; data-address: where the log lies

import { groupBy, MalformedInput, Unavailable } from "./wire.js";

const language = document.documentElement.lang;
const numbers = new Intl.NumberFormat(language);
const times = new Intl.DateTimeFormat(language, { dateStyle: "long", timeStyle: "medium", timeZone: "UTC" });

function format(value, as) {
  if (as === "time") return `${times.format(new Date(value * 1000))} UTC`;
  return typeof value === "number" ? numbers.format(value) : String(value);
}

export function fill(node, values) {
  for (const slot of node.querySelectorAll("[data-value]")) {
    if (slot.dataset.value in values) slot.textContent = format(values[slot.dataset.value], slot.dataset.as);
  }
  const { done: value = 0, total: max = 1 } = values;
  for (const bar of node.querySelectorAll("progress")) Object.assign(bar, { max, value });
  return node;
}

/** Show, for each [state, values], the template of a place. */
function showAll(place, items) {
  const templates = [...place.querySelectorAll(":scope > template")];
  const nodes = items.flatMap(([state, values]) => {
    const fits = ([when, key = state]) => when === state && (key === state || key in values);
    const template = templates.find(({ dataset }) => fits(dataset.when.split(" ")));
    return template ? [fill(template.content.cloneNode(true), values)] : [];
  });
  place.replaceChildren(...nodes, ...templates);
}

export const show = (place, state, values = {}) => showAll(place, [[state, values]]);

/** Ends an audit that somebody stopped. */
class Stopped extends Error {}

/** The steps of one audit on the page. */
export class Board {
  constructor(root) {
    this.root = root;
    this.began = performance.now();
    for (const place of root.querySelectorAll("[data-step]")) this.#set(place, "pending", {});
    show(root.querySelector("[data-failed]"), "");
    for (const place of root.querySelectorAll("[data-list]")) place.hidden = true;
    this.verdict("running");
  }

  #set(place, state, values) {
    place.className = state === "not-run" ? "stopped" : state;
    show(place, state, values);
  }

  verdict(state, values) { this.root.querySelectorAll("[data-verdict]").forEach((one) => show(one, state, values)); }

  /** Takes each step of an audit; throws once the audit was stopped. */
  tell = ({ id, state, values }) => {
    if (this.isStopped) throw new Stopped();
    const place = this.root.querySelector(`[data-step="${id}"]`);
    const bar = place.className === "running" && state === "running" && place.querySelector("progress");
    if (bar) fill(place, values);
    else this.#set(place, state, { ...values, seconds: Math.round((performance.now() - this.began) / 100) / 10 });
    if (state === "running") return;
    this.began = performance.now();
    const said = place.querySelector("p").textContent;
    if (state !== "stopped") this.root.querySelector("[data-announce]").textContent = said;
  };

  /**
   * Run `audit(tell)` and show how it ends. A failed one offers a file first, in which `evidenceOf(audited)` is too;
   * but not where there are debts alone, since the log itself is the evidence.
   */
  async run(audit, evidenceOf) {
    this.root.setAttribute("aria-busy", "true");
    try {
      const audited = await audit(this.tell);
      const { isClean, isComplete = true, violations, conditions, part } = audited;
      const told = part && { [isComplete ? "part" : "claimed"]: part.number, ...(part.since && { since: part.since }) };
      const [isPartly, isOwed] = [!isComplete && { partly: true }, audited.isProven && { owed: true }];
      const more = { ...isPartly, ...(conditions.length && { conditions }), ...isOwed, ...told };
      this.verdict(violations.length ? "failed" : isClean ? "proven" : "not-run", more);
      this.#list("warnings", audited.warnings);
      this.#list("conditions", isClean ? conditions : []);
      if (violations.length && !audited.isProven) this.#offer(violations, await evidenceOf(audited));
      return audited;
    } catch (error) {
      this.verdict(error instanceof Stopped ? "stopped" : "failed");
      if (!(error instanceof Stopped)) throw error;
      return { isClean: false };
    } finally {
      this.root.setAttribute("aria-busy", "false");
    }
  }

  #list(name, items) {
    const place = this.root.querySelector(`[data-list="${name}"]`);
    const alike = groupBy(items, ({ code, values }) => JSON.stringify([code, { ...values, entry: null }]));
    place.hidden = !items.length;
    showAll(place.querySelector("ul"), [...alike.values()].map(([{ code, values }, ...more]) =>
      [values.rule ? "rule" : code, { count: more.length + 1, ...values }]));
  }

  #offer(violations, evidence) {
    const alert = this.root.querySelector("[data-failed]");
    show(alert, "failed", { count: violations.length });
    const text = JSON.stringify({ format: "coffer.evidence/v1", violations, ...evidence }, null, 1);
    const href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    Object.assign(alert.querySelector("[data-evidence]"), { href, download: "coffer-evidence.json" });
  }
}

const { log, genesis, address } = document.querySelector("[data-pins]").dataset;
export const pins = { log, genesis };

/** A file of the log, of at most `limit` bytes; null if there is none. */
export async function fetchFile(path, limit) {
  const how = { credentials: "omit", redirect: "error", cache: "no-cache" };
  const response = await fetch(`${address}${path}`, how).catch(() => ({ status: "none" }));
  if (response.status === 404) return null;
  if (!response.ok) throw new Unavailable(`${path}: found status ${response.status}`, { file: path });
  const [chunks, reader] = [[], response.body.getReader()];
  for (let size = 0; ; ) {
    const { done, value } = await reader.read();
    if (done) return new Uint8Array(await new Blob(chunks).arrayBuffer());
    chunks.push(value);
    size += value.length;
    if (size > limit) throw new MalformedInput(`${path}: over ${limit} B`, { file: path });
  }
}

export const base64 = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));

/** The last checkpoint that this browser proved, in its own storage; where there is none, nothing is kept. */
export const store = {
  get: (place) => { try { return localStorage.getItem(place); } catch { return null; } },
  // without it, the same is proven next time from nothing
  set: (place, value) => { try { localStorage.setItem(place, value); } catch { return; } },
};
