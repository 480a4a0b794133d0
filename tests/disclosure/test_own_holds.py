"""Records that a hold of the desk keeps are named by whoever asks for them, and never reported as not kept."""

import pytest

from coffer.authority.hold import parse_hold
from coffer.cli.main import run
from coffer.ledger.entries import NAME_DIGITS
from epoc_forms import evidence, form1, form2
from holds import died, founded, kept
from ordering import put, request, values

PREPARE = ["--purpose", "test", "--person", "A. Example"]


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """A hold of one number over two days that died since."""
    world = founded(tmp_path)
    monkeypatch.chdir(world.path)
    monkeypatch.setenv("COFFER_PASSPHRASE", "correct horse")
    monkeypatch.setattr("coffer.cli.console.system_clock", world.clock)
    assert run(["hold", "make", "vault", "--from-order", put(world, form2()), *PREPARE, "-o", "hold.note"]) == 0
    kept(world, parse_hold((world.path / "hold.note").read_bytes(), "hold"), "judge", "dpo")
    died(world)
    return world


def opened(world, answer, *options):
    (world.path / "1.note").write_bytes(world.countersign((world.path / "r.note").read_bytes(), "judge", "dpo"))
    assert run(["open", "vault", "1.note", *options, "-o", answer]) == 0


def reply(output, *options, answer="answer"):
    return run(["reply", "order.xml", "--answer", answer, "--vault", "vault", *options, "-o", output])


def test_request_open_and_reply_name_the_hold_that_keeps_the_days(desk, capfd):
    assert request(desk, form1(), "r.note") == 0
    (hold,) = desk.state().holds.values()
    named = f"the hold of entry {hold.index} ({hold.entry.note.hex()[:NAME_DIGITS]}) keeps 2 UTC days of it"
    err = capfd.readouterr().err
    assert "with records now: 0 of 3 UTC days. Of the others, but for holds, nothing is kept" in err
    assert f"{named}: open it with --hold and its note" in err
    opened(desk, "answer")
    assert f"{named}, which was not searched: open again with --hold and its note" in capfd.readouterr().err
    assert reply("none") == 4
    assert f"--answer 1: nothing was searched, and {named}" in capfd.readouterr().err
    assert not (desk.path / "none").exists()
    opened(desk, "from-hold", "--hold", "hold.note")
    assert "not searched" not in capfd.readouterr().err
    assert reply("all", answer="from-hold") == 0
    assert "searched" not in capfd.readouterr().err
    assert values(desk.path / "all/deliver-0001.xml", "LDTaskStatus") == ["Disclosed"]
    assert reply("why", "--reason", "1", "DE_FACTO_IMPOSSIBILITY", "The custodians are away.") == 0
    assert f"--answer 1: {named}, and not all of that was searched" in capfd.readouterr().err


@pytest.mark.parametrize("how", ["another number", "released"])
def test_hold_that_keeps_nothing_of_a_request_is_not_named(desk, capfd, how):
    if how == "released":
        assert run(["hold", "release", "vault", "hold.note"]) == 0
    order = form1(evidence(value="+33698765432")) if how == "another number" else form1()
    assert request(desk, order, "r.note") == 0
    opened(desk, "answer")
    err = capfd.readouterr().err
    assert "Of the others nothing is kept" in err
    assert "--hold and its note" not in err
    assert reply("none") == 0
    assert values(desk.path / "none/deliver-0001.xml", "LDTaskStatus") == ["DisclosureNotAvailable"]
