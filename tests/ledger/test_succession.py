"""A name keeps its keys, and keys keep their name (R2): each of the three keys alone gives a newcomer away."""

from dataclasses import replace

import pytest

from coffer.errors import Refused
from coffer.notes.note import parse_note
from world import World


@pytest.mark.parametrize("taken", [("req",), ("resp",), ()], ids=lambda taken: "-".join(taken) or "none")
def test_newcomer_with_one_key_of_its_predecessor_is_refused_and_one_without_is_taken(tmp_path, taken):
    world = World.make(tmp_path)
    old = world.state().roster.custodian("regulator")
    keys = world.joins("cnctr")
    stolen = {"req": old.req, "resp": replace(old.resp, name="cnctr/resp")}
    newcomer = replace(keys, **{name: stolen[name] for name in taken})
    note = parse_note(world.propose(replaced={"regulator": newcomer}), "roster")
    for name in ("judge", "dpo", "cnctr"):
        note = note.with_signature(world.keys(name).auth)
    with world.vault.writing() as state:
        if taken:
            with pytest.raises(Refused, match=r"\(R2\)"):
                world.vault.append([note.raw], state)
        else:
            world.vault.append([note.raw], state)
            assert state.roster.custodian("cnctr") is not None
