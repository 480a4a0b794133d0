"""The databases of the desk's tests: SQLite files, and a real PostgreSQL server that the tests start themselves.

``Cluster.start`` makes a cluster in a folder of its own with initdb and pg_ctl, as an unprivileged user, on a unix socket alone.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg


def binaries():
    """The folder of PostgreSQL's programs; None where it is not installed."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)
    found = next((folder for folder in folders if (folder / "initdb").is_file()), None)
    on_path = shutil.which("initdb")
    return found or (Path(on_path).parent if on_path else None)


@dataclass
class Cluster:
    folder: Path
    bin: Path
    user: str | None

    @classmethod
    def start(cls, bin_folder):
        # In memory where the other files of tests are: removing its thousands keeps a busy disk for minutes.
        folder = Path(tempfile.mkdtemp(prefix="pg-", dir=os.environ.get("PYTEST_DEBUG_TEMPROOT")))
        user = "nobody" if os.geteuid() == 0 else None  # PostgreSQL refuses to run as root
        if user is not None:
            os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
        cluster = cls(folder=folder, bin=bin_folder, user=user)
        words = ["-D", folder / "data", "-U", "desk", "-A", "trust", "-E", "UTF8", "--locale", "C", "--no-sync"]
        cluster.run("initdb", *words)
        cluster.serve()
        return cluster

    def serve(self):
        """Start the server, again after ``restart`` stopped it."""
        options = f"-c listen_addresses='' -c unix_socket_directories={self.folder} -c fsync=off -c max_connections=60"
        data, log = self.folder / "data", self.folder / "log"
        self.run("pg_ctl", "-D", data, "-w", "-t", "60", "-l", log, "-o", options, "start")

    def restart(self, mode, *, pause_s=0.0):
        """Stop the server in a mode of pg_ctl, and start it after a while."""
        self.run("pg_ctl", "-D", self.folder / "data", "-w", "-m", mode, "stop")
        time.sleep(pause_s)
        self.serve()

    def run(self, program, *words):
        command = [self.bin / program, *words]
        done = subprocess.run(
            [str(word) for word in command],
            user=self.user,
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if program == "pg_dump" else subprocess.DEVNULL,
            stderr=subprocess.PIPE if program != "pg_ctl" else subprocess.DEVNULL,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def execute(self, statement):
        with psycopg.connect(f"host={self.folder} user=desk dbname=postgres", autocommit=True) as connection:
            connection.execute(statement)

    def url(self, name):
        return f"postgresql+psycopg://desk@/{name}?host={self.folder}"

    def stop(self):
        self.run("pg_ctl", "-D", self.folder / "data", "-w", "-m", "immediate", "stop")
        shutil.rmtree(self.folder)
