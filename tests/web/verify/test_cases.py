"""Whole answers and logs: what the browser finds, beside what coffer-audit finds."""

import base64
import datetime as dt
import io
import warnings
import zipfile

import pytest

import coffer.procedures.opening.beginning
from coffer.disclosure.answer import answer_files
from coffer.notes.note import sign_note
from coffer_audit.answer.package import parse_zip
from coffer_audit.log.tree import Tree, hash_leaf
from web.verify.browser import needs_node, run_cases
from web.verify.compared import audited_answer, differences, is_answer_clean, is_log_clean
from web.verify.conftest import packed, pins_of
from world import World
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
    assert [step["state"] for step in found["steps"]] == ["proven"] * 8
    assert found["kept"] == case.pins["genesis"] + "\n" + (case.log / "checkpoint").read_text()
    assert is_log_clean(case.log, case.pins)


def complete_case(case, path, **changes):
    """The case of an answer that is compared with the log."""
    return {"kind": "answer", "path": str(path), "pins": case.pins, "vault": str(case.log)} | changes


@pytest.fixture
def package(case, tmp_path):
    (tmp_path / "case.zip").write_bytes(case.packed)
    return tmp_path / "case.zip"


def test_whole_answer_is_complete_against_the_log(case, package, tmp_path):
    folder = write_answer(case.files, tmp_path / "answer")
    cases = [complete_case(case, path) for path in (package, folder)]
    found = run_cases(cases, tmp_path)
    expected = [audited_answer(one["path"], case.pins, case.log) for one in cases]
    assert expected == [{"clean": True, "warnings": [], "conditions": []}] * 2
    assert differences(cases, expected, found) == []
    for result in found:
        assert [(result["steps"][-1]["id"], step["state"]) for step in result["steps"]][-1] == ("complete", "proven")
        assert (result["clean"], result["complete"], result["unrun"]) == (True, True, [])


@pytest.mark.parametrize("what", ["unreachable", "no-log", "other-log"])
def test_completeness_is_not_run_without_the_log(case, package, tmp_path, what):
    """The answer holds if no segment was left out, and step 12 is never passed."""
    changes = {"unreachable": {"unreachable": True}, "no-log": {"vault": ""}}.get(what, {})
    if what == "other-log":
        (tmp_path / "log").mkdir()
        raw = (case.log / "checkpoint").read_bytes().replace(b"test.example/vault", b"other.example/vault")
        (tmp_path / "log/checkpoint").write_bytes(raw)
        changes = {"vault": str(tmp_path / "log")}
    (found,) = run_cases([complete_case(case, package, **changes)], tmp_path)
    assert (found["clean"], found["complete"], found["violations"]) == (True, False, [])
    assert [step["state"] for step in found["steps"]] == ["proven"] * 13 + ["not-run"]
    assert [one["id"] for one in found["unrun"]] == ["complete"]
    assert ("origin" in found["unrun"][0]) == (what == "other-log")


def test_log_that_another_world_has_under_the_same_name_is_red_in_both(case, revealed, package, tmp_path):
    cases = [complete_case(case, package, vault=str(revealed.vault.path / "log"))]
    found = run_cases(cases, tmp_path)
    assert differences(cases, [audited_answer(package, case.pins, revealed.vault.path / "log")], found) == []
    assert [step["state"] for step in found[0]["steps"]][-2:] == ["proven", "failed"]


@pytest.mark.parametrize("is_whole", [True, False])
def test_package_that_leaves_a_segment_out_is_red_in_both(tmp_path, monkeypatch, is_whole):
    """The twin, from the same desk, asks for all of them."""
    world = World.make(tmp_path / "world")
    world.epoch("2016-09-01", "2016-09-02")
    world.ingest("+33612345678,+33698765432,2016-09-01 10:00:00,60\n+33612345678,+33698765432,2016-09-02 10:00:00,5\n")
    honest = coffer.procedures.opening.beginning.segments_due

    def fewer(*given, **named):
        return [one for one in honest(*given, **named) if is_whole or one[0].line.day.day != 2]

    monkeypatch.setattr(coffer.procedures.opening.beginning, "segments_due", fewer)
    (tmp_path / "case.zip").write_bytes(packed(world, answer_files(world.open(world.authorize()))))
    log = world.vault.path / "log"
    cases = [{"kind": "answer", "path": str(tmp_path / "case.zip"), "pins": pins_of(world), "vault": str(log)}]
    found = run_cases(cases, tmp_path)
    expected = audited_answer(tmp_path / "case.zip", pins_of(world), log)
    assert differences(cases, [expected], found) == []
    assert (found[0]["complete"], {item["code"] for item in found[0]["violations"]}) == (
        (True, set()) if is_whole else (False, {"INCOMPLETE"})
    )
    assert is_answer_clean(tmp_path / "case.zip", pins_of(world)), "the package alone does not show it"


def test_segments_past_their_retention_are_a_warning_in_both(tmp_path):
    world = World.make(tmp_path / "world", retention_days=5)
    world.epoch("2016-09-01", "2016-09-02")
    for day in (1, 2):
        world.ingest(f"+33612345678,+33698765432,2016-09-0{day} 10:00:00,60\n", name=f"{day}.csv")
    note = world.authorize(days=[("2016-09-01", "2016-09-02")])
    world.now = dt.datetime(2016, 9, 6, tzinfo=dt.UTC)
    folder, log = world.write_answer(world.open(note)), world.vault.path / "log"
    cases = [{"kind": "answer", "path": str(folder), "pins": pins_of(world), "vault": str(log)}]
    expected = audited_answer(folder, pins_of(world), log)
    assert expected == {"clean": True, "warnings": [["GONE", None]], "conditions": []}
    assert differences(cases, [expected], run_cases(cases, tmp_path)) == []


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
