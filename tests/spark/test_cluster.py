"""Ingest by a real Spark cluster on loopback: exact, whatever dies, and no plaintext in anything that Spark writes."""

import datetime as dt
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from coffer.cli.main import run
from coffer.objects.address import StoreAddress
from coffer.objects.store import StoreObjects
from coffer_audit.cli import main as audit
from storing import Fault
from world import FEED, PASSPHRASE, World

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.slow, pytest.mark.real]

DAYS = ("2016-09-01", "2016-09-02")
RECORDS = 100_000
FILES = 6
STORED = 2
"""Files that lie in the store: there, each object takes several requests to a server of one process."""


def number(i):
    return f"+336{i % 100_000_000:08}"


def write_files(folder):
    """Files of some MiB with known numbers; a line in a thousand is a reject."""
    folder.mkdir()
    for file in range(FILES):
        lines = []
        for i in range(file * RECORDS, (file + 1) * RECORDS):
            at = f"{DAYS[i % 2]} {i % 24:02}:{i % 60:02}:{i % 59:02}"
            lines.append(f"{number(i) if i % 1000 else 'x'},+33698765432,{at},{i % 400}\n")
        (folder / f"{file}.csv").write_text("".join(lines))
    (folder / "feed.toml").write_text(FEED)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("input") / "files"
    write_files(folder)
    return folder


@pytest.fixture
def vault(tmp_path, monkeypatch):
    monkeypatch.setenv("COFFER_PASSPHRASE", PASSPHRASE.unsafe_bytes().decode())
    return founded(tmp_path)


def founded(folder, objects=None):
    """A vault of today with keys for days that are long past."""
    limits = {"retention_days": 36_500, "late_days": 36_500}
    world = World.make(folder, now=dt.datetime.now(dt.UTC), objects=objects, **limits)
    world.epoch(*DAYS)
    return world.vault.path


def ingesting(cluster, vault, files, paths=None):
    paths = paths or sorted(files.glob("*.csv"))
    arguments = ["ingest", vault, "--feed", files / "feed.toml", "--engine", "spark", "--master", cluster.master]
    return cluster.python(
        "-m", "coffer", *map(str, [*arguments, "--split-mib", 1, "--json", *paths]),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def verify_exact(done, vault, cluster):
    document = verify_counts(done, cluster)
    assert not list(vault.rglob("*.tmp-*"))
    names = {path.name.split(".")[0] for path in (vault / "segments").rglob("*.*")}
    assert len(names) == document["segments"]
    assert audit(["vault", str(vault)]) == 0


def verify_counts(done, cluster, files=FILES):
    out, err = done.communicate(timeout=400)
    assert done.returncode == 0, err.decode()[-2000:]
    document = json.loads(out)
    rejected = RECORDS // 1000
    assert [file["read"] for file in document["files"]] == [RECORDS] * files
    assert [file["kept"] for file in document["files"]] == [RECORDS - rejected] * files
    assert [sum(file["rejected"].values()) for file in document["files"]] == [rejected] * files
    verify_no_number_was_written(cluster)
    return document


def verify_no_number_was_written(cluster):
    """All that Spark wrote so far: local folders, work folders with logs, event logs, the driver's own words."""
    written = [path for path in cluster.folder.rglob("*") if path.is_file()]
    assert any("events" in path.parts for path in written)
    wanted = [number(i).encode()[-9:] for i in (1, RECORDS - 1, 3 * RECORDS + 7)] + [b"98765432"]
    assert [path.name for path in written if any(digits in path.read_bytes() for digits in wanted)] == []


def staged(vault):
    return list((vault / "segments").rglob("*.tmp-*")) if (vault / "segments").exists() else []


def children(parent):
    """The processes below one, with their commands."""
    found, waiting = [], [parent]
    while waiting:
        pid = waiting.pop()
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            own = [int(child) for child in task.read_text().split()]
            waiting += own
            found += [(child, Path(f"/proc/{child}/cmdline").read_bytes()) for child in own]
    return found


def test_contract_holds_on_a_cluster(cluster, monkeypatch):
    monkeypatch.setenv("COFFER_SPARK_MASTER", cluster.master)
    sockets = "ignore::pytest.PytestUnraisableExceptionWarning"  # which pyspark leaves to be collected
    chosen = ("tests/contract", "-k", "spark and not store")  # which is below, and whole with ``TasksHere``
    arguments = ("-m", "pytest", "-qx", "-W", sockets, "-p", "no:cacheprovider", *chosen)
    with cluster.python(*arguments, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as running:
        out, _ = running.communicate(timeout=600)
    assert running.returncode == 0, out.decode()[-3000:]
    assert b"8 passed" in out


def test_executor_that_is_killed_costs_nothing(cluster, vault, files):
    running = ingesting(cluster, vault, files)
    cluster.wait_for("staged files", lambda: staged(vault) or running.poll() is not None)
    assert running.poll() is None, running.communicate()[1].decode()[-2000:]
    executors = [pid for pid, command in children(cluster.processes["worker-1"].pid) if b"ExecutorBackend" in command]
    assert executors, "an executor works for this ingest"
    os.kill(executors[0], signal.SIGKILL)
    verify_exact(running, vault, cluster)


def test_task_that_hangs_is_run_twice_and_counts_once(cluster, vault, files):
    running = ingesting(cluster, vault, files)
    cluster.wait_for("staged files", lambda: staged(vault) or running.poll() is not None)
    tasks = [pid for pid, command in children(cluster.processes["worker-2"].pid) if b"pyspark" in command]
    for pid in tasks:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(8)
    for pid in tasks:
        if Path(f"/proc/{pid}").exists():
            os.kill(pid, signal.SIGCONT)
    verify_exact(running, vault, cluster)


def python_of(cluster, worker):
    return [pid for pid, command in children(cluster.processes[worker].pid) if b"pyspark" in command]


def test_vault_and_files_in_a_store_are_exact_whatever_dies_and_the_store_has_no_orphan(
    cluster, bucket, vault, files, tmp_path, capsys
):
    """An executor is killed, tasks are stopped for a while and go on, and the store fails at times."""
    place = bucket.objects(None)
    given = sorted(files.glob("*.csv"))[:STORED]
    for path in given:
        place.replace(f"files/{path.name}", path.read_bytes())
    paths = [f"{bucket.address}/files/{path.name}" for path in given]
    address = StoreAddress(scheme="s3", root=f"{bucket.name}/sealed")
    (tmp_path / "stored").mkdir()
    path = founded(tmp_path / "stored", address)
    bucket.forget()
    for method, key in (("PUT", ".rows"), ("PUT", "/0"), ("HEAD", "/open"), ("GET", ".csv"), ("PUT", ".header")):
        bucket.fail(method, key, Fault.ERROR, times=3)
    bucket.fail("PUT", ".manifest", Fault.LOST, times=3)
    running = ingesting(cluster, path, files, paths)

    def put():
        return [key for method, key in list(bucket.asked) if method == "PUT" and key.endswith(".rows")]

    cluster.wait_for("segments", lambda: put() or running.poll() is not None)
    executors = [pid for pid, command in children(cluster.processes["worker-1"].pid) if b"ExecutorBackend" in command]
    stopped = python_of(cluster, "worker-2")
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    os.kill(executors[0], signal.SIGKILL)
    time.sleep(4)
    for pid in stopped:
        if Path(f"/proc/{pid}").exists():
            os.kill(pid, signal.SIGCONT)
    document = verify_counts(running, cluster, STORED)
    assert run(["fsck", str(path), "--deep", "--json"]) == 0, capsys.readouterr().out
    stored = StoreObjects(address, None, os.urandom)
    assert len(list(stored.keys("segments/"))) == 3 * document["segments"]
    assert list(stored.keys("tasks/")) == []
    assert not list(path.rglob("segments/*"))
