// The page "Drop an answer here": audits a case.zip; nothing of it leaves the browser. Only the log is fetched.
//
//     section[data-answer-audit]   a board (page.js) with the steps of audit-answer.js, hidden until a file is chosen
//     input[type=file][data-zip]   the choice; the label around it takes a dropped file, class "over" while one hovers
//     [data-pins]                  as for the log: an answer of another log is not this window's

import { auditAnswer } from "./audit-answer.js";
import { Board, fetchFile, pins, store } from "./page.js";
import { MAX_PACKAGE_BYTES } from "./package.js";
import { hex, sha256 } from "./wire.js";

const section = document.querySelector("[data-answer-audit]");
const input = document.querySelector("[data-zip]");
const drop = input.closest("[data-drop]");

async function run(file) {
  section.hidden = false;
  const load = async () => new Uint8Array(await file.slice(0, MAX_PACKAGE_BYTES + 1).arrayBuffer());
  const audit = async (tell) => auditAnswer(await load(), pins, tell, { fetch: fetchFile, store });
  const evidenceOf = async () => ({ pins, package: hex(await sha256(await load())), size: file.size });
  await new Board(section).run(audit, evidenceOf);
}

input.addEventListener("change", () => input.files[0] && run(input.files[0]));
for (const kind of ["dragover", "dragleave", "drop"]) {
  drop.addEventListener(kind, (event) => {
    event.preventDefault();
    drop.classList.toggle("over", kind === "dragover");
    if (kind === "drop" && event.dataTransfer.files[0]) run(event.dataTransfer.files[0]);
  });
}
