"""Three custodians' services under abuse by strangers, while openings go on.

    python bench/abuse.py --minutes 60 -o /tmp/abuse

Starts the services as processes of their own, on loopback, in a temporary folder, and ends exactly those. Quiet and
abuse take turns, so that openings are compared with openings of the same hour on the same log. Writes abuse.json (every
sample and every opening), abuse.svg and abuse.png. The attacks are in attackers.py.
"""

import argparse
import datetime as dt
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent.parent / part) for part in ("tests", "tests/attacks", "bench")]

from coffer.custody.client import HttpCustodian
from elsewhere import Elsewhere, Process

SAMPLED_EVERY_S = 2.0
OPENED_EVERY_S = 3.0
SETTLING_S = 12.0
"""Openings within this time after a change between quiet and abuse count for neither."""
DESCRIPTORS = 1_024
"""The usual soft limit of open files. The services raise theirs as far as the hard limit allows."""


@dataclass
class Service:
    """A service, and the file of its stderr."""

    process: Process
    journal: Path

    def sample(self) -> dict[str, float]:
        pid = self.process.process.pid
        status = Path(f"/proc/{pid}/status").read_text()
        written = Path(f"/proc/{pid}/io").read_text().split("write_bytes: ")[1].split()[0]
        stat = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
        audit = self.process.folder / "audit.log"
        return {
            "descriptors": len(os.listdir(f"/proc/{pid}/fd")),
            "threads": int(status.split("Threads:")[1].split()[0]),
            "memory_mib": int(status.split("VmRSS:")[1].split()[0]) / 1024,
            "cpu_s": (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK"),
            "written_mib": int(written) / 2**20,
            "journal_bytes": self.journal.stat().st_size,
            "audit_bytes": audit.stat().st_size if audit.exists() else 0,
        }


@contextmanager
def serving(world: Elsewhere, name: str) -> Iterator[Service]:
    """A service, started as operators start it, with its journal in a file."""
    journal = world.path / f"{name}.journal"
    words = ["custodian", "serve", str(world.machines[name]), "--listen", "127.0.0.1:0", "--epoch-ahead", "1"]
    limited = ["prlimit", f"--nofile={DESCRIPTORS}", sys.executable, "-m", "coffer.cli.main", *words]
    with journal.open("wb") as stderr:
        process = subprocess.Popen(
            [*limited, "--passphrase-file", str(world.path / "passphrase")],
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
    try:
        url = process.stdout.readline().strip()
        assert url.startswith("https://127.0.0.1:"), journal.read_text()
        yield Service(Process(name=name, folder=world.machines[name], url=url, process=process), journal)
    finally:
        process.terminate()
        try:
            process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate(timeout=20)


class Timed:
    """A custodian whose cosignatures and answers are timed."""

    def __init__(self, client: HttpCustodian) -> None:
        self.name, self._client, self.took_s = client.name, client, 0.0

    def cosign(self, checkpoint: bytes) -> bytes:
        return self._timed(self._client.cosign, checkpoint)

    def answer(self, sealed: bytes) -> bytes:
        return self._timed(self._client.answer, sealed)

    def _timed(self, ask: Callable[[bytes], bytes], raw: bytes) -> bytes:
        started = time.perf_counter()
        try:
            return ask(raw)
        finally:
            self.took_s += time.perf_counter() - started


class Abuse:
    """A world of three services, its attackers, and the measurements."""

    def __init__(self, world: Elsewhere, services: dict[str, Service], attackers: subprocess.Popen) -> None:
        self.world, self.services, self.attackers = world, services, attackers
        self.day = world.today  # a long run may pass midnight
        self.started = time.monotonic()
        self.phase, self.phase_since = "quiet", self.started
        self.samples: list[dict] = []
        self.openings: list[dict] = []
        self._stopping = threading.Event()

    def now_s(self) -> float:
        return round(time.monotonic() - self.started, 2)

    def turn(self, phase: str) -> None:
        self.attackers.stdin.write("pause\n" if phase == "quiet" else "go\n")
        self.attackers.stdin.flush()
        self.phase, self.phase_since = phase, time.monotonic()

    def keep_sampling(self) -> None:
        while not self._stopping.wait(SAMPLED_EVERY_S):
            for name, service in self.services.items():
                self.samples.append({"at_s": self.now_s(), "phase": self.phase, "service": name} | service.sample())

    def open(self) -> None:
        """One opening, made as the desk makes it, with connections of its own."""
        world = self.world
        world.now = dt.datetime.now(dt.UTC).replace(microsecond=0)
        is_settled, phase = time.monotonic() - self.phase_since >= SETTLING_S, self.phase
        note = world.authorize(by=world.names, days=[(self.day, self.day)], max_records=10)
        clients = [service.process.client(deadline_s=20) for service in self.services.values()]
        timed = [Timed(client) for client in clients]
        started, conduct = time.perf_counter(), {}
        try:
            conduct = dict(world.open(note, timed).custodians)
        except Exception as error:  # noqa: BLE001 - count it and go on
            conduct = {"error": type(error).__name__}
        took = time.perf_counter() - started
        for client in clients:
            client.close()
        self.openings.append(
            {
                "at_s": self.now_s(),
                "phase": phase,
                "is_settled": is_settled and phase == self.phase,
                "took_s": round(took, 4),
                "slowest_custodian_s": round(max(item.took_s for item in timed), 4),
                "custodians": conduct,
            }
        )

    def open_until(self, until: float) -> None:
        while (left := until - time.monotonic()) > 0:
            began = time.monotonic()
            self.open()
            time.sleep(max(0.0, min(left, OPENED_EVERY_S - (time.monotonic() - began))))

    def run(self, phases: list[tuple[str, float]], on_phase: Callable[["Abuse"], None]) -> dict:
        sampling = threading.Thread(target=self.keep_sampling, daemon=True)
        sampling.start()
        for phase, seconds in phases:
            self.turn(phase)
            self.open_until(time.monotonic() + seconds)
            on_phase(self)
        self._stopping.set()
        sampling.join(10)
        done, _ = self.attackers.communicate(timeout=60)
        return self.result(json.loads(done))

    def cores(self, phase: str) -> float:
        """The share of a core that a service used in this phase, on average."""
        used = passed = 0.0
        for name in self.services:
            own = [sample for sample in self.samples if sample["service"] == name]
            for before, after in zip(own, own[1:], strict=False):
                if before["phase"] == after["phase"] == phase:
                    used += after["cpu_s"] - before["cpu_s"]
                    passed += after["at_s"] - before["at_s"]
        return round(used / max(passed, 0.1), 3)

    def result(self, done: dict[str, int]) -> dict:
        took = {
            phase: [
                item["slowest_custodian_s"] for item in self.openings if item["phase"] == phase and item["is_settled"]
            ]
            for phase in ("quiet", "abuse")
        }
        medians = {phase: statistics.median(times) if times else None for phase, times in took.items()}
        nineties = {phase: statistics.quantiles(times, n=10)[-1] for phase, times in took.items() if len(times) > 1}
        minutes = self.now_s() / 60
        most = {
            key: round(max(sample[key] for sample in self.samples), 1)
            for key in self.samples[0]
            if key not in ("at_s", "phase", "service")
        }
        return {
            "minutes": round(minutes, 2),
            "openings": len(self.openings),
            "openings_that_failed": [item for item in self.openings if "error" in item["custodians"]],
            "answers_missing": sum("no answer" in item["custodians"].values() for item in self.openings),
            "seconds_median": medians,
            "seconds_nine_of_ten": nineties,
            "most": most,
            "journal_bytes_a_minute": round(most["journal_bytes"] / minutes, 1),
            "cores_of_one_service": {phase: self.cores(phase) for phase in ("quiet", "abuse")},
            "attacks": done,
            "journals": {name: service.journal.read_text()[-2_000:] for name, service in self.services.items()},
        }


def phases_of(minutes: float) -> list[tuple[str, float]]:
    """The phases of a run: quiet first and last, and a quiet minute after every four of abuse.

    A third of a short run is quiet.
    """
    if minutes < 6:
        return [("quiet", minutes * 15), ("abuse", minutes * 40), ("quiet", minutes * 5)]
    rounds = max(1, round(minutes / 5))
    return [("quiet", 60.0), *[("abuse", 240.0), ("quiet", 60.0)] * rounds]


def run_abuse(
    folder: Path,
    phases: list[tuple[str, float]],
    *,
    seed: int = 1,
    on_phase: Callable[[Abuse], None] = lambda _abuse: None,
) -> tuple[dict, Abuse]:
    """Run all phases in ``folder``. ``on_phase``: called with the measurements after each phase."""
    world = Elsewhere.make_elsewhere(folder).with_records()
    roster = world.state().roster
    with ExitStack() as stack:
        services = {name: stack.enter_context(serving(world, name)) for name in world.names}
        bundle = next((world.machines["judge"] / "mirror" / "tile" / "entries").rglob("*.p")).iterdir()
        members = {name: roster.custodian(name) for name in world.names}
        plan = {
            "seed": seed,
            "tile": f"/log/tile/entries/000.p/{max(bundle).name}",
            "services": [
                {
                    "port": service.process.port,
                    "req": members[name].req.hex(),
                    "index": members[name].index,
                    "roster": roster.hash.hex(),
                }
                for name, service in services.items()
            ],
        }
        path = folder / "plan.json"
        path.write_text(json.dumps(plan))
        attackers = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("attackers.py")), str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        abuse = Abuse(world, services, attackers)
        try:
            return abuse.run(phases, on_phase), abuse
        finally:
            if attackers.poll() is None:
                attackers.kill()
                attackers.communicate(timeout=10)


def draw(abuse: Abuse, folder: Path) -> None:
    """Draw latency of openings, descriptors, memory, disk and journal over time; abuse is shaded."""
    import altair as alt
    import vl_convert

    minutes = [item | {"minute": item["at_s"] / 60} for item in abuse.openings]
    points = alt.Chart(alt.InlineData(values=minutes)).mark_point(size=14, filled=True, opacity=0.7)
    phases = alt.Color("phase:N", scale=alt.Scale(domain=["quiet", "abuse"], range=["#2b7a3f", "#b3402e"]))
    x = alt.X("minute:Q", title="minutes", axis=alt.Axis(tickMinStep=1))
    size = {"width": 720, "height": 130}
    panels = [
        points.encode(
            x=x,
            y=alt.Y("slowest_custodian_s:Q", title="slowest custodian, s", scale=alt.Scale(type="log")),
            color=phases,
        ).properties(**size)
    ]
    step = max(1, len(abuse.samples) // 3_000)
    samples = [item | {"minute": item["at_s"] / 60} for item in abuse.samples[::step]]
    data = alt.InlineData(values=samples)
    for key, title in (
        ("descriptors", "descriptors"),
        ("memory_mib", "memory, MiB"),
        ("written_mib", "written to disk, MiB"),
        ("journal_bytes", "journal, bytes"),
        ("audit_bytes", "audit.log, bytes"),
    ):
        line = alt.Chart(data).mark_point(size=4, filled=True, opacity=0.7)
        panels.append(line.encode(x=x, y=alt.Y(f"{key}:Q", title=title), color=phases).properties(**size))
    document = alt.vconcat(*panels).to_dict()
    (folder / "abuse.svg").write_text(vl_convert.vegalite_to_svg(document, allowed_base_urls=[]))
    (folder / "abuse.png").write_bytes(vl_convert.vegalite_to_png(document, scale=1.5, allowed_base_urls=[]))


def keep(abuse: Abuse, result: dict, folder: Path) -> None:
    """Write and draw the measurements so far."""
    whole = result | {"samples": abuse.samples, "each_opening": abuse.openings}
    (folder / "abuse.json").write_text(json.dumps(whole, indent=1))
    draw(abuse, folder)


def stop(number: int, _frame: object) -> None:
    """End in order, so that services and attackers end too."""
    sys.exit(f"ended by signal {number}")


def main() -> None:
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        result, abuse = run_abuse(
            Path(folder),
            phases_of(options.minutes),
            seed=options.seed,
            on_phase=lambda now: keep(now, now.result({}), options.output),  # a run that is cut short keeps its results
        )
        keep(abuse, result, options.output)
    print(json.dumps({key: value for key, value in result.items() if key != "journals"}, indent=1))


if __name__ == "__main__":
    main()
