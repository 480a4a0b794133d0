// Step 12 of the audit of an answer: comparison with the whole log (docs/formats/answer.md).

import { DAY, dayNumber, isEqual, NotRun, Unavailable, verifyThat } from "./wire.js";
import { findCosigners, MAX_CHECKPOINT_BYTES, parseCheckpoint } from "./notes.js";
import { segmentOf } from "./evidence.js";
import { verifyComplete } from "./completeness.js";
import { auditLog, VALID } from "./audit-log.js";

/** The log of the answer, read to its end; NotRun if it is not at hand. */
async function readLog({ log, key, genesis }, progress) {
  const fetch = (path, limit) => log.fetch(path, limit).catch((error) => {
    throw error instanceof Unavailable ? new NotRun("log: out of reach", { unreachable: true }) : error;
  });
  const raw = await fetch("checkpoint", MAX_CHECKPOINT_BYTES);
  if (!raw) throw new NotRun("log: none", { unreachable: true });
  const { origin } = parseCheckpoint(raw, "checkpoint");
  if (origin !== key.name) throw new NotRun("log: another than the answer's", { origin });
  const tell = ({ state, values }) => (state === "running" && values.done ? progress(values) : undefined);
  const pins = { log: key.text, genesis };
  return auditLog(fetch, pins, log.store, tell, VALID);
}

/** Step 12: the log is the same and valid, and no segment was left out that could be asked until the close. */
export async function verifyAgainstLog(audit, progress) {
  const { claims, checkpoint, digests, findings, shown, state, opening, paper, roster } = audit;
  const log = await readLog(audit, progress);
  if (log.unrun.length) throw new NotRun("log: a step that was not run", log.unrun[0]);
  verifyThat(log.isClean, "log: found violations in it", { invalid: true });
  for (const seen of [checkpoint, ...digests.map((digest) => digest.seen)]) {
    const isSame = seen.size <= log.entries.length && isEqual(await log.tree.rootAt(seen.size), seen.root);
    const who = isSame ? [] : [...(await findCosigners(seen, roster)).keys()].sort();
    const values = { size: seen.size, ...(who.length ? { who: who.join(", ") } : {}) };
    verifyThat(isSame, `checkpoint of size ${seen.size}: another log than this one, cosigned by: ${who}`, values);
  }
  const lost = log.state.invalid.find(({ index }) => shown.has(index));
  verifyThat(!lost, `entry ${lost?.index}: without effect in the full log (${lost?.code})`, { entry: lost?.index });
  // the entries are the same, so the same indexes are the same draw and close
  const ends = (one) => [one?.roster.hash, one?.draw?.index, one?.close?.index].join();
  const isValid = ends(log.state.openings.get(claims.intent)) === ends(opening);
  verifyThat(isValid, "intent: it, its draw or close invalid in the full log", { entry: claims.intent });
  const draws = [...log.state.openings.values()].filter(({ draw, intent }) =>
    draw && draw.index <= opening.draw?.index && intent.authorization === paper.commitment);
  const drawn = draws.reduce((sum, one) => sum + one.drawn, 0);
  verifyThat(drawn <= paper["max-records"], `draws: found ${drawn} in all`, { drawn });
  const { intent, close, part } = claims;
  const replaced = log.state.supersededBefore(intent, intent);
  for (const { segment, superseded } of claims.cells) {
    const [one, other] = [log.state.segments.get(segment), segmentOf(state, segment)];
    const isThere = one?.done < intent && one.entry === other.entry && one.roster.hash === other.roster.hash;
    verifyThat(isThere, "cell: a segment that the full log has not, or otherwise", { entry: other.entry });
    verifyThat(superseded === replaced.has(segment), "cell superseded: not the full log's", { entry: other.entry });
  }
  const past = log.state.partsBefore(intent);
  const isPart = !part || (part.number === past.length + 1 && part.since === (past.at(-1) ?? null));
  verifyThat(isPart, "answer.json continues: another part than the log has", { part: past.length + 1 });
  const closed = Math.floor(opening.close.time / DAY);
  const isGone = (one) =>
    log.state.isDead(one, close) || closed - dayNumber(one.line.day) >= one.roster["retention-days"];
  const segments = [...log.state.segments.values()].filter(({ done }) => (part?.since ?? 0) <= done && done < intent);
  verifyComplete(audit, segments, log.state.rosters.filter(({ index }) => index < intent), isGone);
  return { told: { count: log.entries.length } };
}
