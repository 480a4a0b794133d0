"""A fight: machines that write one log as fast as they can, each a process, which are stopped and killed at random.

    python tests/sequencer/fighting.py MACHINE-FOLDER NAME ADDRESS     a machine, until it is killed
    fight(machines, seconds=5, cluster=None)                          the referee, in the process of a test

A machine appends to its file ``claims`` what it knows of each entry: ``done`` after it was logged, ``lost`` where
another had the turn. The referee keeps every checkpoint that it ever sees published or in the store.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from coffer.errors import CofferError, NotProven, Unavailable
from coffer.sequencer.address import parse_checkpoint_address
from coffer.sequencer.turns import Lost, Pace
from sequencer.machines import SIGNER, Machines, head_of, heads_of

HURRIED = Pace(lease_s=0.2, beat_s=0.04, look_s=0.004, patience_s=4.0)
"""A fiftieth of the real pace: 72 seconds are an hour."""


def work(folder, name, address):
    """One machine: takes turns and appends, for ever."""
    machines = Machines(Path(folder), parse_checkpoint_address(address, "fight"), pace=HURRIED)
    dice, count = random.Random(f"{name}{os.getpid()}"), 0
    own = Path(folder) / name
    own.mkdir(exist_ok=True)
    claims = os.open(own / "claims", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    sequencer = machines.machine(name)
    while True:
        try:
            with sequencer.turn(10.0):
                for _ in range(dice.randint(1, 4)):
                    entries = [f"{name}-{os.getpid()}-{count + n}".encode() for n in range(dice.randint(1, 40))]
                    count += len(entries)
                    try:
                        sequencer.append(entries, SIGNER)
                    except Lost as lost:
                        if not lost.is_in_doubt:
                            os.write(claims, b"".join(b"lost %s\n" % entry for entry in entries))
                        raise
                    os.write(claims, b"".join(b"done %s\n" % entry for entry in entries))
        except NotProven as error:
            os.write(claims, f"wrong {error.message}\n".encode())
            return
        except Unavailable as error:
            os.write(claims, f"said {type(error).__name__}\n".encode())


@dataclass
class Fight:
    """What happened. ``seen``: roots by size, of every checkpoint that was ever published or stored."""

    entries: int = 0
    seen: dict[int, set[bytes]] = field(default_factory=lambda: defaultdict(set))
    acts: Counter[str] = field(default_factory=Counter)
    claims: Counter[str] = field(default_factory=Counter)


def fight(machines, *, seconds, names=("one", "other"), cluster=None, seed=1):
    """Let machines fight for so long, then let one of them go on alone; raises AssertionError if anything is wrong."""
    machines.begin()
    referee, dice, store = Fight(), random.Random(seed), machines.store()
    processes = {name: _start(machines, name) for name in names}
    try:
        until = time.monotonic() + seconds
        wanted = {"stop", "kill"} | ({"database"} if cluster is not None else set())
        while time.monotonic() < until or not wanted <= set(referee.acts):
            _act(referee, dice, machines, processes, cluster)
            pause = time.monotonic() + dice.uniform(0.02, 0.25)
            while time.monotonic() < pause:
                _look(referee, machines, store)
        assert {name: process.poll() for name, process in processes.items()} == dict.fromkeys(names), "one gave up"
    finally:
        for process in processes.values():
            process.kill()
            process.wait()
    _verify(referee, machines, names)
    store.close()
    return referee


def _start(machines, name):
    command = [sys.executable, "-P", __file__, str(machines.folder), name, str(machines.address)]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL)


def _act(referee, dice, machines, processes, cluster):
    name = dice.choice(sorted(processes))
    acts = ["stop"] * 6 + ["kill"] * 3 + ["wait"] * 3 + (["database"] if cluster is not None else [])
    act = dice.choice(acts)
    referee.acts[act] += 1
    if act == "stop":
        processes[name].send_signal(signal.SIGSTOP)
        time.sleep(dice.choice([0.05, 0.3, 0.6]))  # shorter and longer than the lease
        processes[name].send_signal(signal.SIGCONT)
    elif act == "kill":
        processes[name].kill()
        processes[name].wait()
        processes[name] = _start(machines, name)
    elif act == "database":
        cluster.restart(dice.choice(["fast", "immediate"]), pause_s=dice.choice([0.0, 0.5]))


def _look(referee, machines, store):
    with suppress(OSError):
        head = head_of((machines.shared / "log" / "checkpoint").read_bytes())
        referee.seen[head.size].add(head.root)
    with suppress(Unavailable):
        raw = store.read().checkpoint
        if raw:
            referee.seen[head_of(raw).size].add(head_of(raw).root)
    time.sleep(0.002)


def _verify(referee, machines, names):
    """One machine goes on alone; then the log is whole, and everything that was claimed or seen is true."""
    last = machines.machine(names[0])
    with last.turn(30.0):
        last.append([b"the last"], SIGNER)
    machines.log().verify()
    entries = machines.entries()
    logged, roots = Counter(entries), heads_of(entries, referee.seen.keys())
    assert set(logged.values()) == {1}, "an entry was logged twice"
    for size, seen in referee.seen.items():
        assert seen == {roots[size]}, f"two histories at size {size}"
    for name in names:
        own = machines.machine(name)
        own.refresh()
        for line in (machines.folder / name / "claims").read_text("ascii").splitlines():
            kind, _, what = line.partition(" ")
            referee.claims[line if kind in {"said", "wrong"} else kind] += 1
            assert kind != "wrong", line
            if kind in {"done", "lost"}:
                assert logged[what.encode()] == (kind == "done"), line
    referee.entries = len(entries)


if __name__ == "__main__":
    with suppress(CofferError, KeyboardInterrupt):
        work(*sys.argv[1:])
