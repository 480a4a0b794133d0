"""Whole answers and logs: what the browser finds, beside what coffer-audit finds."""

import base64
import io
import warnings
import zipfile

import pytest

from coffer.notes.note import sign_note
from coffer_audit.answer.package import parse_zip
from coffer_audit.log.tree import Tree, hash_leaf
from web.verify.auditor import is_answer_clean, is_log_clean
from web.verify.browser import needs_node, run_cases
from zips import format_zip

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


def zipped(case, change=lambda files: files, compression=zipfile.ZIP_STORED):
    """The files of the package as an ordinary zip program writes them."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of a name that comes twice
        for name, raw in change([(name, bytes(raw)) for name, raw in parse_zip(case.packed)]):
            archive.writestr(name, raw)
    return out.getvalue()


def in_one_form(case, change):
    """The same in the one form that packages have, so that only the change is wrong."""
    return format_zip(change([(name, bytes(raw)) for name, raw in parse_zip(case.packed)]))


def encrypted(case):
    raw = bytearray(case.packed)
    raw[6] |= 1
    return bytes(raw)


ODD = {
    "stored-by-a-zip-program": zipped,
    "compressed": lambda case: zipped(case, compression=zipfile.ZIP_DEFLATED),
    "bomb": lambda case: zipped(case, lambda files: [*files, ("bomb", bytes(1 << 26))], zipfile.ZIP_DEFLATED),
    "encrypted": encrypted,
    "name-twice": lambda case: in_one_form(case, lambda files: [*files, files[-1]]),
    "name-that-leaves": lambda case: in_one_form(case, lambda files: [*files, ("../../etc/passwd", b"x")]),
    "absolute-name": lambda case: in_one_form(case, lambda files: [*files, ("/etc/passwd", b"x")]),
    "drive": lambda case: in_one_form(case, lambda files: [*files, ("c:x", b"x")]),
    "file-too-many": lambda case: in_one_form(case, lambda files: sorted([*files, ("zzz", b"x")])),
    "file-missing": lambda case: in_one_form(case, lambda files: files[:-1]),
    "other-order": lambda case: in_one_form(case, lambda files: [files[0], *reversed(files[1:])]),
    "something-before": lambda case: b"x" + case.packed,
    "something-behind": lambda case: case.packed + b"x",
    "two-in-one": lambda case: case.packed + case.packed,
    "comment": lambda case: case.packed[:-2] + b"\x01\x00x",
    "empty": lambda case: b"",
    "empty-zip": lambda case: format_zip([]),
    "no-zip": lambda case: b"hello" * 100,
}


@pytest.mark.parametrize("name", ODD)
def test_odd_package_is_refused_by_both(case, tmp_path, name):
    path = tmp_path / "case.zip"
    path.write_bytes(ODD[name](case))
    (found,) = run_cases([{"kind": "answer", "path": str(path), "pins": case.pins}], tmp_path)
    assert [step["state"] for step in found["steps"]] == ["failed", *["stopped"] * 12]
    assert not is_answer_clean(path, case.pins)


def test_twin_in_the_one_form_is_clean(case, tmp_path):
    assert in_one_form(case, lambda files: files) == case.packed


def test_answer_of_another_log_than_the_pinned_one_is_not_proven(case, revealed, tmp_path):
    path = tmp_path / "case.zip"
    path.write_bytes(case.packed)
    pins = revealed.vault.pins
    other = {"log": pins.log_key.format(), "genesis": pins.genesis.hex()}
    (found,) = run_cases([{"kind": "answer", "path": str(path), "pins": other}], tmp_path)
    assert {item["code"] for item in found["violations"]} >= {"PIN"}
    assert not is_answer_clean(path, other)


@pytest.mark.parametrize("what", ["same", "shorter", "other-genesis", "other-root", "longer", "other-key", "garbage"])
def test_log_is_compared_with_the_checkpoint_that_was_kept(case, revealed, tmp_path, what):
    """The twin is the same log, once as it is and once as it was before it grew."""
    pins, raw = case.pins, (case.log / "checkpoint").read_text()
    origin, size, root = raw.split("\n")[:3]
    key = case.world.vault.operator_key(origin)

    def signed(size, root):
        return sign_note(f"{origin}\n{size}\n{root}\n".encode(), key).raw.decode()

    tree = Tree([hash_leaf(entry) for entry in case.world.vault.log.entries(0, int(size))])
    kept = {
        "same": pins["genesis"] + "\n" + raw,
        "shorter": pins["genesis"] + "\n" + signed(7, base64.b64encode(tree.root_at(7)).decode()),
        "other-genesis": "0" * 64 + "\n" + raw,
        "other-root": pins["genesis"] + "\n" + signed(7, base64.b64encode(tree.root_at(8)).decode()),
        "longer": pins["genesis"] + "\n" + signed(int(size) + 1, root),
        "other-key": pins["genesis"] + "\n" + (revealed.vault.path / "log/checkpoint").read_text(),
        "garbage": "garbage",
    }[what]
    (found,) = run_cases([{"kind": "log", "path": str(case.log), "pins": pins, "kept": kept}], tmp_path)
    is_good = what in ("same", "shorter")
    states = {step["id"]: step["state"] for step in found["steps"]}
    assert (states["kept"], found["clean"]) == (("proven", True) if is_good else ("failed", False))
    assert (found["kept"] is not None) == is_good, "only what was proven is kept"
