"""What a command costs, and where the figures are kept. Used by the other files of this folder."""

import json
import os
import platform
import statistics
import subprocess
import sys
import threading
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
PAGE = os.sysconf("SC_PAGE_SIZE")
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
ENVIRONMENT |= {"COFFER_PASSPHRASE": "bench"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Seconds on the clock and of the processor, and the peak of resident memory of the processes in MiB."""

    seconds: float
    processor_s: float
    peak_mib: float


def measure(command: list[str]) -> tuple[Cost, str]:
    """Run a command, and return what it cost with all its children, and its stdout."""
    started, peak, done = perf_counter(), 0, threading.Event()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.05):
            peak = max(peak, resident_bytes(process.pid))

    before = os.times()
    watcher = threading.Thread(target=watch)
    watcher.start()
    out, err = process.communicate()
    seconds, after = perf_counter() - started, os.times()
    done.set()
    watcher.join()
    if process.returncode:
        sys.exit(f"{' '.join(command)[:200]}: exit code {process.returncode}\n{err}")
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return Cost(seconds=seconds, processor_s=spent, peak_mib=peak / 2**20), out


def resident_bytes(pid: int) -> int:
    """The resident bytes of a process and all its descendants."""
    try:
        own = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return own + sum(resident_bytes(int(child)) for child in children)


def median(costs: Iterable[Cost]) -> Cost:
    """The median of each figure."""
    rows = [asdict(cost) for cost in costs]
    return Cost(**{name: statistics.median(row[name] for row in rows) for name in rows[0]})


def ratio(ours: Iterable[Cost], theirs: Iterable[Cost], name: str = "seconds") -> float:
    """How many times as much a peer took: the median of the rounds, each of them paired."""
    pairs = zip(ours, theirs, strict=True)
    return round(statistics.median(getattr(peer, name) / getattr(own, name) for own, peer in pairs), 3)


def rounded(cost: Cost) -> dict[str, float]:
    """A cost as it is kept."""
    return {
        "seconds": round(cost.seconds, 4),
        "processor_s": round(cost.processor_s, 4),
        "peak_mib": round(cost.peak_mib),
    }


def keep(section: str, value: object, path: Path = RESULTS) -> None:
    """Keep figures in a file, in the place of the section's older ones, with the machine they are of."""
    results = json.loads(path.read_text()) if path.exists() else {}
    machine = {"processor": processor(), "cores": os.cpu_count()}
    path.write_text(json.dumps(results | {"machine": machine, section: value}, indent=1) + "\n")


def kept(section: str, path: Path = RESULTS) -> dict[str, object]:
    """The figures of a section; empty if there are none."""
    results = json.loads(path.read_text()) if path.exists() else {}
    return results.get(section, {})


def verify_peers(python: str, modules: Iterable[str]) -> None:
    """Stop now if the peers' interpreter lacks one of them."""
    for module in modules:
        if subprocess.run([python, "-c", f"import {module}"], capture_output=True).returncode:
            sys.exit(f"{python}: no {module} there. make peers makes an environment with it: build/peers/bin/python")


def processor() -> str:
    """The processor's name, if the system tells it."""
    names = [text for text in Path("/proc/cpuinfo").read_text().splitlines() if text.startswith("model name")]
    return names[0].partition(": ")[2] if names else platform.machine()
