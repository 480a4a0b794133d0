// Openings under an emergency rule, which custodians must ratify (docs/formats/entries.md, "Emergencies").

import { DAY } from "./wire.js";
import { isSatisfied } from "./entries.js";

const [MOST_UNPAID, MOST_A_DAY] = [8, 16];

/** How a debt stands at a time: "to be ratified", "overdue", "ratified" or "ratified late". */
export function statusOf({ since, paid, roster }, now) {
  const isLate = Math.min(now, paid) - since > roster["ratify-hours"] * 3_600;
  if (paid === Infinity) return isLate ? "overdue" : "to be ratified";
  return isLate ? "ratified late" : "ratified";
}

/** Why a requester with these debts may open no further emergency at a time; "" if it may. */
export function findBar(own, now) {
  if (own.some((one) => statusOf(one, now) === "overdue")) return "an emergency that is overdue to be ratified";
  if (own.filter((one) => one.paid === Infinity).length >= MOST_UNPAID) return `${MOST_UNPAID} emergencies unratified`;
  return own.filter((one) => now - one.since < DAY).length >= MOST_A_DAY ? `${MOST_A_DAY} emergencies in 24 hours` : "";
}

/** Whether those who ratified satisfy each of some rules, as a roster has them. */
export function isRatified(rules, ratified, roster) {
  const mask = roster.maskOf((one) => ratified.includes(one.name));
  return rules.every((name) => isSatisfied(roster.rules.get(name) ?? roster.rules.get("base"), mask));
}
