"""Let machines fight for one log under SIGSTOP and SIGKILL, while a PostgreSQL server restarts.

    python scripts/fight_sequencers.py --seconds 72 --machines 2
    python scripts/fight_sequencers.py --seconds 72 --sqlite

The pace is fifty times the real one, so that 72 seconds are an hour. It ends with 1 if anything is wrong.
"""

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "desk"))
sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from databases import Cluster, binaries

from coffer.sequencer.address import parse_checkpoint_address
from sequencer.fighting import HURRIED, fight
from sequencer.machines import Machines


def main() -> None:
    """Parse the words, fight, and print what happened."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=72)
    parser.add_argument("--machines", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sqlite", action="store_true")
    words = parser.parse_args()
    cluster = None
    if not words.sqlite:
        programs = binaries()
        if programs is None:
            sys.exit("PostgreSQL is not installed (Debian: postgresql)")
        cluster = Cluster.start(programs)
    try:
        with tempfile.TemporaryDirectory(prefix="fight-") as folder:
            address = f"sqlite:{folder}/checkpoints.sqlite3"
            if cluster is not None:
                cluster.execute("CREATE DATABASE fight")
                address = f"postgresql://desk@/fight?host={cluster.folder}"
            machines = Machines(Path(folder), parse_checkpoint_address(address, "fight"), pace=HURRIED)
            names = [f"machine{n}" for n in range(1, words.machines + 1)]
            happened = fight(machines, seconds=words.seconds, names=names, cluster=cluster, seed=words.seed)
    finally:
        if cluster is not None:
            cluster.stop()
    print(f"entries {happened.entries}, sizes seen {len(happened.seen)}, each with one root")
    print(f"done to them: {dict(happened.acts)}")
    print(f"what the machines claimed: {dict(happened.claims)}")


if __name__ == "__main__":
    main()
