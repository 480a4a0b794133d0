// Units of the browser's verification that no whole case reaches; `node --test`, started by test_units.py.

import assert from "node:assert/strict";
import { test } from "node:test";

const load = (name) => import(new URL(`../../../src/coffer/web/window/assets/verify/${name}.js`, import.meta.url));
const [wire, json, notes, revealed, cells, steps, packages] = await Promise.all(
  ["wire", "json", "notes", "revealed", "cells", "steps", "package"].map(load),
);
const parse = (text) => json.parseJson(wire.encode(text), "x");
const french = { code: "33", trunk: "0" };

test("a number is found as it is usually written", () => {
  for (const typed of ["+33612345678", " +33 6 12 34 56 78", "0033 612345678", "06.12.34.56.78", "(06) 12-34-56-78", "tel:+33612345678"]) {
    assert.equal(revealed.normalise(typed, french), "tel:+33612345678", typed);
  }
  assert.equal(revealed.normalise("612345678", french), "tel:+33612345678");
  assert.equal(revealed.normalise("06 12 34 56 78", { code: "39", trunk: "" }), "tel:+390612345678", "Italy keeps its 0");
});

test("without a country a national number is none", () => {
  assert.equal(revealed.normalise("0612345678", {}), "");
  assert.equal(revealed.normalise("+33612345678", {}), "tel:+33612345678");
  for (const typed of ["IMEI 49-015420-323751-8", "imei:490154203237518", "IMEISV 4901542032375177", "imei 49015420323751"]) {
    assert.equal(revealed.normalise(typed, {}), "imei:490154203237518", typed);
  }
  assert.equal(revealed.normalise("IMSI 208 01 1234567890", {}), "imsi:208011234567890");
});

test("an address is brought to its one form", () => {
  assert.equal(revealed.normalise("Anna@Example.ORG", french), "mailto:anna@example.org");
  assert.equal(revealed.normalise("a@BÜCHER.example", french), "mailto:a@xn--bcher-kva.example");
  assert.equal(revealed.normalise("a@b/c@evil.example", french), "mailto:a@b/c@evil.example");
});

test("what is neither is nothing", () => {
  for (const typed of ["", "  ", "hello", "12", "+0123456", "@example.org", "a@", "a@b c", "a@x:80/y?z"]) {
    assert.ok(["", "mailto:a@x"].includes(revealed.normalise(typed, french)), typed);
  }
});

test("JSON with a key twice, at any depth, is refused", () => {
  assert.deepEqual(parse('{"a": {"b": 1}, "b": [{"a": 1}, {"a": 2}]}'), { a: { b: 1 }, b: [{ a: 1 }, { a: 2 }] });
  for (const text of ['{"a": 1, "a": 1}', '{"x": [{"a": 1, "\\u0061": 2}]}', '{"__proto__": 1, "__proto__": 2}']) {
    assert.throws(() => parse(text), wire.MalformedInput, text);
  }
});

test("JSON has exactly the keys that are expected, and no key that only looks like two of them", () => {
  const parseKeys = (text) => json.parseJson(wire.encode(text), "x", { a: json.isInteger, b: json.isInteger });
  assert.deepEqual(parseKeys('{"b": 1, "a": 2}'), { a: 2, b: 1 });
  for (const text of ['{"a,b": 1}', '{"a": 1}', '{"a": 1, "b": 2, "c": 3}']) {
    assert.throws(() => parseKeys(text), wire.MalformedInput, text);
  }
});

test("a number that is no plain integer has no value", () => {
  assert.deepEqual(parse('{"a": 1.0, "b": 1e3, "c": 9007199254740993, "d": -3, "e": "1.5, 2"}'), { a: {}, b: {}, c: {}, d: -3, e: "1.5, 2" });
  for (const text of ['{"a": 01}', '{"a": NaN}', '{"a": 1.}', "[1]", "{} {}", '{"a": "\u0001"}', "\ufeff{}"]) {
    assert.throws(() => parse(text), wire.MalformedInput, text);
  }
});

test("a text that is no JSON holds no browser, however many quotes it has", () => {
  const [quotes, began] = ['\\"'.repeat(160_000), performance.now()];
  assert.throws(() => parse(`{"a": "${quotes}`), wire.MalformedInput);
  assert.deepEqual(parse(`{"a": "${quotes}"}`), { a: '"'.repeat(160_000) });
  assert.ok(performance.now() - began < 5_000, "once it took 38 seconds");
});

// A package of empty files in the one form of docs/formats/disclosure.md.
function zipOf(names) {
  const number = (size, value) => Uint8Array.from({ length: size }, (_, i) => Math.floor(value / 256 ** i) & 255);
  const [local, central, from] = [[], [], number(4, 0x04034b50)];
  let at = 0;
  for (const name of names.map(wire.encode)) {
    const fields = [number(2, 20), number(6, 0), number(2, 0x21), number(12, 0), number(2, name.length), number(2, 0)];
    local.push(from, ...fields, name);
    central.push(number(4, 0x02014b50), number(2, 20 + (3 << 8)), ...fields, number(6, 0), number(4, 0o100600 * 2 ** 16), number(4, at), name);
    at += 30 + name.length;
  }
  const size = central.reduce((sum, part) => sum + part.length, 0);
  const [ends, count] = [number(4, 0x06054b50), number(2, names.length)];
  const end = [ends, number(4, 0), count, count, number(4, size), number(4, at), number(2, 0)];
  return new Uint8Array(Buffer.concat([...local, ...central, ...end]));
}

test("a package of as many files as one may have is read, and one of more is refused in words", async () => {
  const names = (count) => ["MANIFEST", ...Array.from({ length: count }, (_, i) => `f${String(i).padStart(6, "0")}`)];
  // Read to its manifest, which is empty: the zip is in form.
  await assert.rejects(packages.openPackage(zipOf(names(64_000))), { message: /^MANIFEST: / });
  await assert.rejects(packages.openPackage(zipOf(names(65_010))), { message: /^package: / });
});

test("text is ordered by code point, not by UTF-16 unit", () => {
  const texts = ["\u{1f600}", "\uffee", "a", "ab", "\ud7ff", ""];
  assert.deepEqual([...texts].sort(wire.compareTexts), ["", "a", "ab", "\ud7ff", "\uffee", "\u{1f600}"]);
});

test("misleading characters are written out", () => {
  assert.equal(cells.writeVisibly("a\u202eb\u0000\ud800\u{e0041}\u{1f600}"), "a\\u{202e}b\\u{0}\\u{d800}\\u{e0041}\u{1f600}");
});

test("text that was cut within a character keeps its bytes", () => {
  const cut = (...bytes) => cells.decodeCut(Uint8Array.from(bytes));
  assert.equal(cut(0x61, 0xc3, 0xa9, 0xe2, 0x82), "aé\udce2\udc82");
  assert.equal(cut(0xf0, 0x9f, 0x98, 0x80, 0xff, 0xc0, 0xaf, 0xed, 0xa0, 0x80), "\u{1f600}\udcff\udcc0\udcaf\udced\udca0\udc80");
});

test("a witness whose algorithm is missing ends as not run, never as passed", async () => {
  const key = await notes.VerifyKey.make("w.example", notes.ML_DSA_44, new Uint8Array(1_312));
  const [told, findings] = [[], new steps.Findings()];
  const tell = (step) => told.push([step.id, step.state]);
  const hasIt = await key.isValid(new Uint8Array(2_420), new Uint8Array(1)).then(() => true, () => false);
  const one = async () => void (await key.isValid(new Uint8Array(2_420), new Uint8Array(1)));
  await steps.runSteps({ one, two: () => hasIt || assert.fail("it must not run") }, { findings }, tell);
  if (hasIt) return; // a runtime that has ML-DSA-44 verifies it
  assert.deepEqual(told, [["one", "running"], ["one", "not-run"], ["two", "stopped"]]);
  assert.deepEqual([findings.violations, findings.unrun], [[], [{ id: "one", algorithm: "ML-DSA-44" }]]);
});

test("a fault of our own is no finding", async () => {
  const one = () => { throw new TypeError("ours"); };
  await assert.rejects(steps.runSteps({ one }, { findings: new steps.Findings() }, () => {}), TypeError);
});
