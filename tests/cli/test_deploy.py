"""What is delivered to run it: units, settings, rules and dashboard, each checked by the program that reads it."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from coffer.cli.settings import FILE, TABLES, parse_file
from coffer.serving.figures import format_figures
from figured import figures_of_code, names_of_code

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").iterdir())
SERVICES = [path for path in UNITS if path.suffix == ".service"]
INSTALLED = "/usr/local/bin/coffer"
PORT = r"127\.0\.0\.1:(\d+)"


def test_units_name_the_page_of_the_project():
    """A manual page is complained of on machines that have not installed it."""
    address = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]["Documentation"]
    assert len(SERVICES) >= 8
    for path in SERVICES:
        assert re.findall("^Documentation=(.*)$", path.read_text(), re.MULTILINE) == [address], path.name


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_units_are_what_systemd_takes(tmp_path):
    for path in UNITS:
        text = path.read_text()
        assert (INSTALLED in text) == (path.suffix == ".service")
        (tmp_path / path.name).write_text(text.replace(INSTALLED, sys.executable))
    command = ["systemd-analyze", "verify", *(str(tmp_path / path.name) for path in UNITS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_every_unit_keeps_what_it_needs_not_from_its_service():
    for path in SERVICES:
        lines = path.read_text().splitlines()
        for line in ("NoNewPrivileges=yes", "ProtectSystem=strict", "ProtectHome=yes", "UMask=0077", "LimitCORE=0"):
            assert line in lines, path.name


def test_what_is_for_a_person_is_not_started_again():
    kept = [path for path in SERVICES if "Restart=on-failure" in path.read_text()]
    assert len(kept) == 4
    for path in kept:
        assert "\nRestartPreventExitStatus=2 3 4\n" in path.read_text(), path.name


def test_every_unit_is_in_the_table_of_the_page():
    page = (ROOT / "docs/operations.md").read_text("utf-8")
    named = {path.name for path in UNITS if not (path.with_suffix(".timer") in UNITS and path.suffix == ".service")}
    assert set(re.findall(r"`(coffer-[a-z-]+@?\.(?:service|timer))`", page)) == named


def test_settings_that_are_delivered_are_read_and_their_figures_are_asked_for():
    values = parse_file((DEPLOY / FILE).read_bytes(), FILE, absolute=str)
    assert {name.partition(".")[0] for name in values} == set(TABLES)
    served = {str(value) for name, value in values.items() if name.endswith(".metrics")}
    asked = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())
    targets = [target for job in asked["scrape_configs"] for one in job["static_configs"] for target in one["targets"]]
    assert len(targets) == len(served) == 4
    assert set(targets) == served
    assert asked["rule_files"] == ["alerts.yml"]
    page = (ROOT / "docs/operations.md").read_text("utf-8").split("## Services", 1)[1].split("\n\n1.", 1)[0]
    assert {f"127.0.0.1:{port}" for port in re.findall(PORT, page)} == served


with_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool here (Debian: prometheus)")


@with_promtool
def test_rules_are_what_prometheus_takes():
    for command in (["check", "rules", "alerts.yml"], ["check", "config", "prometheus.yml"]):
        done = subprocess.run(
            ["promtool", *command], cwd=DEPLOY / "prometheus", capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


@with_promtool
def test_figures_are_what_prometheus_takes():
    for name, figures in figures_of_code().items():
        done = subprocess.run(
            ["promtool", "check", "metrics"],
            input=format_figures(figures),
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stdout + done.stderr) == (0, ""), name


SERIES = """
rule_files: [RULES]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - {series: 'coffer_watch_oldest_waiting_seconds{instance="a",folder="calls"}', values: '7200x60'}
      - {series: 'coffer_watch_waiting_files{instance="a",folder="calls",why="batch"}', values: '3x60'}
      - {series: 'coffer_watch_oldest_waiting_seconds{instance="a",folder="kept"}', values: '7200x60'}
      - {series: 'coffer_watch_waiting_files{instance="a",folder="kept",why="known"}', values: '3x60'}
      - {series: 'coffer_duty_alerts{instance="b",code="disk",urgency="now"}', values: '0x60'}
      - {series: 'coffer_duty_alerts{instance="b",code="frozen",urgency="now"}', values: '0x10 1x50'}
      - {series: 'up{instance="c",job="coffer-serve"}', values: '1x10 0x50'}
      - {series: 'coffer_answers_total{job="coffer-serve",instance="c",listener="desk",code="200"}', values: '0+80x60'}
      - {series: 'coffer_answers_total{job="coffer-serve",instance="c",listener="desk",code="503"}', values: '0+20x60'}
    alert_rule_test:
"""
"""A folder whose files wait for their batch and one whose files are kept, a custodian that froze, a service that ended."""
RAISED = {
    "CofferWatchSlow": [{"instance": "a", "folder": "calls"}],
    "CofferFrozen": [{"instance": "b"}],
    "CofferUrgent": [{"instance": "b"}],
    "CofferDisk": [],
    "CofferDown": [{"instance": "c", "job": "coffer-serve"}],
    "CofferAnswersFail": [{"job": "coffer-serve", "instance": "c", "listener": "desk"}],
}


@with_promtool
def test_rules_raise_what_they_are_for_and_nothing_else(tmp_path):
    rules = DEPLOY / "prometheus/alerts.yml"
    known = {rule["alert"]: rule for group in yaml.safe_load(rules.read_text())["groups"] for rule in group["rules"]}
    wanted = [
        {
            "eval_time": "50m",
            "alertname": name,
            "exp_alerts": [
                {"exp_labels": labels | known[name]["labels"], "exp_annotations": known[name]["annotations"]}
                for labels in raised
            ],
        }
        for name, raised in RAISED.items()
    ]
    document = yaml.safe_load(SERIES.replace("RULES", str(rules)))
    document["tests"][0]["alert_rule_test"] = wanted
    (tmp_path / "test.yml").write_text(yaml.safe_dump(document))
    command = ["promtool", "test", "rules", str(tmp_path / "test.yml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_figure_of_the_code_is_found():
    names = names_of_code()
    assert len(names) > 35
    assert [name for name in names if not re.fullmatch(r"(coffer|process)_[a-z_]+", name)] == []
