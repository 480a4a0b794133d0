"""Services as processes: their settings come from the one file, their lines are documents, their figures are asked for."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager

from coffer.disk import Disk
from coffer.translog.store.witness import make_witness
from figured import figures_of_code
from world import World


@contextmanager
def service(folder, text, *words):
    """A running service, and the addresses that it printed, by name; ended by SIGTERM."""
    (folder / "coffer.toml").write_text(f'format = "coffer.settings/v1"\n[log]\nformat = "json"\n{text}')
    environment = os.environ | {"COFFER_CONFIG": str(folder / "coffer.toml")}
    command = [sys.executable, "-m", "coffer", *words]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder, env=environment
    )
    try:
        lines = [process.stdout.readline().strip() for _ in range(2)]
        yield {line.rpartition(": ")[0]: line.rpartition(": ")[2] for line in lines}
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)
        assert (process.returncode, out) == (0, "")
        for line in err.splitlines():
            assert json.loads(line)["command"] == words[0]
    finally:
        process.kill()
        process.wait()


def asked(address, **body):
    try:
        with urllib.request.urlopen(address, **body, timeout=10) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code


def names_in(text):
    return {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE ")}


def test_a_witness_counts_its_logs_and_answers(tmp_path):
    key = World.make(tmp_path).vault.pins.log_key.format()
    make_witness(tmp_path / "w", Disk(), "w.example/one", [key])
    text = '[witness]\nfolder = "w"\nlisten = "127.0.0.1:0"\nmetrics = "127.0.0.1:0"\n'
    with service(tmp_path, text, "witness", "serve") as addresses:
        assert asked(f"{addresses['']}/add-checkpoint", data=b"no checkpoint") == 400
        figures = asked(f"{addresses['metrics']}/metrics")
        assert asked(f"{addresses['']}/metrics") == 404
    assert 'coffer_answers_total{listener="service",code="400"} 1' in figures
    assert "\ncoffer_witness_logs 1\n" in figures
    given = figures_of_code()
    assert names_in(figures) == {figure.name for figure in (*given["every"], *given["witness"])}


def test_a_window_gives_its_figures_beside_its_pages_and_not_on_them(tmp_path):
    World.make(tmp_path)
    text = '[serve]\nvault = "vault"\nwindow = "127.0.0.1:0"\nmetrics = "127.0.0.1:0"\n'
    with service(tmp_path, text, "serve") as addresses:
        asked(f"{addresses['window']}/checkpoint")
        figures = asked(f"{addresses['metrics']}/metrics")
        assert asked(f"{addresses['window']}/metrics") == 404
    assert 'coffer_answers_total{listener="window",code="200"} 1' in figures
    assert "\ncoffer_window_is_damaged 0\n" in figures
    assert "coffer_log_size" in names_in(figures)
