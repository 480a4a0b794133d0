"""Whole answers and logs: what the browser finds, beside what coffer-audit finds."""

from web.verify.auditor import is_answer_clean, is_log_clean
from web.verify.browser import needs_node, run_cases

pytestmark = needs_node


def write_answer(files, folder):
    for name, raw in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(raw)
    return folder


def test_whole_answer_is_clean_as_package_and_as_folder(case, tmp_path):
    (tmp_path / "case.zip").write_bytes(case.packed)
    folder = write_answer(case.files, tmp_path / "answer")
    nothing = {"log": "", "genesis": ""}
    cases = [
        {"kind": "answer", "path": str(path), "pins": pins}
        for path in (tmp_path / "case.zip", folder)
        for pins in (case.pins, nothing)
    ]
    found = run_cases(cases, tmp_path)
    assert [item["violations"] for item in found] == [[]] * 4
    steps = ["read", "package", "origin", "entries", "opening", "authorization", "segments", "requests"]
    steps += ["countersignatures", "replies", "cells", "draw", "result"]
    assert [(step["id"], step["state"]) for step in found[0]["steps"]] == [(step, "proven") for step in steps]
    assert [step["id"] for step in found[2]["steps"]] == [step for step in steps if step != "package"]
    assert [is_answer_clean(one["path"], one["pins"]) for one in cases] == [True] * 4


def test_whole_log_is_clean_and_its_checkpoint_is_kept(case, tmp_path):
    (found,) = run_cases([{"kind": "log", "path": str(case.log), "pins": case.pins}], tmp_path)
    assert found["violations"] == []
    assert [step["state"] for step in found["steps"]] == ["proven"] * 7
    assert found["kept"] == case.pins["genesis"] + "\n" + (case.log / "checkpoint").read_text()
    assert is_log_clean(case.log, case.pins)
