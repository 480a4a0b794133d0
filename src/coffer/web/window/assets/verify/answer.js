// The page "Drop an answer here": audits a case.zip; nothing of it leaves the browser.
//
//     section[data-answer-audit]   a board (page.js) with the steps of audit-answer.js, hidden until a file is chosen
//     input[type=file][data-zip]   the choice; the label around it takes a dropped file, class "over" while one hovers
//     [data-pins]                  as for the log: an answer of another log is not this window's

import { auditAnswer } from "./audit-answer.js";
import { Board, pinsOf } from "./page.js";
import { MAX_PACKAGE_BYTES } from "./package.js";
import { hex, MalformedInput, sha256 } from "./wire.js";

const section = document.querySelector("[data-answer-audit]");
const input = document.querySelector("[data-zip]");
const drop = input.closest("[data-drop]");

async function run(file) {
  section.hidden = false;
  const board = new Board(section);
  section.setAttribute("aria-busy", "true");
  const pins = pinsOf(document.querySelector("[data-pins]"));
  try {
    if (file.size > MAX_PACKAGE_BYTES) throw new MalformedInput(`package: found ${file.size} B`);
    const raw = new Uint8Array(await file.arrayBuffer());
    const found = await auditAnswer(raw, pins, board.tell);
    board.end(found, { pins, package: hex(await sha256(raw)), size: raw.length });
  } catch (error) {
    board.end({ isClean: false, violations: [{ code: "read", message: String(error.message), values: {} }] }, { pins });
  } finally {
    section.setAttribute("aria-busy", "false");
  }
}

input.addEventListener("change", () => input.files[0] && run(input.files[0]));
for (const kind of ["dragover", "dragleave", "drop"]) {
  drop.addEventListener(kind, (event) => {
    event.preventDefault();
    drop.classList.toggle("over", kind === "dragover");
    if (kind === "drop" && event.dataTransfer.files[0]) run(event.dataTransfer.files[0]);
  });
}
