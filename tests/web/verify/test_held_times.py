"""Entries about holds that break a rule, in a browser: they shut out nothing that coffer-audit lets in."""

import datetime as dt

from forging import log_entries

from coffer.ledger.entries import ReleaseEntry
from coffer.procedures.holding import release_hold
from holds import begun, founded
from web.verify.browser import needs_node, run_cases
from web.verify.compared import audited_log


@needs_node
def test_release_without_effect_that_is_dated_ahead_hides_no_opening(tmp_path):
    world = founded(tmp_path)
    hold = begun(world)
    release_hold(world.vault, hold.note.raw)
    again = ReleaseEntry(hold=next(iter(world.state().holds)))
    ahead = world.now + dt.timedelta(days=300)
    log_entries(world, again, key=world.vault.operator_key("desk"), time=ahead)  # H4: it was released before
    world.open(world.authorize())
    pins = {"log": world.vault.pins.log_key.format(), "genesis": world.vault.pins.genesis.hex()}
    (here,) = run_cases([{"kind": "log", "path": str(world.vault.path / "log"), "pins": pins}], tmp_path)
    there = audited_log(world.vault.path, pins)
    assert here["clean"] == there["clean"] is True
    assert here["warnings"] == [one for one in there["warnings"] if one[0] != "H4"]
