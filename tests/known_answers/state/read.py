import coffer_audit.validity.state
from coffer import wire
from coffer.ledger.facts import Valid
from coffer.ledger.snapshot import format_snapshot, parse_snapshot
from coffer.ledger.state import State
from known_answers.folder import VECTORS
from known_answers.vector import load, runner


@runner("emergencies", "origin genesis verdict entry")
@runner("holds", "origin genesis verdict entry")
@runner("state", "origin genesis verdict entry")
def run_state(vector, _):
    entries = [
        load(VECTORS / item[1:]).body if item.startswith("@") else wire.parse_base64(item, "entry")
        for item in vector.many("entry", str)
    ]
    verdicts, genesis = vector.many("verdict", str), vector.bytes("genesis")
    assert vector.expect == ("ok" if set(verdicts) == {"ok"} else "state")
    state = State.empty(origin=vector.word("origin"), genesis=genesis)
    found = ["ok" if isinstance(verdict, Valid) else verdict.rule for verdict in state.apply_all(entries)]
    assert found == verdicts, "coffer"
    for cut in range(len(entries) + 1):
        kept = State.empty(origin=vector.word("origin"), genesis=genesis)
        kept.apply_all(entries[:cut])
        raw = format_snapshot(kept)
        again = parse_snapshot(raw, "snapshot")
        assert (again, format_snapshot(again)) == (kept, raw)
        again.apply_all(entries[cut:])
        assert again == state, f"the state kept after {cut} entries goes on otherwise"
    audited = coffer_audit.validity.state.replay(vector.word("origin"), genesis.hex(), enumerate(entries))
    invalid = {index: code for index, code, _ in audited.invalid}
    assert [invalid.get(index, "ok") for index in range(len(entries))] == verdicts, "coffer_audit"
    assert audited.ingests.superseded() == {seg_id.hex() for seg_id in state.superseded}
    assert audited.withdrawn == {batch.hex(): at for batch, at in state.withdrawn.items()}
    rosters = {seg_id.hex(): segment.roster.hash.hex() for seg_id, segment in state.segments.items()}
    assert rosters == {seg_id: segment.roster.hash for seg_id, segment in audited.segments.items()}
    ours = {at: (debt.ratified, debt.status(state.newest).value, debt.paid) for at, debt in state.debts.items()}
    debts = audited.debts.all.items()
    assert ours == {at: (debt.ratified, debt.status(audited.newest), debt.paid) for at, debt in debts}
