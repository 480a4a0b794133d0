"""docs/operating.md with real processes: five custodians, a sovereign one, a witness and a log server, each on a port of this machine."""

import io
import json
import os
import re
import subprocess
import sys
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from coffer.cli.main import run
from coffer_audit.cli import main as audit
from world import FEED, cheap_passphrases

NAMES = ("a", "b", "c", "d", "e", "fr")
DAY = "2016-09-01"
SUBJECT, OTHER = "tel:+33612345678", "tel:+919845394494"
RECORDS = (
    f"+33612345678,+33698765432,{DAY} 10:00:00,60\n"
    f"+919845394494,+33612345678,{DAY} 11:00:00,5\n"
    f"+33698765432,+919845394494,{DAY} 12:00:00,7\n"
)
pytestmark = pytest.mark.slow


class Place:
    """A folder in which all parties work, each by commands."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.said, self.processes = folder, "", {}

    def coffer(self, *words: str, code: int = 0) -> str:
        """Run a command as in a shell of its own; what it said on stderr is kept."""
        out, err = io.StringIO(), io.StringIO()
        with chdir(self.folder), redirect_stdout(out), redirect_stderr(err):
            found = run(words)
        self.said = err.getvalue()
        assert found == code, f"{words}: {found}\n{out.getvalue()}\n{self.said}"
        return out.getvalue()

    def serve(self, name: str, *words: str) -> str:
        """Start a server, a process of its own; its address is its first line."""
        process = subprocess.Popen(
            [sys.executable, "-m", "coffer.cli.main", *words],
            cwd=self.folder,
            env=os.environ | {"COFFER_PASSPHRASE": "correct horse"},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.processes[name] = process
        return process.stdout.readline().strip()

    def kill(self, name: str) -> None:
        self.processes[name].kill()
        self.processes.pop(name).communicate(timeout=20)

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def copy(self, source: str, *targets: str) -> None:
        for target in targets:
            (self.folder / target).write_bytes((self.folder / source).read_bytes())


@contextmanager
def place_at(folder):
    place = Place(folder)
    try:
        yield place
    finally:
        for name in list(place.processes):
            place.kill(name)


@pytest.fixture
def founded(tmp_path, monkeypatch):
    """Founding, steps 1 to 7."""
    monkeypatch.setenv("COFFER_PASSPHRASE", "correct horse")
    cheap_passphrases()
    with place_at(tmp_path) as place:
        for name in NAMES:
            place.coffer("custodian", "init", name, "--name", name)
        place.coffer("witness", "init", "w", "--name", "w.example/one")
        witness = place.coffer("witness", "init", "w2", "--name", "w.example/two").split()[-1]
        keys = [word for name in NAMES for word in ("--custodian-keys", f"{name}/{name}.pub")]
        rules = ["--rule", "base=3 of a,b,c,d,e", "--rule", "FR=3 of a,b,c,d,e and fr", "--tally", "exact"]
        words = ["--origin", "example.org/vault", "--retention-days", "36500", "--late-days", "36500"]
        place.coffer("init", "vault", *words, *keys, *rules, "--witness", witness, "--quorum", "1")
        for name in NAMES:
            place.copy("vault/roster.note", f"{name}.roster")
            place.coffer("custodian", "sign-roster", name, f"{name}.roster", "--yes")
        log_key = place.coffer("complete", "vault", *(f"{name}.roster" for name in NAMES)).split()[2]
        place.coffer("witness", "add-log", "w2", log_key)
        log = place.serve("log", "serve", "vault", "--window", "127.0.0.1:0")
        address = place.serve("witness", "witness", "serve", "w2", "--listen", "127.0.0.1:0")
        place.write("vault/policy.toml", f'format = "coffer.policy/v1"\n[witnesses]\n"w.example/two" = "{address}"\n')
        place.coffer("witness", "gather", "vault")
        addresses = ""
        for name in NAMES:
            place.coffer("custodian", "join", name, "--vault", "vault/vault.toml", "--log", log)
            place.coffer("custodian", "epoch", name, "--days", DAY, DAY)
            addresses += serve_custodian(place, name)
        place.write("vault/custodians.toml", addresses)
        place.coffer("sync", "vault")
        place.write("feed.toml", FEED)
        place.write("calls.csv", RECORDS)
        place.coffer("ingest", "vault", "--feed", "feed.toml", "calls.csv")
        yield place


def serve_custodian(place, name):
    url = place.serve(name, "custodian", "serve", name, "--listen", "127.0.0.1:0", "--epoch-ahead", "0")
    status = place.coffer("custodian", "status", name)
    fingerprint = next(line.split()[1] for line in status.splitlines() if line.startswith("fingerprint"))
    return f'[{name}]\nurl = "{url}"\nfingerprint = "{fingerprint}"\n'


def request(place, note, subject, **more):
    order = ["--authority", "Court", "--basis", f"case {note}", "--purpose", "theft", "--person", "A. Example"]
    words = ["--subject", subject, "--days", DAY, DAY, "--kinds", "call", "--max-records", "10", "-o", note]
    place.coffer("request", "vault", *words, *order, *(word for pair in more.items() for word in pair))
    place.coffer("send", "vault", note)


def waiting(place, name):
    """The 32 digits of the one request that waits, as the clerk's list shows them."""
    (handle,) = re.findall("^[0-9a-f]{32}(?= )", place.coffer("custodian", "review", name), re.MULTILINE)
    return handle


def approve(place, number, *names):
    """Each clerk finds the one request that waits by its digits in the list; the signed notes."""
    signed = []
    for name in names:
        handle = waiting(place, name)
        assert "Court" in place.coffer("custodian", "review", name, handle)
        signed.append(f"{number}.{name}.note")
        place.coffer("custodian", "approve", name, handle, "--yes", "-o", signed[-1])
    return signed


def test_founding_receipts_a_request_killed_custodians_and_the_audit(founded, capsys):
    place = founded
    report = json.loads(place.coffer("receipts", "vault", "--json"))
    assert (report["missing"], report["findings"]) == ([], [])
    assert report["given"] == 5 + 6  # one segment under base, one under FR
    request(place, "r.note", SUBJECT)
    without = approve(place, 1, "a", "b", "c")
    place.coffer("open", "vault", *without, "-o", "nothing", code=4)
    assert "fr" in place.said
    signed = [*without, *approve(place, 1, "d", "e", "fr")]
    place.kill("b")
    place.kill("d")
    answer = json.loads(place.coffer("open", "vault", *signed, "-o", "answer", "--deadline", "20", "--json"))
    assert answer["records"] == 2
    assert {name for name, said in answer["custodians"].items() if said == "no answer"} == {"b", "d"}
    assert {cell["status"] for cell in answer["cells"]} == {"complete"}
    assert place.said.count("nobody listens there") == 2
    assert audit(["vault", str(place.folder / "vault")]) == 0
    assert audit(["answer", str(place.folder / "answer"), "--vault", str(place.folder / "vault")]) == 0
    assert "1 of 1 cosigned" in capsys.readouterr().out
    place.coffer("sync", "vault", code=5)  # two are down, and it says so
    assert "b, d did not answer" in place.said


def test_without_a_witness_nothing_is_opened_and_with_it_the_opening_goes_on(founded):
    place = founded
    request(place, "r.note", OTHER)
    signed = approve(place, 1, "a", "b", "c")
    place.kill("witness")
    place.coffer("open", "vault", *signed, "-o", "answer", code=5)
    assert "0 witnesses of the roster cosigned, expected 1" in place.said
    address = place.serve("witness", "witness", "serve", "w2", "--listen", "127.0.0.1:0")
    place.write("vault/policy.toml", f'format = "coffer.policy/v1"\n[witnesses]\n"w.example/two" = "{address}"\n')
    answer = json.loads(place.coffer("open", "vault", *signed, "-o", "answer", "--json"))
    assert answer["records"] == 2
    assert answer["custodians"]["fr"] == "not asked"
    assert len([line for line in place.coffer("log", "vault").splitlines() if " intent     desk" in line]) == 1


def test_refused_and_revoked_requests_open_nothing_and_stand_in_the_log(founded):
    place = founded
    request(place, "r.note", OTHER)
    handle = waiting(place, "a")
    place.coffer("custodian", "refuse", "a", handle, "--reason", "scope")
    signed = approve(place, 1, "b", "c", "d")
    place.coffer("sync", "vault")
    answer = json.loads(place.coffer("open", "vault", *signed, "-o", "one", "--json"))
    assert (answer["records"], answer["custodians"]["a"]) == (2, "refused: constant")
    place.coffer("custodian", "revoke", "e", "r.note")
    place.coffer("sync", "vault")
    place.coffer("open", "vault", *signed, "-o", "two", code=4)
    log = place.coffer("log", "vault")
    assert "a: authorization" in log
    assert ", by e" in log


def test_custodian_replaced_by_one_on_its_own_machine_opens_what_is_sealed_then(founded):
    place = founded
    place.coffer("custodian", "init", "g", "--name", "g")
    place.coffer("roster", "propose", "vault", "--replace", "e=g", "-o", "x.note", code=2)
    assert "--custodian-keys" in place.said
    place.coffer("roster", "propose", "vault", "--replace", "e=g", "--custodian-keys", "g/g.pub", "-o", "roster.note")
    for name in ("a", "b", "c", "fr", "g"):
        place.copy("roster.note", f"{name}.new")
        place.coffer("custodian", "sign-roster", name, f"{name}.new", "--yes")
    place.coffer("roster", "publish", "vault", "a.new", "b.new", code=4)
    place.coffer("roster", "publish", "vault", *(f"{name}.new" for name in ("a", "b", "c", "g")), code=4)
    assert "fr must sign too: rule FR changes" in place.said
    signed = [f"{name}.new" for name in ("a", "b", "c", "fr", "g")]
    place.coffer("roster", "publish", "vault", *signed, code=5)
    assert "ingest of them would stop" in place.said
    place.coffer("roster", "publish", "vault", *signed, "--anyway")
    assert len(place.coffer("roster", "show", "vault", "--all").splitlines()) == 3
    log = next(line for line in (place.folder / "a/custodian.toml").read_text().splitlines() if "log-at" in line)
    place.coffer("custodian", "join", "g", "--vault", "vault/vault.toml", "--log", log.split('"')[1])
    day = "2016-09-02"
    for name in (*NAMES[:4], "fr", "g"):
        place.coffer("custodian", "epoch", name, "--days", day, day)
    addresses = (place.folder / "vault/custodians.toml").read_text() + serve_custodian(place, "g")
    place.write("vault/custodians.toml", addresses)
    place.coffer("sync", "vault")
    place.write("later.csv", RECORDS.replace(DAY, day))
    place.coffer("ingest", "vault", "--feed", "feed.toml", "later.csv")
    place.kill("d")
    words = ["--authority", "Court", "--basis", "b", "--purpose", "p", "--person", "A. Example", "-o", "n.note"]
    place.coffer(
        "request", "vault", "--subject", OTHER, "--days", DAY, day, "--kinds", "call", "--max-records", "9", *words
    )
    assert "sealed under roster" in place.said
    place.coffer("send", "vault", "n.note", code=5)  # d is down
    signed = approve(place, 2, "a", "b", "c")
    answer = json.loads(place.coffer("open", "vault", *signed, "-o", "answer", "--json"))
    assert answer["records"] == 4
