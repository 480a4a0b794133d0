"""A standalone Spark cluster on loopback: a master and workers of one core each, which end with the block.

It is run by Python of ``build/spark``, which ``make spark`` makes.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
PYTHON = ROOT / "build" / "spark" / "bin" / "python"
_STARTED_S = 120


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@dataclass
class Cluster:
    """Its folder holds everything that its processes write: local folders, work folders, event logs."""

    folder: Path
    home: Path
    master: str = ""
    processes: dict = field(default_factory=dict)

    def environment(self):
        own = {"SPARK_HOME": str(self.home), "SPARK_CONF_DIR": str(self.folder / "conf"), "SPARK_LOCAL_IP": "127.0.0.1"}
        own |= {"SPARK_LOCAL_DIRS": str(self.folder / "local"), "SPARK_WORKER_DIR": str(self.folder / "work")}
        kept = ("PATH", "HOME", "LANG", "JAVA_HOME", "COFFER_PASSPHRASE", "COFFER_SPARK_MASTER")
        kept += tuple(name for name in os.environ if name.startswith("AWS_"))  # as each machine has its own
        return {name: os.environ[name] for name in kept if name in os.environ} | own | {"PYSPARK_PYTHON": str(PYTHON)}

    def start(self, name, *arguments):
        command = [str(self.home / "bin" / "spark-class"), *arguments]
        with (self.folder / f"{name}.log").open("wb") as log:
            self.processes[name] = subprocess.Popen(
                command, stdout=log, stderr=log, env=self.environment(), start_new_session=True
            )

    def wait_for(self, what, is_so):
        until = time.monotonic() + _STARTED_S
        while not is_so():
            assert time.monotonic() < until, f"{what}: not within {_STARTED_S} s"
            time.sleep(0.1)

    def logged(self, name, words):
        return words in (self.folder / f"{name}.log").read_text(errors="replace")

    def worker(self, name):
        self.start(
            name,
            "org.apache.spark.deploy.worker.Worker",
            *("--host", "127.0.0.1", "--port", str(free_port()), "--webui-port", str(free_port())),
            *("--cores", "1", "--memory", "1g", self.master),
        )
        self.wait_for(name, lambda: self.logged(name, "Successfully registered"))

    def end(self, name):
        process = self.processes.pop(name)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # its executors too: they are of its session
        process.wait()

    def python(self, *arguments, **options):
        return subprocess.Popen([str(PYTHON), *arguments], env=self.environment(), **options)


def is_here():
    """Whether Spark and Java are on this machine."""
    return PYTHON.exists() and shutil.which("java") is not None


@contextmanager
def standalone(folder, workers, settings):
    """A master and workers that keep all they write in ``folder``. ``settings``: more of Spark's."""
    said = subprocess.run(
        [str(PYTHON), "-c", "import pyspark; print(pyspark.__path__[0])"], check=True, capture_output=True, text=True
    )
    made = Cluster(folder=folder, home=Path(said.stdout.strip()))
    for name in ("conf", "local", "work", "events"):
        (folder / name).mkdir()
    port = free_port()
    made.master = f"spark://127.0.0.1:{port}"
    settings = {
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.executor.memory": "512m",
        "spark.executor.cores": "1",
        "spark.eventLog.enabled": "true",
        "spark.eventLog.dir": f"file:{folder / 'events'}",
        "spark.task.maxFailures": "8",
        "spark.pyspark.python": str(PYTHON),
        **settings,
    }
    lines = "".join(f"{name} {value}\n" for name, value in settings.items())
    (folder / "conf" / "spark-defaults.conf").write_text(lines)
    try:
        made.start(
            "master",
            "org.apache.spark.deploy.master.Master",
            *("--host", "127.0.0.1", "--port", str(port), "--webui-port", str(free_port())),
        )
        made.wait_for("master", lambda: made.logged("master", "New state: ALIVE"))
        for number in range(1, workers + 1):
            made.worker(f"worker-{number}")
        yield made
    finally:
        for name in list(made.processes):
            made.end(name)
