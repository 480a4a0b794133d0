// What the three pages share. Every sentence is the server's: markup says it, this fills in values.
//
//     [data-when-place]            shows one of its own <template data-when="STATE [KEY]">: the first whose state it is and
//                                  whose KEY is among the values, or that has no KEY
//     within, [data-value="KEY"]   gets that value; numbers in the page's language, times with data-as="time" in UTC
//     ol[data-steps]               li[data-step="ID" data-when-place] for each step: pending, running, proven, failed,
//                                  stopped, not-run
//     [data-verdict]               a place for running, proven, failed, not-run, stopped
//     [data-announce]              a live region: the title of each step that ended, once
//     [role=alert][data-failed]    a place that is empty until a check failed
//     a[data-evidence]             in it: the evidence as a file
//     [data-pins]                  data-log, data-genesis: what the page trusts; data-address: where the log lies

import { MalformedInput, Unavailable } from "./wire.js";

const language = document.documentElement.lang;
const numbers = new Intl.NumberFormat(language);
const times = new Intl.DateTimeFormat(language, { dateStyle: "long", timeStyle: "medium", timeZone: "UTC" });

const format = (value, as) => {
  if (as === "time") return `${times.format(new Date(value * 1000))} UTC`;
  return typeof value === "number" ? numbers.format(value) : String(value);
};

export function fill(node, values) {
  for (const slot of node.querySelectorAll("[data-value]")) {
    if (slot.dataset.value in values) slot.textContent = format(values[slot.dataset.value], slot.dataset.as);
  }
  for (const bar of node.querySelectorAll("progress")) Object.assign(bar, { max: values.total ?? 1, value: values.done ?? 0 });
  return node;
}

/** Show the template of a place for a state. */
export function show(place, state, values = {}) {
  const templates = [...place.querySelectorAll(":scope > template")];
  const fits = ({ dataset }) => dataset.when.split(" ")[0] === state && (dataset.when.split(" ")[1] ?? state) in { ...values, [state]: 1 };
  const template = templates.find(fits);
  place.replaceChildren(...(template ? [fill(template.content.cloneNode(true), values)] : []), ...templates);
}

/** Ends an audit that somebody stopped. */
export class Stopped extends Error {}

/** The steps of one audit on the page. */
export class Board {
  constructor(root) {
    this.root = root;
    this.began = performance.now();
    for (const place of root.querySelectorAll("[data-step]")) this.#set(place, "pending", {});
    show(root.querySelector("[data-failed]"), "");
    this.verdict("running");
  }

  #set(place, state, values) {
    place.className = state === "not-run" ? "stopped" : state;
    show(place, state, values);
  }

  verdict(state) {
    for (const place of this.root.querySelectorAll("[data-verdict]")) show(place, state);
  }

  /** Takes each step of an audit; throws once the audit was stopped. */
  tell = ({ id, state, values }) => {
    if (this.isStopped) throw new Stopped();
    const place = this.root.querySelector(`[data-step="${id}"]`);
    const bar = place.className === "running" && state === "running" && place.querySelector("progress");
    if (bar) fill(place, values);
    else this.#set(place, state, { ...values, seconds: Math.round((performance.now() - this.began) / 100) / 10 });
    if (state === "running") return;
    this.began = performance.now();
    if (state !== "stopped") this.root.querySelector("[data-announce]").textContent = place.querySelector("p").textContent;
  };

  /** Show how an audit ended; a failed one offers the evidence before anything else. */
  end({ isClean, violations }, evidence) {
    const state = isClean ? "proven" : violations.some((item) => item.code === "not-run") ? "not-run" : "failed";
    this.verdict(state);
    if (state !== "failed") return;
    const alert = this.root.querySelector("[data-failed]");
    show(alert, "failed", { count: violations.length });
    const file = new Blob([JSON.stringify({ format: "coffer.evidence/v1", violations, ...evidence }, null, 1)], { type: "application/json" });
    Object.assign(alert.querySelector("[data-evidence]"), { href: URL.createObjectURL(file), download: "coffer-evidence.json" });
  }
}

/** A file of the log below the page's address, of at most `limit` bytes; null if there is none. */
export const fetchFrom = (address) => async (path, limit) => {
  let response;
  try {
    response = await fetch(`${address}${path}`, { credentials: "omit", redirect: "error", cache: "no-cache" });
  } catch {
    throw new Unavailable(`${path}: no answer`, { file: path });
  }
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
};

export const pinsOf = ({ dataset }) => ({ log: dataset.log, genesis: dataset.genesis });
export const base64 = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));

/** The last checkpoint that this browser proved, in its own storage; where there is none, nothing is kept. */
export const store = {
  get: (place) => { try { return localStorage.getItem(place); } catch { return null; } },
  set: (place, value) => { try { localStorage.setItem(place, value); } catch { /* it proves the same next time, from nothing */ } },
};
