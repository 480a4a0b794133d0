"""``coffer watch`` as a service: its units, its figures, its lines, and how it stops."""

import datetime as dt
import json
import re
import shutil
import signal
import subprocess
import sys
import tomllib
import urllib.request
from pathlib import Path

import pytest

from world import FEED, World

UNITS = Path(__file__).parents[2] / "docs" / "systemd"
INSTALLED = "/usr/local/bin/coffer"


def test_units_name_the_page_of_the_project():
    """A manual page is complained of on machines that have not installed it."""
    address = tomllib.loads((UNITS.parents[1] / "pyproject.toml").read_text())["project"]["urls"]["Documentation"]
    units = [path.read_text() for path in UNITS.glob("*.service")]
    assert [re.findall("^Documentation=(.*)$", text, re.MULTILINE) for text in units] == [[address]] * 2


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_units_are_what_systemd_takes(tmp_path):
    names = sorted(path.name for path in UNITS.iterdir())
    assert names == ["coffer-watch-report.service", "coffer-watch-report.timer", "coffer-watch.service"]
    for name in names:
        text = (UNITS / name).read_text()
        assert (INSTALLED in text) == name.endswith("service")
        (tmp_path / name).write_text(text.replace(INSTALLED, sys.executable))
    command = ["systemd-analyze", "verify", *(str(tmp_path / name) for name in names)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_it_tells_figures_and_stops_after_the_batch_under_way(tmp_path):
    now = dt.datetime.now(dt.UTC)
    world = World.make(tmp_path, now=now)
    world.epoch(str(now.date()), str(now.date()))
    (tmp_path / "feed.toml").write_text(FEED)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "+33612345678.csv").write_text(f"+33612345678,+33698765432,{now.date()} 00:00:00,1\n")
    settings = tmp_path / "watch.toml"
    settings.write_text(
        'format = "coffer.watch/v1"\n[calls]\nfeed = "feed.toml"\npath = "in"\nsettle_seconds = 0\nafter = "delete"\n'
    )
    command = [sys.executable, "-m", "coffer", "watch", str(world.vault.path), "--settings", str(settings)]
    command += ["--json", "--metrics", "127.0.0.1:0", "--every", "0.1"]
    watching = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        events = [json.loads(watching.stdout.readline()) for _ in range(2)]
        address = re.search(r"figures at (http://\S+)", watching.stderr.readline())[1]
        with urllib.request.urlopen(address, timeout=10) as answer:
            kind, figures = answer.headers["content-type"], answer.read().decode()
        watching.send_signal(signal.SIGTERM)
        out, err = watching.communicate(timeout=30)
    finally:
        watching.kill()
        watching.wait()
    assert [event["event"] for event in events] == ["batch", "deleted"]
    assert kind.startswith("text/plain; version=0.0.4")
    assert 'coffer_watch_files_total{folder="calls"} 1' in figures.splitlines()
    assert (watching.returncode, out, err) == (0, "", "coffer: stopped\n")
    assert "33612345678" not in f"{events}{figures}{err}"
    assert not list((tmp_path / "in").iterdir())
