// Whether an answer left out a segment that its authorization reaches (docs/formats/answer.md, "Complete").
//
// Only numbering tables give the country of a number, and there are none here. The rules are those of the note's line
// `rules:`: each subject must have all segments of one of them, and each of them must have a subject. Segments may go
// by other tables than the note, which may put the number into another country. What only that explains, and a number
// without a cell whose rule may be one without segments, are conditions of the verdict.

import { compareLists, dayNumber, groupBy } from "./wire.js";

export const ruleUnder = (country, roster) => (roster.rules.has(country) ? country : "base");

/** The countries that a subject may have by the tables of one version; `some`: its segments of that version. */
export function findCountries(subject, some, rosters) {
  const known = new Set(["base", ...rosters.flatMap((roster) => [...roster.rules.keys()])]);
  const countries = subject.country === null ? [...known] : [subject.country];
  return countries.filter((country) => some.every(({ line, roster }) => ruleUnder(country, roster) === line.rule));
}

const badness = (reading) => [reading.leftOut.length, reading.moved.length, reading.gone.length];
const least = (readings) => [...readings].sort((a, b) => compareLists(badness(a), badness(b)))[0];
const join = (readings, key) => readings.flatMap((one) => one[key]);

/**
 * By rule of the note, what misses if the subject has this rule; none if its cells show that it has another. A reading
 * has the segments that were `leftOut`, those that were `gone`, and the versions of tables that must put the number
 * into another country than the note's (`moved`).
 */
function readSubject(subject, asked, { paper, roster: home, segments, rosters, isGone }) {
  const isReached = ({ line, feed }) =>
    subject.days.has(dayNumber(line.day)) && paper.kinds.includes(line.kind) && ["", feed].includes(subject.feed);
  const versions = groupBy(segments.filter(isReached), (one) => one.roster.numbering);
  const others = [...versions.keys()].filter((version) => version !== home.numbering);
  const countriesOf = (version) => {
    const cells = (versions.get(version) ?? []).filter((one) => asked.has(one.line.segId));
    const countries = findCountries(subject, cells, rosters);
    return countries.length ? countries : findCountries(subject, [], rosters); // an earlier step has told of it
  };
  const read = (version, country, moved = []) => {
    const isMissing = ({ line, roster }) => line.rule === ruleUnder(country, roster) && !asked.has(line.segId);
    const some = (versions.get(version) ?? []).filter(isMissing);
    return { leftOut: some.filter((one) => !isGone(one)), gone: some.filter(isGone), moved };
  };
  const readings = countriesOf(home.numbering).map((country) => {
    const elsewhere = others.map((version) =>
      least(countriesOf(version).map((other) => read(version, other, other === country ? [] : [version]))));
    const all = [read(home.numbering, country), ...elsewhere];
    const [leftOut, gone, moved] = ["leftOut", "gone", "moved"].map((key) => join(all, key));
    return { rule: ruleUnder(country, home), leftOut, gone, moved };
  });
  const named = groupBy(readings.filter(({ rule }) => paper.rules.includes(rule)), ({ rule }) => rule);
  return new Map([...named].map(([rule, alike]) => [rule, least(alike)]));
}

/** Whether each rule can have a fitting subject line of its own (by augmenting paths). */
function hasLineEach(rules, fitting) {
  const given = new Map();
  const isPlaced = (rule, seen) => [...fitting.keys()].some((line) => {
    if (!fitting[line].has(rule) || seen.has(line)) return false;
    seen.add(line);
    if (given.has(line) && !isPlaced(given.get(line), seen)) return false;
    given.set(line, rule);
    return true;
  });
  return rules.every((rule) => isPlaced(rule, new Set()));
}

/**
 * Tell of each segment that was left out of those that could be asked. `rosters`: those before the intent. `isGone`:
 * could a segment be asked no more?
 */
export function verifyComplete({ paper, roster, claims, findings }, segments, rosters, isGone) {
  const home = roster.numbering;
  const fitting = paper.subjects.map((subject, i) => {
    const line = i + 1;
    const asked = new Set(claims.cells.filter((cell) => cell.subject === line).map((cell) => cell.segment));
    const readings = readSubject(subject, asked, { paper, roster, segments, rosters, isGone });
    const isWhole = ([, reading]) => !reading.leftOut.length;
    const [fits, rest] = [[...readings].filter(isWhole), [...readings].filter((item) => !isWhole(item))];
    if (!readings.size) findings.violate("INCOMPLETE", `subject line ${line}: cells of no rule of the note`, { line });
    else if (!fits.length) {
      for (const { entry, line: { segId: segment } } of least(readings.values()).leftOut) {
        findings.violate("INCOMPLETE", `subject line ${line}: no cell of this segment`, { line, entry, segment });
      }
    } else if (rest.length) {
      const count = new Set(rest.flatMap(([, one]) => one.leftOut)).size;
      findings.rest("RULES", { tables: home, line, rules: rest.map(([rule]) => rule).sort().join(", "), count });
    }
    return new Map(fits);
  });
  if (fitting.every((fits) => fits.size)) tellConditions(paper.rules, home, fitting, findings);
}

/** Segments that were gone are a warning; those that only other tables explain are a condition. */
function tellConditions(rules, home, fitting, findings) {
  const certain = fitting.map((fits) => new Map([...fits].filter(([, one]) => !one.moved.length)));
  const isCertain = certain.every((fits) => fits.size) && hasLineEach(rules, certain);
  if (!isCertain && !hasLineEach(rules, fitting)) {
    findings.violate("INCOMPLETE", "rules: one of which no subject line had all segments");
    return;
  }
  for (const [i, fits] of (isCertain ? certain : fitting).entries()) {
    const count = least(fits.values()).gone.length;
    if (count) findings.warn("GONE", { line: i + 1, count });
    const moved = new Set(join([...fits.values()], "moved"));
    for (const tables of moved) findings.rest("TABLES", { tables, line: i + 1, home });
  }
}
