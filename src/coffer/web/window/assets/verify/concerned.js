// The page "Was I concerned?": searches the revealed authorizations for what somebody types. The form is never sent.
//
//     form[data-concerned]   data-code, data-trunk of the vault's own country; an input[id=identity]. It has
//                          no name, so that a browser without scripts has nothing to send
//     [data-found]           a place for malformed, none, some
//     ol[data-matches]       one <template>; a copy for each authorization, with its values
//     section[data-log-audit] and [data-pins]: what is searched is verified first, as on "Verify here"

import { auditLog } from "./audit-log.js";
import { Board, fetchFile, fill, pins, show, store } from "./page.js";
import { findRevealed, normalise } from "./revealed.js";

const form = document.querySelector("[data-concerned]");
const places = ["[data-log-audit]", "[data-found]", "[data-matches]"];
const [section, place, list] = places.map((one) => document.querySelector(one));
let audited = null;

async function search(event) {
  event.preventDefault();
  const template = list.querySelector("template");
  list.replaceChildren(template);
  const subject = normalise(form.elements.identity.value, form.dataset);
  show(place, subject ? "" : "malformed");
  if (!subject) return;
  section.hidden = false;
  audited ??= new Board(section).run((tell) => auditLog(fetchFile, pins, store, tell), () => ({ pins }));
  const log = await audited;
  if (!log.isProven) audited = null; // what is not proven is not searched
  if (!log.isProven) return;
  const { count, hidden, matches } = findRevealed(log.state, subject);
  show(place, matches.length ? "some" : "none", { count, hidden, matches: matches.length, subject });
  for (const match of matches) {
    const values = { ...match, periods: match.periods.join(", "), opened: match.openings.length };
    list.append(fill(template.content.cloneNode(true), values));
  }
}

form.addEventListener("submit", search);
