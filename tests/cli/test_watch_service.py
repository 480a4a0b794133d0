"""``coffer watch`` as a service: its figures, its lines, and how it stops."""

import datetime as dt
import json
import re
import signal
import subprocess
import sys
import urllib.request

from world import FEED, World


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
