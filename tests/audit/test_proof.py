"""The proof of one entry, verified offline under a policy file; what is forged, missing or too little is refused."""

import base64
import json
from pathlib import Path

import pytest
from forging import log_entries
from hypothesis import given, settings
from hypothesis import strategies as st

from coffer.cli.main import run
from coffer.ledger.entries import RevokeEntry
from coffer.ledger.tlog_policy import format_tlog_policy
from coffer.notes.cosign import ML_DSA_44_COSIGNATURE, Cosigner
from coffer.notes.keys import SigningKey
from coffer.notes.note import parse_note
from coffer_audit.cli import main as audit
from coffer_audit.errors import MalformedInput, NotProven
from coffer_audit.proof.audit import audit_proof
from coffer_audit.proof.form import MAX_PROOF_BYTES, parse_proof
from coffer_audit.proof.policy import MAX_POLICY_BYTES, parse_policy
from world import World


class Logged:
    """A log that asks for two of three witnesses, of which the first has a key of each type."""

    def __init__(self, folder):
        first = [Cosigner.generate("w.example/a", kind) for kind in (4, ML_DSA_44_COSIGNATURE)]
        self.keys = [*first, Cosigner.generate("w.example/b"), Cosigner.generate("none")]
        self.world = World.make(folder, witnesses=[key.public.format() for key in self.keys], quorum=2)
        key = self.world.custodian("dpo").keys.auth
        log_entries(self.world, *(RevokeEntry(authorization=bytes([n]) * 32) for n in range(4)), key=key)
        self.index = self.world.state().size - 1
        self.bare = self.world.vault.log.checkpoint()
        self.policy = format_tlog_policy(self.world.state().roster, self.world.vault.pins.log_key)

    def proof(self, folder, *keys, policy=None):
        """A proof of the newest entry whose checkpoint these keys cosigned, and the policy beside it; and both paths."""
        log = self.world.vault.log
        (self.world.vault.path / "log/checkpoint").write_bytes(self.bare)
        text = parse_note(self.bare, "c").text
        log.cosign([key.cosign(text, self.world.now) for key in keys])
        path = folder / f"{len(list(folder.iterdir()))}.tlog-proof"
        audit(["entry", str(self.index), str(self.world.vault.path), "-o", str(path)])
        (folder / "policy").write_bytes(policy or self.policy)
        return ["proof", str(path), "--policy", str(folder / "policy")]


@pytest.fixture(scope="module")
def logged(tmp_path_factory):
    return Logged(tmp_path_factory.mktemp("logged"))


def test_an_entry_is_proven_offline_by_its_text_and_who_saw_it(logged, tmp_path, capsys):
    command = logged.proof(tmp_path, logged.keys[0], logged.keys[2])
    capsys.readouterr()
    assert audit(command) == 0
    told = capsys.readouterr().out
    for line in (
        f"entry: {logged.index}, coffer.revoke/v1",
        "cosigned: w.example/a, 2016-09-0",
        "  authorization: 0303",
    ):
        assert line in told
    assert told.endswith("- the entry is signed and has effect, which only the whole log shows\n")
    assert audit([*command, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["entry"], said["size"], sorted(said["cosigned"])) == (
        logged.index,
        logged.index + 1,
        ["w.example/a", "w.example/b"],
    )
    raw = (tmp_path / "0.tlog-proof").read_bytes()
    assert raw.startswith(b"c2sp.org/tlog-proof@v1\nextra ")
    assert raw.endswith(logged.world.vault.log.checkpoint())


def test_a_witness_counts_once_by_either_of_its_keys(logged, tmp_path, capsys):
    classic, modern, other, third = logged.keys
    for keys, code in (
        ((classic, modern), 3),
        ((modern,), 3),
        ((), 3),
        ((modern, other), 0),
        ((classic, modern, third), 0),
        ((other, third), 0),
    ):
        assert audit(logged.proof(tmp_path, *keys)) == code
    assert "found cosignatures of 2 witnesses of the policy, expected its quorum" in capsys.readouterr().err


def test_another_policy_asks_for_others(logged, tmp_path, capsys):
    log, witness = logged.policy.splitlines()[0].decode(), logged.keys[2].public.format()
    stranger = Cosigner.generate("w.example/b").public.format()
    other_log = SigningKey.generate("test.example/vault").verify_key.format()
    for policy, code, said in (
        (f"# offline\n\n \t{log}\thttps://log.example/\nquorum none\n", 0, ""),
        (f"{log}\nwitness b {witness}\nquorum b\n", 0, ""),
        (f"{log}\nwitness b {stranger}\nquorum b\n", 3, "expected its quorum"),
        (f"log {other_log}\nquorum none\n", 3, "no signature of the log's key"),
        (f"log {SigningKey.generate('other.example').verify_key.format()}\nquorum none\n", 3, "one of the policy"),
    ):
        assert audit(logged.proof(tmp_path, logged.keys[2], policy=policy.encode())) == code
        assert said in capsys.readouterr().err


def test_whatever_is_changed_in_a_proof_is_refused(logged, tmp_path, capsys):
    command = logged.proof(tmp_path, *logged.keys)
    path = tmp_path / "0.tlog-proof"
    lines = path.read_bytes().split(b"\n")
    blank = lines.index(b"")

    def code_of(changed, *more):
        path.write_bytes(b"\n".join(changed))
        return audit([*command, *more])

    at = 1 + lines[1:].index(b"index %d" % logged.index)
    assert code_of([*lines[:1], b"extra " + base64.b64encode(b"another entry"), *lines[2:]]) == 3
    assert code_of([*lines[:at], b"index 0", *lines[at + 1 :]]) == 3
    assert code_of([*lines[:at], b"index 00", *lines[at + 1 :]]) == 2
    assert code_of(lines[: blank - 1] + lines[blank:]) == 3
    assert code_of([*lines[:blank], lines[blank - 1], *lines[blank:]]) == 3
    assert code_of([*lines[:-2], lines[-2].replace(b" ", b"  "), b""]) == 2
    assert code_of([lines[0], *lines[2:]]) == 2
    assert "found no entry in it, expected --entry FILE" in capsys.readouterr().err
    (entry,) = logged.world.vault.log.entries(logged.index, logged.index + 1)
    (tmp_path / "entry").write_bytes(entry)
    assert code_of([lines[0], *lines[2:]], "--entry", str(tmp_path / "entry")) == 0  # the twin
    (tmp_path / "entry").write_bytes(entry[:-1])
    assert code_of(lines, "--entry", str(tmp_path / "entry")) == 3


def test_no_byte_of_a_proof_can_be_changed_when_no_cosignature_is_to_spare(logged, tmp_path):
    path = Path(logged.proof(tmp_path, logged.keys[0], logged.keys[2])[1])
    raw = path.read_bytes()
    assert audit_proof(path, tmp_path / "policy", None).raw in logged.world.vault.log.entries(0, logged.index + 1)
    for at in range(len(raw)):
        path.write_bytes(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])
        with pytest.raises((MalformedInput, NotProven), match=r"proof|entry|note|checkpoint"):
            audit_proof(path, tmp_path / "policy", None)


def test_every_entry_has_a_proof_and_no_other_number_has(logged, tmp_path, capsys):
    logged.proof(tmp_path, *logged.keys)
    for index in range(logged.index + 1):
        path = tmp_path / f"entry{index}"
        assert audit(["entry", str(index), str(logged.world.vault.path), "-o", str(path)]) == 0
        assert audit(["proof", str(path), "--policy", str(tmp_path / "policy")]) == 0
    capsys.readouterr()
    for index, said in ((logged.index + 1, "the log's last entry"), ("01", "INDEX"), ("x", "INDEX")):
        words = ["entry", f"{index}", str(logged.world.vault.path), "-o", str(tmp_path / "none")]
        assert audit(words) == 2
        assert said in capsys.readouterr().err
    assert audit(["entry", "0", str(logged.world.vault.path), "-o", str(tmp_path / "entry0")]) == 2
    assert not (tmp_path / "none").exists()


def test_the_rosters_policy_is_printed_and_read(logged, monkeypatch, capsys):
    monkeypatch.setattr("coffer.cli.console.system_clock", logged.world.clock)
    assert run(["roster", "policy", str(logged.world.vault.path)]) == 0
    assert capsys.readouterr().out.encode() == logged.policy
    policy = parse_policy(logged.policy, "p")
    assert list(policy.witnesses) == ["w1-ed25519", "w1-ml-dsa-44", "w2", "w3"]
    assert (policy.groups["w1"].needed, policy.groups["witnesses"].needed, policy.quorum) == (1, 2, "witnesses")
    assert [key.name for key in policy.witnesses.values()] == ["w.example/a", "w.example/a", "w.example/b", "none"]


def test_a_roster_that_asks_for_nobody_makes_a_policy_that_does_neither(world):
    policy = parse_policy(format_tlog_policy(world.state().roster, world.vault.pins.log_key), "p")
    assert (policy.quorum, policy.witnesses) == ("none", {})
    assert policy.is_satisfied(set())


def test_groups_of_groups_are_counted_as_the_specification_says():
    """C2SP's example: two of the Xs and any of the Ys."""
    keys = {name: Cosigner.generate(f"{name}.example").public.format() for name in ("X1", "X2", "X3", "Y1", "Y2")}
    lines = [f"witness {name} {key}" for name, key in keys.items()]
    lines += ["group X 2 X1 X2 X3", "group Y any Y1 Y2", "group both all X Y", "quorum both"]
    policy = parse_policy("".join(f"{line}\n" for line in lines).encode(), "p")
    for cosigned, holds in (
        ({"X1", "X2", "Y2"}, True),
        ({"X1", "X2", "X3"}, False),
        ({"X1", "Y1", "Y2"}, False),
        (set(keys), True),
        ({"X", "Y", "both"}, False),
        ({"none"}, False),
    ):
        assert policy.is_satisfied(cosigned) is holds


def test_what_a_policy_may_not_say():
    one, two = (Cosigner.generate(f"{name}.example").public.format() for name in "ab")
    log = SigningKey.generate("log.example").verify_key.format()
    head = f"witness a {one}\nwitness b {two}\n"
    for text, said in (
        ("", "no quorum"),
        ("quorum none", "no last LF"),
        ("quorum none\r\n", "control character"),
        ("quorum none\nquorum none\n", "line 2: found another line"),
        ("quorum a\n", "no line before it"),
        (f"quorum a\nwitness a {one}\n", "line 1: found a name that no line before it has"),
        (head + "group g 2 a c\nquorum g\n", "line 3: found a name that no line"),
        (head + "group g 3 a b\nquorum g\n", "found 3, expected 1 to 2"),
        (head + "group g 0 a b\nquorum g\n", "found 0, expected 1 to 2"),
        (head + "group g any\nquorum g\n", "line 3: found another line"),
        (head + "group g any a\ngroup h any a b\nquorum h\n", "has a group already"),
        (head + "group g any a a\nquorum g\n", "has a group already"),
        (head + "group g any none\nquorum g\n", "no line before it"),
        (head + "group a any b\nquorum a\n", "a name that is taken"),
        (f"witness none {one}\nquorum none\n", "a name that is taken"),
        (f"witness a {one}\nwitness b {one}\nquorum none\n", "a key that stands before"),
        (f"log {log}\nlog {log}\nquorum none\n", "a key that stands before"),
        (f"log {one}\nquorum none\n", "expected a key of type"),
        (f"witness a {log}\nquorum none\n", "expected a key of type"),
        (f"log {log} url more\nquorum none\n", "another line"),
        ("cosigner a\nquorum none\n", "another line"),
        ("#" * MAX_POLICY_BYTES + "\nquorum none\n", "expected at most"),
    ):
        with pytest.raises(MalformedInput, match=r"^p") as caught:
            parse_policy(text.encode(), "p")
        assert said in str(caught.value)


@settings(max_examples=200, deadline=None)
@given(
    raw=st.binary(max_size=200)
    | st.lists(st.sampled_from(["log", "quorum", "none", "group", "a", "\n"])).map(" ".join).map(str.encode)
)
def test_any_bytes_are_a_policy_and_a_proof_or_malformed(raw):
    for parse in (parse_policy, parse_proof):
        for whole in (raw, b"c2sp.org/tlog-proof@v1\n" + raw):
            try:
                parse(whole, "p")
            except MalformedInput:
                continue


def test_a_proof_that_is_too_long_is_not_read():
    with pytest.raises(MalformedInput, match="expected at most"):
        parse_proof(b"x" * (MAX_PROOF_BYTES + 1), "p")
