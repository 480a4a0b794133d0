"""Two machines, each a process, fight for one log under SIGSTOP and SIGKILL, while the database restarts."""

import pytest

from coffer.sequencer.address import parse_checkpoint_address
from sequencer.fighting import HURRIED, fight
from sequencer.machines import Machines, of_cluster


@pytest.mark.slow
def test_two_machines_that_are_stopped_and_killed_never_fork_the_log_while_postgresql_restarts(cluster, tmp_path):
    happened = fight(Machines(tmp_path, of_cluster(cluster), pace=HURRIED), seconds=4, cluster=cluster)
    assert happened.entries > 10
    assert len(happened.seen) > 2
    assert {"stop", "kill", "database"} <= set(happened.acts)


@pytest.mark.slow
def test_three_machines_on_sqlite_never_fork_the_log(tmp_path):
    address = parse_checkpoint_address(f"sqlite:{tmp_path}/checkpoints.sqlite3", "test")
    happened = fight(Machines(tmp_path, address, pace=HURRIED), seconds=2, names=("one", "other", "third"))
    assert happened.entries > 10
