"""Services as processes: their settings come from the one file, their lines are documents, their figures are asked for."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

from coffer.disk import Disk
from coffer.translog.store.witness import make_witness
from elsewhere import Elsewhere
from figured import figures_of_code
from world import World


@contextmanager
def service(folder, text, *words, lines=2):
    """A running service, and the addresses that it printed, by name; ended by SIGTERM."""
    (folder / "coffer.toml").write_text(f'format = "coffer.settings/v1"\n[log]\nformat = "json"\n{text}')
    environment = os.environ | {"COFFER_CONFIG": str(folder / "coffer.toml")}
    command = [sys.executable, "-m", "coffer", *words]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder, env=environment
    )
    try:
        shown = [process.stdout.readline().strip() for _ in range(lines)]
        yield {line.rpartition(": ")[0]: line.rpartition(": ")[2] for line in shown}
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


def test_a_custodian_gives_its_own_figures_on_its_service_and_those_of_the_process_to_its_machine(
    tmp_path, monkeypatch
):
    Elsewhere.make_elsewhere(tmp_path)
    monkeypatch.setenv("COFFER_CUSTODIAN_PASSPHRASE_FILE", str(tmp_path / "passphrase"))
    text = '[custodian]\nfolder = "machines/judge"\nlisten = "127.0.0.1:0"\nplain = true\nmetrics = "127.0.0.1:0"\n'
    with service(tmp_path, text, "custodian", "serve") as addresses:
        asked(f"{addresses['']}/v1/answer", data=b"no frame")
        own, all_of_it = asked(f"{addresses['']}/metrics"), asked(f"{addresses['metrics']}/metrics")
    given = figures_of_code()
    assert names_in(own) == {figure.name for figure in given["custodian"]}
    assert names_in(all_of_it) == {figure.name for figure in (*given["every"], *given["custodian"])}
    for text in (own, all_of_it):
        assert 'coffer_requests_total{outcome="malformed"} 1' in text


def test_window_and_desk_give_figures_beside_their_pages_and_not_on_them(tmp_path, monkeypatch):
    World.make(tmp_path)
    monkeypatch.setenv("COFFER_PASSPHRASE", "correct horse")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]  # a desk needs a fixed one
    text = f'[serve]\nvault = "vault"\nwindow = "127.0.0.1:0"\ndesk = "127.0.0.1:{port}"\nmetrics = "127.0.0.1:0"\n'
    with service(tmp_path, text, "serve", lines=3) as addresses:
        asked(f"{addresses['window']}/checkpoint")
        assert asked(f"{addresses['window']}/metrics") == 404
        until, figures = time.monotonic() + 20, ""
        while "coffer_duty_alerts{" not in figures:
            assert time.monotonic() < until
            time.sleep(0.05)
            figures = asked(f"{addresses['metrics']}/metrics")
    given = figures_of_code()
    assert names_in(figures) - {"coffer_disk_left_seconds"} == {
        figure.name for figure in (*given["every"], *given["serve"])
    } - {"coffer_disk_left_seconds"}
    assert 'coffer_answers_total{listener="window",code="200"} 1' in figures
    assert 'coffer_connections{listener="desk"} 0' in figures
    assert 'coffer_duty_alerts{code="log",urgency="now"} 0' in figures
    assert "\ncoffer_backup_timestamp_seconds 0\n" in figures
