"""Somebody else's witness cosigns our log and counts in our quorum; somebody else's log is cosigned by our witness.

They are ``aics-witness`` and its client, in the environment that ``make foreign`` makes; without it these tests skip.
"""

import datetime as dt
import json
import socket
import subprocess
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import uvicorn
from forging import SecondHistory, log_entries

from coffer.cli.servers import make_witness_app
from coffer.disk import Disk
from coffer.errors import NotProven
from coffer.ledger.entries import RevokeEntry
from coffer.ledger.tlog_policy import format_tlog_policy
from coffer.notes.cosign import parse_cosign_vkey
from coffer.notes.note import parse_note
from coffer.translog.store.gather import gather
from coffer.translog.store.witness import WitnessFolder, make_witness
from coffer_audit.cli import main as audit
from world import World

BIN = Path(__file__).parents[2] / "build" / "foreign" / "bin"
CLIENT = Path(__file__).with_name("foreign_client.py")
SEED = "07" * 32

pytestmark = pytest.mark.skipif(not (BIN / "aics-witness").is_file(), reason="no witness of others here: make foreign")


def now_of_this_machine():
    return dt.datetime.now(dt.UTC).replace(microsecond=0)


def theirs(*words, **options):
    return subprocess.run(
        [BIN / words[0], *map(str, words[1:])], capture_output=True, text=True, check=True, timeout=60, **options
    ).stdout


def wait_for(port, process):
    for _ in range(200):
        assert process.poll() is None, "it ended"
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
            return
        time.sleep(0.05)
    raise AssertionError("nobody listens")


@contextmanager
def their_witness(folder, log):
    """Their witness at work for a log; gives its address."""
    config = folder / "foreign.json"
    theirs("aics-witness", "add-log", "--config", config, "--origin", log.name, "--vkey", log.format())
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    words = [BIN / "aics-witness", "serve", "--config", config, "--listen", f"127.0.0.1:{port}"]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for(port, process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def test_their_witness_counts_in_our_quorum_and_refuses_a_second_history(tmp_path, capsys):
    vkey = theirs("aics-witness", "init", "--config", tmp_path / "foreign.json", "--name", "w.foreign/one").strip()
    world = World.make(tmp_path, witnesses=[vkey], quorum=1, now=now_of_this_machine())
    with pytest.raises(NotProven, match="0 witnesses of the roster cosigned, expected 1"):
        world.custodian("judge").sync()
    second = SecondHistory(world)
    key = world.custodian("dpo").keys.auth
    with their_witness(tmp_path, world.vault.pins.log_key) as address:
        world.outside.gather = gather
        policy = f'format = "coffer.policy/v1"\n[witnesses]\n"w.foreign/one" = "{address}"\n'
        (world.vault.path / "policy.toml").write_text(policy)
        for number in range(3):  # it asks for a proof of consistency each time
            log_entries(world, RevokeEntry(authorization=bytes([number]) * 32), key=key)
            world.vault.writer.gather_cosignatures(world.state())
            world.custodian("judge").sync()
        assert world.outside.told == []
        (tmp_path / "policy").write_bytes(format_tlog_policy(world.state().roster, world.vault.pins.log_key))
        assert audit(["entry", "2", str(world.vault.path), "-o", str(tmp_path / "2.tlog-proof")]) == 0
        assert audit(["proof", str(tmp_path / "2.tlog-proof"), "--policy", str(tmp_path / "policy")]) == 0
        assert "cosigned: w.foreign/one, 20" in capsys.readouterr().out
        second.show()
        for number in range(3):
            log_entries(world, RevokeEntry(authorization=bytes([9 - number]) * 32), key=key)
        world.vault.writer.gather_cosignatures(world.state())
    assert world.outside.told == ["witness w.foreign/one did not cosign: status 422"]


@contextmanager
def our_witness(folder):
    app = make_witness_app(folder)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    for _ in range(200):
        if server.started:
            break
        time.sleep(0.02)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


def test_our_witness_serves_their_log_and_their_client_verifies_what_it_signs(tmp_path):
    log = json.loads(theirs("python", CLIENT, input=SEED))["log"]
    keys = [key.public for key in make_witness(tmp_path / "w", Disk(), "w.example/ours", [log])]
    with our_witness(WitnessFolder(tmp_path / "w", Disk(), now_of_this_machine)) as address:
        answer = json.loads(theirs("python", CLIENT, address, keys[0].format(), input=SEED))
    assert [(one["size"], one["lines"]) for one in answer["told"]] == [(5, 1), (11, 1)]
    for one in answer["told"]:
        note = parse_note(one["note"].encode(), "n", may_be_cosigned=True)
        assert parse_cosign_vkey(keys[0].format(), "k").time_of(note) is not None
