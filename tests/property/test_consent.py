"""Rosters, absences and objections in any order, signed by anyone: custodians and auditor must take and refuse the same ones."""

import datetime as dt

from hypothesis import given, settings
from hypothesis import strategies as st

import coffer_audit.validity.state
import reference as ref
from coffer.ledger.facts import Valid
from coffer.ledger.state import State

ORIGIN = "vector.example/vault"
NAMES = ("a", "b", "c", "fr")
START = dt.datetime(2016, 9, 5, 12, tzinfo=dt.UTC)


def key(name):
    return ref.Key(name, ref.h(b"consent " + name.encode()))


KEYS = {name: (key(f"{name}/auth"), key(f"{name}/resp")) for name in (*NAMES, "d")}
INGESTER, DESK = key("ingester"), key("desk")
FR = (
    "FR 2 of a,b,c and fr",
    "FR 2 of b,a,c and fr",
    "FR 2 of a,b,c",
    "FR 3 of a,b,c,d,fr and fr,a",
    None,
)


def at(days):
    return (START + dt.timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


def roster(
    days=0,
    names=NAMES,
    base="2 of a,b,c",
    country=FR[0],
    waiting=2,
    cap=200,
    retention=30,
    numbering="9.0",
    statistics="coarse",
):
    people = [f"custodian: {n} {KEYS[n][0].vkey} {KEYS[n][1].vkey} {ref.b64(n.encode()[:1] * 1216)}" for n in names]
    rules = [f"rule: base {base}"] + [f"rule: {country}"] * bool(country)
    lines = ["coffer.roster/v3", f"origin: {ORIGIN}", f"time: {at(days)}", *people, *rules]
    lines += [f"ingester: {INGESTER.vkey}", f"requester: desk {DESK.vkey}", "quorum: 0", f"retention-days: {retention}"]
    lines += ["late-days: 1", f"waiting-days: {waiting}", f"cell-cap: {cap}", "tally: exact", f"numbering: {numbering}"]
    lines += [f"statistics: {statistics}"]
    return ("\n".join(lines) + "\n").encode()


def note(text, *signers):
    return ref.note(text, *(KEYS[name][0] for name in signers))


def entry(kind, days, *lines):
    return ("\n".join([f"coffer.{kind}/v1", f"origin: {ORIGIN}", f"time: {at(days)}", *lines]) + "\n").encode()


GENESIS = roster()
days = st.integers(0, 12)
signers = st.lists(st.sampled_from((*NAMES, "d")), min_size=1, unique=True) | st.sampled_from([("a", "b", "c"), NAMES])
rosters = st.builds(
    roster,
    days=days,
    names=st.sampled_from([NAMES, NAMES[:3], (*NAMES, "d"), ("fr", "a", "b", "c"), ("a", "b", "d", "fr")]),
    base=st.sampled_from(["2 of a,b,c", "2 of a,b,c and fr", "2 of a,b,d"]),
    country=st.sampled_from(FR),
    waiting=st.sampled_from([1, 2, 2, 3]),
    cap=st.sampled_from([200, 200, 199, 201]),
    retention=st.sampled_from([30, 30, 29, 31]),
    numbering=st.sampled_from(["9.0", "9.0", "9.1"]),
)
absences = st.builds(lambda d, who: entry("absence", d, f"custodian: {who}"), days, st.sampled_from((*NAMES, "d")))
objections = st.builds(lambda d, index: entry("objection", d, f"absence: {index}"), days, st.integers(0, 6))
steps = st.lists(
    st.builds(lambda text, who: note(text, *who), rosters | absences | absences | objections, signers), max_size=7
)


@settings(max_examples=250, deadline=None)
@given(steps)
def test_custodians_and_auditor_take_the_same_rosters_absences_and_objections(entries):
    log = [note(GENESIS, *NAMES), *entries]
    state = State.empty(origin=ORIGIN, genesis=ref.roster_hash(GENESIS))
    found = [None if isinstance(verdict, Valid) else verdict.rule for verdict in state.apply_all(log)]
    audited = coffer_audit.validity.state.replay(ORIGIN, ref.roster_hash(GENESIS).hex(), enumerate(log))
    codes = {index: code for index, code, _ in audited.invalid}
    assert found == [codes.get(index) for index in range(len(log))]
    assert state.roster.hash.hex() == audited.rosters[-1].hash
    assert {name: (item.index, item.since, item.waiting_days) for name, item in state.absences.items()} == {
        name: (item.entry, item.since, item.waiting_days) for name, item in audited.absences.items()
    }
