"""What a custodian shows an auditor of its people's agreements, by the commands, and what the auditor makes of it."""

import json

import pytest

from authenticator import Authenticator
from clerking import SITE, Bench, copied
from coffer.cli.main import run
from coffer.custodian.agreements import choose_requests, format_agreements
from coffer.errors import MalformedInput, Refused
from coffer_audit.cli import main as audit
from elsewhere import Elsewhere


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return Elsewhere.make_elsewhere(tmp_path_factory.mktemp("agreements")).with_records()


@pytest.fixture
def world(made, tmp_path):
    return copied(made, tmp_path / "own")


def command(world, *words):
    return run(["custodian", *map(str, words), "--passphrase-file", str(world.path / "passphrase")])


def audited(capfd, *words):
    capfd.readouterr()
    code = audit([*map(str, words), "--json"])
    return code, json.loads(capfd.readouterr().out)


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA", "RS256"])
def test_agreements_shown_by_the_command_pass_the_auditor(world, capfd, algorithm):
    bench = Bench.make(world, algorithm=algorithm, count=3)
    note = bench.request()
    bench.agree(note, 1)
    bench.agree(note, 2)
    signed = bench.clerks.countersigned(bench.commitment(note)).raw
    answer = world.write_answer(world.open(world.countersign(signed, "dpo"), world.custodians("judge", "dpo")))
    file = world.path / "approvals.note"
    assert command(world, "approvals", world.machines["judge"], "-o", file) == 0
    assert "Person" not in file.read_text()
    code, report = audited(capfd, "approvals", file, "--answer", answer, "--vault", world.vault.path)
    assert (code, report["violations"], report["conditions"]) == (0, [], [])
    name = bench.commitment(note).hex()
    assert report["requests"] == [{"authorization": name, "required": 2, "persons": [1, 2]}]
    assert audit(["approvals", str(file), "--vault", str(world.vault.path)]) == 0
    said = capfd.readouterr().out
    assert "agreed: persons 1, 2; 2 required" in said
    assert "has the text that was agreed to, which only the note shows" in " ".join(said.split())
    assert audit(["approvals", str(file)]) == 2


def test_countersignature_without_agreements_is_found_and_with_them_is_not(world, capfd):
    """A custodian that signs past its people cannot show what they agreed to."""
    bench = Bench.make(world)
    notes = [bench.request(basis=f"case {n}") for n in range(2)]
    for note in notes:
        bench.agree(note, 1)
        bench.agree(note, 2)
    signed = [bench.clerks.countersigned(bench.commitment(note)).raw for note in notes]
    answer = world.write_answer(world.open(world.countersign(signed[0], "dpo"), world.custodians("judge", "dpo")))
    for number, note in enumerate(notes):
        words = [
            "approvals",
            world.machines["judge"],
            bench.commitment(note).hex(),
            "-o",
            world.path / f"{number}.note",
        ]
        assert command(world, *words) == 0
    code, report = audited(capfd, "approvals", world.path / "1.note", "--answer", answer)
    assert code == 3
    assert "which the custodian countersigned" in report["violations"][0]["message"]
    assert audited(capfd, "approvals", world.path / "0.note", "--answer", answer)[0] == 0


def test_file_names_ended_passkeys_and_who_was_removed_stays_provable(world):
    bench = Bench.make(world, people=3)
    note = bench.request()
    bench.agree(note, 1)
    bench.agree(note, 2)
    bench.clerks.remove(2, world.now)
    decided, history = bench.machine.folder.decided(bench.service.keys), bench.machine.folder.people(bench.service.keys)
    shown = {"origin": "test.example/vault", "custodian": "judge", "now": world.now}
    text = format_agreements(decided, history, choose_requests(decided, []), **shown).decode()
    spans = [line.split(" ")[2:5] for line in text.splitlines() if line.startswith("passkey:")]
    assert [(person, end != "-") for person, _, end in spans] == [("1", False), ("2", True)]
    with pytest.raises(MalformedInput, match="0 that persons agreed to begin so"):
        choose_requests(decided, ["0" * 64])
    with pytest.raises(Refused, match="no request was approved by passkey"):
        format_agreements(decided, history, [], **shown)


def test_people_command_invites_lists_requires_and_removes(world, capfd):
    judge, bench = world.machines["judge"], Bench.opened(world)
    assert command(world, "people", judge, "invite", "--name", "A. Judge") == 4
    assert command(world, "people", judge, "site", "--origin", SITE) == 0
    capfd.readouterr()
    assert command(world, "people", judge, "invite", "--name", "A. Judge") == 0
    out = capfd.readouterr().out
    code = out.split("code  ")[1].split("\n")[0]
    assert f"link  {SITE}/enroll#{code}" in out
    key = Authenticator(SITE)
    bench.enroll(code, key)
    assert command(world, "people", judge, "require", "--number", "1") == 0
    assert (
        command(world, "people", judge, "away", "--person", "1", "--from", "2099-08-01", "--until", "2099-08-20") == 0
    )
    capfd.readouterr()
    assert command(world, "people", judge) == 0
    out = capfd.readouterr().out
    assert "required  1 person\n" in out
    assert "A. Judge" in out
    assert "away 2099-08-01 to 2099-08-20" in out
    letters = out.split("A. Judge")[1].split()[0]
    assert command(world, "people", judge, "away", "--person", "1") == 0
    assert command(world, "people", judge, "revoke", "--person", "1", "--passkey", letters) == 0
    assert command(world, "people", judge, "invite", "--person", "1") == 0
    assert command(world, "people", judge, "remove", "--person", "1") == 0
    assert command(world, "people", judge, "require", "--number", "0") == 0
    assert bench.clerks.people().persons == {}
    for words in (["away"], ["away", "--person", "1", "--from", "2099-08-01"], ["list", "--name", "x"], ["invite"]):
        assert command(world, "people", judge, *words) == 2


def test_approve_at_the_terminal_is_refused_with_a_hint_and_signs_what_persons_approved(world, capfd):
    bench = Bench.make(world)
    note = bench.request()
    words = [
        "approve",
        world.machines["judge"],
        bench.commitment(note).hex()[:32],
        "--yes",
        "-o",
        world.path / "n.note",
    ]
    capfd.readouterr()
    assert command(world, *words) == 4
    said = capfd.readouterr().err
    assert "2 persons of this custodian must agree by passkey" in said
    assert "hint: approve it on the custodian's own page" in said
    assert not (world.path / "n.note").exists()
    assert bench.in_force() == frozenset()
    bench.agree(note, 1)
    capfd.readouterr()
    assert command(world, "review", world.machines["judge"]) == 0
    assert "1 of 2 agreed" in capfd.readouterr().out
    bench.agree(note, 2)
    assert command(world, *words) == 0
