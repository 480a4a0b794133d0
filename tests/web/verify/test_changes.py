"""Seeded changes of a good answer, a good package and a good log: browser and auditor agree on which are clean."""

import random
import shutil
from collections import Counter

import pytest

from web.verify.browser import needs_node, run_cases
from web.verify.compared import audited_answer, is_answer_clean, is_log_clean
from web.verify.test_cases import write_answer

pytestmark = [needs_node, pytest.mark.slow]
SEED = 12


def apply(raw, change):
    if change.get("cut"):
        return raw[: change["at"]]
    at = change["at"]
    return raw[:at] + bytes([raw[at] ^ change["xor"]]) + raw[at + 1 :]


def draw_change(dice, files):
    """One change of one file: mostly one bit, so that texts often stay texts."""
    name = dice.choice(sorted(name for name, raw in files.items() if raw))
    change = {"file": name, "at": dice.randrange(len(files[name]))}
    kind = dice.random()
    if kind < 0.05:
        return change | {"gone": True}
    if kind < 0.1:
        return change | {"cut": True}
    return change | {"xor": 1 << dice.randrange(8)}


def verdicts(folder, files, changes, is_clean):
    """What coffer-audit says of a folder with each change, one after another."""
    found = []
    for change in changes:
        path = folder / change["file"]
        if change.get("gone"):
            path.unlink()
        else:
            path.write_bytes(apply(files[change["file"]], change))
        found.append(is_clean(folder))
        path.write_bytes(files[change["file"]])
    return found


def compare(cases, expected, found):
    differing = [
        (case.get("change", case.get("vaultChange")), clean, result["violations"])
        for case, clean, result in zip(cases, expected, found, strict=True)
        if clean != result["clean"]
    ]
    assert differing == []
    return Counter(expected)


def test_changed_answers(case, tmp_path):
    folder, dice, nothing = (
        write_answer(case.files, tmp_path / "answer"),
        random.Random(SEED),
        {"log": "", "genesis": ""},
    )
    texts = {name: raw for name, raw in case.files.items() if name.endswith((".json", ".csv", ".note", "/entries"))}
    changes = [draw_change(dice, case.files) for _ in range(250)] + [draw_change(dice, texts) for _ in range(250)]
    expected = verdicts(folder, case.files, changes, lambda path: is_answer_clean(path, nothing))
    cases = [{"kind": "answer", "path": str(folder), "pins": nothing, "change": change} for change in changes]
    cases = [{"kind": "answer", "path": str(folder), "pins": nothing}, *cases]
    counts = compare(cases, [True, *expected], run_cases(cases, tmp_path))
    assert counts[False] > 400


def test_changed_packages(case, tmp_path):
    path, dice = tmp_path / "case.zip", random.Random(SEED)
    path.write_bytes(case.packed)
    changes = [{"at": dice.randrange(len(case.packed)), "xor": 1 << dice.randrange(8)} for _ in range(150)]
    changes += [{"at": dice.randrange(len(case.packed)), "cut": True} for _ in range(10)]
    changes += [{"at": len(case.packed) - at, "xor": 1} for at in range(1, 120)]
    expected = []
    for change in changes:
        (tmp_path / "changed.zip").write_bytes(apply(case.packed, change))
        expected.append(is_answer_clean(tmp_path / "changed.zip", case.pins))
    cases = [{"kind": "answer", "path": str(path), "pins": case.pins, "change": change} for change in changes]
    cases = [{"kind": "answer", "path": str(path), "pins": case.pins}, *cases]
    counts = compare(cases, [True, *expected], run_cases(cases, tmp_path))
    assert counts[False] == len(changes)


@pytest.fixture
def copied_log(case, tmp_path):
    """The files of the log that an audit reads, in a folder of their own."""
    size = (case.log / "checkpoint").read_text().split("\n")[1]
    log = tmp_path / "log"
    for path in ("checkpoint", f"tile/entries/000.p/{size}", f"tile/0/000.p/{size}"):
        (log / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(case.log / path, log / path)
    return log, {path.relative_to(log).as_posix(): path.read_bytes() for path in log.rglob("*") if path.is_file()}


def test_changed_logs(case, copied_log, tmp_path):
    (log, files), dice = copied_log, random.Random(SEED)
    changes = [draw_change(dice, files) for _ in range(200)]
    expected = verdicts(log, files, changes, lambda path: is_log_clean(path, case.pins))
    cases = [{"kind": "log", "path": str(log), "pins": case.pins, "change": change} for change in changes]
    cases = [{"kind": "log", "path": str(log), "pins": case.pins}, *cases]
    counts = compare(cases, [True, *expected], run_cases(cases, tmp_path))
    assert counts[False] > 150


def test_answer_beside_changed_logs(case, copied_log, tmp_path):
    """Step 12 for the whole answer, where the log that the window serves was changed."""
    (log, files), dice = copied_log, random.Random(SEED)
    folder = write_answer(case.files, tmp_path / "answer")
    changes = [draw_change(dice, files) for _ in range(60)]
    expected = verdicts(log, files, changes, lambda path: audited_answer(folder, case.pins, path)["clean"])
    one = {"kind": "answer", "path": str(folder), "pins": case.pins, "vault": str(log)}
    cases = [one, *[one | {"vaultChange": change} for change in changes]]
    found = [result | {"clean": result["complete"]} for result in run_cases(cases, tmp_path)]
    counts = compare(cases, [True, *expected], found)
    assert counts[False] > 40
