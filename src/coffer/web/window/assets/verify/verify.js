// The page "Verify here": audits the log that this window serves, as soon as the page stands.
//
//     section[data-log-audit]   a board (page.js) with the steps of audit-log.js; beside it [data-pins]
//     button[data-stop]         ends the audit; button[data-again] begins another

import { auditLog } from "./audit-log.js";
import { base64, Board, fetchFile, pins, store } from "./page.js";

const section = document.querySelector("[data-log-audit]");

async function run() {
  const [board, kept, served] = [new Board(section), [], {}];
  const remember = { ...store, get: (place) => kept[kept.push(store.get(place)) - 1] };
  const keep = async (path, limit) => (served[path] = await fetchFile(path, limit));
  section.querySelector("[data-stop]").onclick = () => { board.isStopped = true; };
  await board.run((tell) => auditLog(keep, pins, remember, tell), (found) => evidenceOf(found, served, kept));
}

/** Checkpoint, the one kept before, and of each violation the bundle and tile that hold its entry. */
function evidenceOf({ violations }, served, kept) {
  const tiles = new Set(violations.flatMap(({ values: { entry, file } }) => [
    ...(file ? [file] : []), ...Object.keys(served).filter((path) => entry !== undefined && holds(path, entry)),
  ]));
  const files = [...tiles, "checkpoint"].filter((path) => served[path]);
  return { pins, kept, files: Object.fromEntries(files.map((path) => [path, base64(served[path])])) };
}

function holds(path, entry) {
  const match = /^tile\/(?:entries|0)\/([x0-9/]+)/.exec(path);
  return match !== null && Number(match[1].replace(/[x/]/g, "")) === Math.floor(entry / 256);
}

section.querySelector("[data-again]").addEventListener("click", run);
run();
