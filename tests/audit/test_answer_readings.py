"""What the pages once left open: an answer that takes the other reading is refused, and its twin is clean."""

import json

import pytest
from forging import RECORDS, among, forge, liar

from coffer.ledger.entries import CloseEntry
from coffer.procedures.opening import answer as putting
from coffer.procedures.supersede import supersede
from coffer_audit.cli import main as audit

SUBJECT = "tel:+33612345678"


@pytest.fixture
def superseded(world):
    """A vault with a record that counts and one of a superseded batch."""
    batch = world.ingest("+33612345678,+33698765432,2016-09-01 10:00:00,60\n", name="a.csv").batch
    world.ingest("+33612345678,+33611111111,2016-09-01 12:00:00,7\n", name="b.csv")
    supersede(world.vault, batch)
    return world


def audited(world, answer, capsys):
    """Exit code and messages of the violations."""
    folder = world.write_answer(answer)
    capsys.readouterr()
    code = audit(["answer", str(folder), "--json"])
    return code, [item["message"] for item in json.loads(capsys.readouterr().out)["violations"]]


def closing(monkeypatch, **changes):
    """The desk closes with other numbers than it should; `changes`: what to add to each."""

    def close(**fields):
        return CloseEntry(**fields | {key: fields[key] + more for key, more in changes.items()})

    monkeypatch.setattr(putting, "CloseEntry", close)


def test_close_that_leaves_out_superseded_records_is_refused(superseded, capsys, monkeypatch):
    closing(monkeypatch, records=-1)
    answer = superseded.open(superseded.authorize(subjects=[SUBJECT]))
    assert (answer.records, answer.superseded_records) == (1, 1)
    assert audited(superseded, answer, capsys) == (3, ["close records: found another number"])


def test_twin_close_that_counts_all_that_is_handed_over_is_clean(superseded, capsys):
    assert audited(superseded, superseded.open(superseded.authorize(subjects=[SUBJECT])), capsys) == (0, [])


def test_custodian_at_fault_that_is_counted_among_the_answers_is_refused(world, capsys, monkeypatch):
    world.ingest(RECORDS)
    closing(monkeypatch, answers=1)
    answer = world.open(world.authorize(), among(world, liar(world, "judge", forge(1))))
    assert (answer.custodians["judge"], answer.answers) == ("fault", 3)
    said = "answer.json answers: found another number than custodians that answered"
    assert audited(world, answer, capsys) == (3, [said])


def test_twin_custodian_at_fault_is_not_counted(world, capsys):
    world.ingest(RECORDS)
    answer = world.open(world.authorize(), among(world, liar(world, "judge", forge(1))))
    assert (answer.custodians["judge"], answer.answers) == ("fault", 2)
    assert audited(world, answer, capsys) == (0, [])


@pytest.fixture
def unconfirmed(world):
    """The folder of an answer with a cell of two rows, of which one opens and the other does not."""
    world.ingest(RECORDS)
    answer = world.open(world.authorize(), [liar(world, "judge", forge(2, rank=1, clause=1)), world.custodian("dpo")])
    assert sorted((cell.status, cell.records) for cell in answer.cells) == [("complete", 1), ("unconfirmed", 0)]
    return world.write_answer(answer)


def test_unconfirmed_cell_that_lists_the_rows_that_open_is_refused(unconfirmed, capsys):
    path = unconfirmed / "answer.json"
    document = json.loads(path.read_text())
    (cell,) = (cell for cell in document["cells"] if cell["status"] == "unconfirmed")
    cell["by"], cell["records"] = ["judge", "dpo"], 1
    path.write_text(json.dumps(document))
    capsys.readouterr()
    assert audit(["answer", str(unconfirmed), "--json"]) == 3
    said = [item["message"] for item in json.loads(capsys.readouterr().out)["violations"] if item["code"] == "CELL"]
    assert said == ["cell of subject line 1: found 1 records, expected 0"]


def test_twin_unconfirmed_cell_that_lists_none_is_clean(unconfirmed, capsys):
    assert audit(["answer", str(unconfirmed)]) == 0, capsys.readouterr().out


@pytest.mark.parametrize(("more", "told"), [([], ""), (["judge"], "twice"), (["stranger"], "unknown custodian")])
def test_cell_that_names_a_custodian_twice_or_a_stranger_is_refused(world, capsys, more, told):
    world.ingest(RECORDS)
    folder = world.write_answer(world.open(world.authorize()))
    document = json.loads((folder / "answer.json").read_bytes())
    assert "judge" in document["cells"][0]["by"]
    document["cells"][0]["by"] += more
    (folder / "answer.json").write_text(json.dumps(document))
    assert audit(["answer", str(folder), "--vault", str(world.vault.path)]) == (3 if more else 0)
    assert told in capsys.readouterr().out
