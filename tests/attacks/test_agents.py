"""Attacks on the agent of a session: another user, what it left behind, another key file, time, a fork, a look inside.

A twin beside each shows the same thing succeeding where it may.
"""

import datetime as dt
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from coffer.agent import client
from coffer.agent.peers import RUNTIME, is_private
from coffer.agent.protocol import DONE, HELD, NONE, REFUSED, Get, Hold, format_request
from coffer.cli import console
from coffer.cli.main import run
from coffer.cli.passphrases import Passphrases
from coffer.errors import Unavailable
from coffer.notes.keyfile import StretchedKey
from coffer.notes.keys import Secret
from coffer.wire import Hash
from world import cheap_passphrases

PASSPHRASE = "correct horse"
TODAY = f"{dt.datetime.now(dt.UTC):%Y-%m-%d}"
NOBODY = 65_534
SECRET = bytes(range(32))
FILE = Hash(b"f" * 32)
linux = pytest.mark.skipif(sys.platform != "linux", reason="the agent asks Linux who is at the other end")
pytestmark = linux
as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root becomes another user for a test")


@pytest.fixture
def session(tmp_path, monkeypatch):
    """A session without an agent, and without any passphrase."""
    cheap_passphrases()
    folder = Path(f"/tmp/coffer-{os.getpid()}-{time.monotonic_ns()}")  # a socket's path may have 107 bytes
    folder.mkdir(mode=0o700)
    monkeypatch.setenv(RUNTIME, str(folder))
    for name in [name for name in os.environ if name.startswith("COFFER_PASSPHRASE")]:
        monkeypatch.delenv(name)
    (tmp_path / "passphrase").write_text(PASSPHRASE)
    yield folder
    monkeypatch.setenv(RUNTIME, str(folder))
    folder.chmod(0o700)
    if (folder / "coffer").is_dir():
        (folder / "coffer").chmod(0o700)
        client.lock()
        for path in (folder / "coffer").iterdir():
            path.unlink()
        (folder / "coffer").rmdir()
    folder.rmdir()


@pytest.fixture
def vault(session, tmp_path, monkeypatch):
    """A vault with a sealed key file of each custodian and of the operator, and a request."""
    path = tmp_path / "vault"
    monkeypatch.setenv("COFFER_PASSPHRASE", PASSPHRASE)
    monkeypatch.setenv("COFFER_PASSPHRASE_OPERATOR", PASSPHRASE)
    names = [word for name in ("judge", "dpo", "regulator") for word in ("--custodian", name)]
    rule = ["--rule", "base=2 of judge,dpo,regulator", "--retention-days", "30", "--late-days", "5"]
    assert run(["init", str(path), "--origin", "test.example/vault", *names, *rule]) == 0
    assert run(["epoch", str(path), "--days", TODAY, TODAY]) == 0
    order = ["--authority", "Court", "--basis", "Art. 1", "--purpose", "Theft", "--person", "A. Example"]
    asked = ["--subject", "tel:+33612345678", "--days", TODAY, TODAY, "--kinds", "call"]
    assert run(["request", str(path), *asked, "--max-records", "5", *order, "-o", str(tmp_path / "note")]) == 0
    monkeypatch.delenv("COFFER_PASSPHRASE")
    monkeypatch.delenv("COFFER_PASSPHRASE_OPERATOR")
    return path


def unlock(vault, tmp_path, *words):
    return run(["unlock", str(vault), *words, "--passphrase-file", str(tmp_path / "passphrase")])


def countersign(vault, tmp_path, name="judge"):
    return run(["countersign", str(vault), str(tmp_path / "note"), "--as", name, "--yes"])


def hold(**changes):
    fields = {"label": "judge/keys", "idle_s": 600, "life_s": 600} | changes
    client.hold(StretchedKey(secret=Secret(SECRET, "stretched key"), file=FILE), **fields)


def agent_process(session):
    """The one process that listens there."""
    listening = str(session / "coffer" / "agent").encode()
    listeners = [
        int(path.name)
        for path in Path("/proc").iterdir()
        if path.name.isdigit() and listening in _words(path) and b"coffer.agent" in _words(path)
    ]
    (process,) = listeners
    return process


def _words(process):
    try:
        return [word for word in (process / "cmdline").read_bytes().split(b"\0") if word]
    except OSError:
        return []


def wait_for(is_done):
    until = time.monotonic() + 15
    while not is_done():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.05)


def ask(session, request=None):
    return client._asked(session / "coffer" / "agent", request or Get(file=FILE))


def as_nobody(script, *words):
    """What a process of another user prints."""
    code = f"import os, socket, sys\nos.setgroups([])\nos.setgid({NOBODY})\nos.setuid({NOBODY})\n{script}"
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, words)], capture_output=True, text=True, check=True, cwd="/"
    ).stdout


ASKING = """
s = socket.socket(socket.AF_UNIX)
try:
    s.connect(sys.argv[1])
    try:
        s.sendall(bytes.fromhex(sys.argv[2]))
    except BrokenPipeError:
        pass  # the other end has answered and closed already
    print(s.recv(100))
except PermissionError:
    print("no way in")
"""

LISTENING_AS_NOBODY = """
import os, socket
s = socket.socket(socket.AF_UNIX)
s.bind({path!r})
os.setuid({nobody})
s.listen()
print("ready", flush=True)
s.accept()
print(s.accept()[0].recv(100))
"""


# Whom it serves


def test_commands_need_no_passphrase_while_keys_are_unlocked(vault, tmp_path, capfd):
    assert countersign(vault, tmp_path) == 2
    assert "passphrase of judge: not given" in capfd.readouterr().err
    assert unlock(vault, tmp_path, "--as", "judge", "--operator") == 0
    assert countersign(vault, tmp_path) == 0
    assert run(["log", str(vault)]) == 0
    assert run(["unlock", "--status"]) == 0
    shown = capfd.readouterr()
    assert "custodians/judge/keys" in shown.out
    assert "operator/keys" in shown.out
    assert PASSPHRASE not in shown.out + shown.err
    assert countersign(vault, tmp_path, "dpo") == 2, "what is unlocked for one opens nobody else's"
    assert run(["lock"]) == 0
    assert countersign(vault, tmp_path) == 2


@as_root
def test_another_user_gets_nothing_of_it(session):
    hold()
    path, line = session / "coffer" / "agent", format_request(Get(file=FILE)).hex()
    assert as_nobody(ASKING, path, line) == "no way in\n"
    session.chmod(0o755)
    (session / "coffer").chmod(0o755)
    path.chmod(0o666)
    assert as_nobody(ASKING, path, line) == f"{REFUSED!r}\n", "even if the folders were opened to everybody"
    session.chmod(0o700)
    (session / "coffer").chmod(0o700)
    assert ask(session) == HELD + SECRET, "the twin: its own user"


@as_root
def test_nothing_is_said_to_an_agent_of_another_user(session, tmp_path):
    (session / "coffer").mkdir(mode=0o700)
    path = session / "coffer" / "agent"
    script = LISTENING_AS_NOBODY.format(path=str(path), nobody=NOBODY)
    other = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert other.stdout.readline() == "ready\n"
    with pytest.raises(client.NotProven, match="another user listens"):
        hold()
    assert other.communicate(timeout=20)[0] == "b''\n"
    path.unlink()
    hold()
    assert ask(session) == HELD + SECRET


def test_folder_that_others_can_look_into_is_not_used(session, monkeypatch):
    session.chmod(0o750)
    with pytest.raises(Unavailable, match="not a folder of this user alone"):
        hold()
    session.chmod(0o700)
    hold()
    (session / "coffer").chmod(0o711)
    assert client.held_key(b"any") is None
    (session / "coffer").chmod(0o700)
    monkeypatch.setenv(RUNTIME, "")
    with pytest.raises(Unavailable, match="XDG_RUNTIME_DIR is not set"):
        hold()


def test_folder_of_another_user_or_a_link_is_none_of_ours(tmp_path):
    folder, link = tmp_path / "folder", tmp_path / "link"
    folder.mkdir(mode=0o700)
    link.symlink_to(folder)
    assert is_private(folder.lstat(), os.getuid())
    assert not is_private(folder.lstat(), os.getuid() + 1)
    assert not is_private(link.lstat(), os.getuid())


# What it left behind


def test_socket_that_a_killed_agent_left_behind_holds_nobody_up(vault, session, tmp_path, capfd):
    assert unlock(vault, tmp_path, "--as", "judge") == 0
    os.kill(agent_process(session), signal.SIGKILL)
    wait_for(lambda: not client._is_listening(session / "coffer" / "agent"))
    assert (session / "coffer" / "agent").exists()
    assert countersign(vault, tmp_path) == 2, "the passphrase is asked for, as without an agent"
    assert run(["unlock", "--status"]) == 0
    assert "nothing is unlocked" in capfd.readouterr().err
    assert unlock(vault, tmp_path, "--as", "judge") == 0
    assert countersign(vault, tmp_path) == 0


def test_file_in_the_place_of_the_socket_is_no_agent(session):
    (session / "coffer").mkdir(mode=0o700)
    (session / "coffer" / "agent").write_text("held\n" + "x" * 32)
    assert client.held_key(b"any") is None
    hold()
    assert ask(session) == HELD + SECRET


def test_agent_ends_with_the_folder_of_its_session(session):
    hold()
    process = agent_process(session)
    (session / "coffer" / "agent").unlink()
    wait_for(lambda: not _words(Path(f"/proc/{process}")))


def test_told_to_stop_it_leaves_no_socket(session):
    hold()
    os.kill(agent_process(session), signal.SIGTERM)
    wait_for(lambda: not (session / "coffer" / "agent").exists())


# Another key file


def test_key_file_that_was_written_anew_or_put_there_is_asked_for_anew(vault, tmp_path):
    folder = vault / "custodians" / "judge"
    assert unlock(vault, tmp_path, "--as", "judge") == 0
    own = (folder / "keys").read_bytes()
    (folder / "keys").write_bytes(own + b"\n")
    assert countersign(vault, tmp_path) == 2
    (folder / "keys").write_bytes((vault / "custodians" / "dpo" / "keys").read_bytes())
    assert countersign(vault, tmp_path) == 2
    (folder / "keys").write_bytes(own)
    assert countersign(vault, tmp_path) == 0, "the twin: the very file that was unlocked"


def test_after_another_passphrase_what_an_agent_holds_opens_nothing(vault, tmp_path, monkeypatch):
    assert unlock(vault, tmp_path, "--as", "judge", "--as", "dpo") == 0
    (tmp_path / "new").write_text("four words of somebody")
    words = ["passwd", str(vault), "--as", "judge", "--new-file", str(tmp_path / "new")]
    assert run([*words, "--passphrase-file", str(tmp_path / "passphrase")]) == 0
    assert countersign(vault, tmp_path) != 0, "nobody gives a passphrase, and the one held is of the old file"
    assert countersign(vault, tmp_path, "dpo") == 0
    monkeypatch.setenv("COFFER_PASSPHRASE_JUDGE", "four words of somebody")
    assert countersign(vault, tmp_path) == 0


def test_wrong_passphrase_is_not_held(vault, tmp_path, capfd):
    (tmp_path / "wrong").write_text("battery staple")
    words = ["unlock", str(vault), "--as", "judge", "--passphrase-file", str(tmp_path / "wrong")]
    assert run(words) == 4
    said = capfd.readouterr().err
    assert "wrong passphrase" in said
    assert "hint: it is read from --passphrase-file, else from COFFER_PASSPHRASE_JUDGE" in said
    assert client.status() is None


def test_nobody_is_asked_for_a_passphrase_that_could_unlock_nothing(vault, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(Passphrases, "get", lambda *_: pytest.fail("asked"))
    assert run(["unlock", str(vault), "--as", "judge", "--as", "nobody"]) == 2
    assert "custodian nobody: not one in this vault's folder" in capfd.readouterr().err
    monkeypatch.setenv("XDG_RUNTIME_DIR", "")
    assert run(["unlock", str(vault), "--as", "judge"]) == 5
    assert "XDG_RUNTIME_DIR is not set" in capfd.readouterr().err
    (vault / "custodians" / "judge" / "keys").write_bytes(b"{}")
    assert run(["unlock", str(vault), "--as", "judge"]) == 2
    assert "custodian judge: key file is damaged" in capfd.readouterr().err


def test_wrong_passphrase_of_a_command_is_refused_whatever_an_agent_holds(vault, tmp_path, monkeypatch):
    assert unlock(vault, tmp_path, "--as", "judge") == 0
    monkeypatch.setenv("COFFER_PASSPHRASE_JUDGE", "battery staple")
    assert countersign(vault, tmp_path) == 4
    monkeypatch.delenv("COFFER_PASSPHRASE_JUDGE")
    assert countersign(vault, tmp_path) == 0


def test_what_an_agent_holds_destroys_no_key(vault, tmp_path, monkeypatch, capfd):
    folder = vault / "custodians" / "judge"
    assert unlock(vault, tmp_path, "--as", "judge", "--operator") == 0
    later = dt.datetime.now(dt.UTC) + dt.timedelta(days=60)
    monkeypatch.setattr(console, "system_clock", lambda: later)
    assert run(["retire", str(vault), "--catch-up"]) == 2
    assert "passphrase of judge: not given" in capfd.readouterr().err
    assert [path.name for path in (folder / "epoch").iterdir()] == [TODAY]
    assert run(["retire", str(vault), "--catch-up", "--passphrase-file", str(tmp_path / "passphrase")]) == 0
    assert list((folder / "epoch").iterdir()) == []
    assert client.held_key((folder / "keys").read_bytes()) is None, "the file that was unlocked is no more"


def test_what_an_agent_holds_is_not_the_passphrase(vault, tmp_path):
    assert unlock(vault, tmp_path, "--as", "judge", "--as", "dpo") == 0
    keys = [client.held_key((vault / "custodians" / name / "keys").read_bytes()) for name in ("judge", "dpo")]
    secrets = [key.secret.unsafe_bytes() for key in keys]
    assert secrets[0] != secrets[1], "one passphrase, two files"
    assert PASSPHRASE.encode() not in secrets[0] + secrets[1]


# Time


def test_unused_it_is_forgotten_and_the_agent_ends(session):
    hold(idle_s=1)
    process = agent_process(session)
    assert ask(session) == HELD + SECRET
    time.sleep(1.2)
    assert client.held_key(b"any") is None
    wait_for(lambda: not (session / "coffer" / "agent").exists())
    wait_for(lambda: not _words(Path(f"/proc/{process}")))


def test_its_hours_end_though_it_is_used_all_the_time(session):
    hold(idle_s=600, life_s=1)
    hold(label="dpo/keys", idle_s=600, life_s=600)
    until = time.monotonic() + 1.2
    while time.monotonic() < until:
        client.status()
        time.sleep(0.1)
    assert [line.label for line in client.status().lines] == ["dpo/keys"]


# A look inside, and what strangers of the same user send


def test_memory_is_locked_and_in_no_core_dump_and_in_no_fork(session):
    hold()
    process = agent_process(session)
    regions = Path(f"/proc/{process}/smaps").read_text().split("VmFlags: ")
    kept = [flags.split("\n")[0].split() for flags in regions[1:]]
    assert any({"dd", "dc"} <= set(flags) for flags in kept)
    if client.status().is_locked:
        assert any({"dd", "dc", "lo"} <= set(flags) for flags in kept)
    limits = Path(f"/proc/{process}/limits").read_text().splitlines()
    (core,) = [line.split()[4:6] for line in limits if line.startswith("Max core file size")]
    assert core == ["0", "0"]


FORK = """
import mmap, os, sys
from coffer.agent.memory import SecretMemory
if sys.argv[1] == "secret":
    memory = SecretMemory()
    view = memory.slot(0)
else:
    view = memoryview(mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))[:32]
view[:] = bytes(range(32))
child = os.fork()
if child == 0:
    os._exit(0 if bytes(view) == bytes(range(32)) else 1)
print(os.waitpid(child, 0)[1])
"""


@pytest.mark.parametrize(("memory", "ends"), [("secret", signal.SIGSEGV), ("plain", 0)])
def test_forked_process_has_no_such_memory_and_other_memory_it_has(memory, ends):
    done = subprocess.run([sys.executable, "-c", FORK, memory], capture_output=True, text=True, check=True)
    assert int(done.stdout) & 0x7F == ends


def test_passphrase_is_in_no_word_and_no_variable_of_the_agent(vault, session, tmp_path, monkeypatch):
    monkeypatch.setenv("COFFER_PASSPHRASE", PASSPHRASE)
    assert run(["unlock", str(vault), "--as", "judge"]) == 0
    process = Path(f"/proc/{agent_process(session)}")
    seen = (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
    assert b"PATH=" in seen
    assert PASSPHRASE.encode() not in seen
    assert b"COFFER_PASSPHRASE" not in seen


def test_junk_and_a_secret_that_ends_early_leave_it_at_work(session):
    hold()
    path = session / "coffer" / "agent"
    cut = format_request(Hold(file=b"g" * 32, label="cut", idle_s=60, life_s=60)) + SECRET[:31]
    for junk in (b"", b"\n", b"GET / HTTP/1.1\r\n\r\n", os.urandom(20_000), cut, b"coffer.agent/v1 get zz\n"):
        with socket.socket(socket.AF_UNIX) as sender:
            sender.settimeout(5)
            sender.connect(str(path))
            try:
                sender.sendall(junk)
                sender.shutdown(socket.SHUT_WR)
                assert sender.recv(100) == b""
            except (BrokenPipeError, ConnectionResetError):
                pass
    assert ask(session, Get(file=b"g" * 32)) == NONE
    assert ask(session) == HELD + SECRET
    assert [line.label for line in client.status().lines] == ["judge/keys"]


def test_key_shows_itself_to_nobody(session):
    hold()
    held = client._asked(session / "coffer" / "agent", Get(file=FILE))
    key = StretchedKey(secret=Secret(held[len(HELD) :], "stretched key"), file=FILE)
    assert SECRET.hex() not in repr(key)
    assert "<secret stretched key, 32 bytes>" in repr(key)
    assert ask(session, client.Lock()) == DONE
