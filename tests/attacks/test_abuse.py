"""Everything that strangers do, at once, to three services as real processes, while openings go on (bench/abuse.py); bounds, not times."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "bench"))

from abuse import run_abuse


@pytest.mark.slow
def test_a_minute_of_mixed_abuse_stays_within_every_bound_and_openings_succeed(tmp_path):
    found, abuse = run_abuse(tmp_path, [("quiet", 12.0), ("abuse", 55.0), ("quiet", 8.0)], seed=7)
    assert found["openings"] >= 8
    assert found["openings_that_failed"] == []
    assert {name for opening in abuse.openings for name in opening["custodians"]} == set(abuse.world.names)
    assert sum(opening["phase"] == "abuse" for opening in abuse.openings) >= 4
    most = found["most"]
    assert most["descriptors"] < 420
    assert most["memory_mib"] < 320
    assert most["threads"] < 40
    assert most["written_mib"] < 40
    # A line of the journal a minute, a line of the record a minute, and two for each opening.
    assert most["journal_bytes"] < 1_300 * (found["minutes"] + 1)
    assert most["audit_bytes"] < 300 * (found["minutes"] + 1) + 130 * (found["openings"] + 1)
    attacks = {name for name, count in found["attacks"].items() if count}
    assert {"half_open_tls", "slow_read", "upgrade", "junk_small", "junk_notes", "slow_body"} <= attacks
    assert any(name.startswith("junk_large") for name in attacks)
    for journal in found["journals"].values():
        lines = [line for line in journal.splitlines() if line]
        assert {line.startswith("coffer: in the last minute: ") for line in lines} == {True}, lines
