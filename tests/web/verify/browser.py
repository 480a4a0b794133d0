"""The browser's verification, run by node over a list of cases; node is the only part of a browser that it needs."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ASSETS = HERE.parents[2] / "src/coffer/web/window/assets/verify"
NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="node is not installed: the JavaScript of the window is not run")


def run_cases(cases, folder):
    """Give what `run.mjs` found for each case."""
    source, target = folder / "cases.json", folder / "results.json"
    source.write_text(json.dumps(cases))
    done = subprocess.run(
        [NODE, str(HERE / "run.mjs"), str(source), str(target)],
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    results = json.loads(target.read_text())
    assert len(results) == len(cases)
    crashed = [
        (case.get("path"), result["crash"]) for case, result in zip(cases, results, strict=True) if "crash" in result
    ]
    assert crashed == []
    return results
