"""An emergency that nobody verified is what a forger writes: it needs every signature (docs/formats/authorities.md)."""

import pytest
from forging import ROWS, rows_of

from coffer.authority.ordered import Urgency
from coffer.custodian.known import format_known
from coffer.errors import MalformedInput, NotProven, Refused
from world import PASSPHRASE, ordered

ALL = ("judge", "dpo", "regulator")
LIST = """format = "coffer.authorities/v1"
[[authority]]
name = "{name}"
kind = "court"
country = "FR"
channel = "registered letter"
call_back = "tel:+33123456789"
"""
VERIFIED = 'verified_by = "C. Lerk"\nverified_on = 2016-08-01\n'
RECORDS = (
    "+33612345678,+33698765432,2016-09-01 10:00:00,60\n"
    "+33698765432,+33612345678,2016-09-02 11:00:00,5\n"
    "anonymous,+33612345678,2016-09-02 12:00:00,0\n"
)


@pytest.fixture
def world(world):
    world.ingest(RECORDS)
    return world


def take(world, text, *names):
    for name in names:
        folder = world.vault.custodian(name)
        folder.write_authorities(text.encode(), folder.unlock(PASSPHRASE))


def emergency(world, *by, urgency=Urgency.EMERGENCY, **changes):
    return world.authorize(by=by, ordered=ordered(world.now, urgency=urgency), **changes)


def listed(world, name="judge"):
    return world.vault.path / "custodians" / name / "authorities"


@pytest.mark.parametrize("text", ["", LIST.format(name="Court"), LIST.format(name="Another court") + VERIFIED])
def test_emergency_of_an_authority_that_nobody_verified_is_not_opened_by_two_of_three(world, text):
    if text:
        take(world, text, *ALL)
    with pytest.raises(Refused, match="nobody called it back"):
        world.open(emergency(world, "judge", "dpo"))
    assert rows_of(world.open(emergency(world, *ALL))) == ROWS


def test_twin_of_a_verified_authority_is_opened_by_two(world):
    take(world, LIST.format(name="Court") + VERIFIED, *ALL)
    assert rows_of(world.open(emergency(world, "judge", "dpo"))) == ROWS


@pytest.mark.parametrize("urgency", [Urgency.ORDINARY, Urgency.URGENT])
def test_twin_that_is_no_emergency_needs_the_rule_alone(world, urgency):
    assert rows_of(world.open(emergency(world, "judge", "dpo", urgency=urgency))) == ROWS


def test_one_custodians_list_does_not_count_for_another(world):
    take(world, LIST.format(name="Court") + VERIFIED, "judge")
    with pytest.raises(Refused, match="nobody called it back"):
        world.open(emergency(world, "judge", "dpo"))


def test_desks_list_counts_for_no_custodian(world):
    (world.vault.path / "authorities.toml").write_text(LIST.format(name="Court") + VERIFIED)
    with pytest.raises(Refused, match="nobody called it back"):
        world.open(emergency(world, "judge", "dpo"))


@pytest.mark.parametrize("name", ["Court ", "COURT", "C\u043eurt"])
def test_name_that_only_looks_alike_is_another_authority(world, name):
    take(world, LIST.format(name="Court") + VERIFIED, *ALL)
    with pytest.raises((Refused, MalformedInput), match=r"scope|outer spaces|authority"):
        world.open(emergency(world, "judge", "dpo", authority=name))


@pytest.mark.parametrize("how", ["edited", "of another", "cut", "without its mac"])
def test_list_that_the_custodian_did_not_write_answers_nothing(world, how):
    take(world, LIST.format(name="Another") + VERIFIED, *ALL)
    raw = listed(world).read_bytes()
    dpo = listed(world, "dpo").read_bytes()
    forged = {
        "edited": raw.replace(b"Another", b"Court"),
        "of another": dpo,
        "cut": raw[:-2],
        "without its mac": raw[: raw.rfind(b"mac: ")],
    }
    listed(world).write_bytes(forged[how])
    service = world.custodian("judge")
    with pytest.raises(NotProven, match="custodian judge: list of authorities: not its own, or changed"):
        service.verify_own()
    listed(world).write_bytes(raw)
    service.verify_own()


def test_list_that_is_taken_away_verifies_nobody(world):
    take(world, LIST.format(name="Court") + VERIFIED, *ALL)
    for name in ALL:
        world.vault.custodian(name).remove_authorities()
    with pytest.raises(Refused, match="nobody called it back"):
        world.open(emergency(world, "judge", "dpo"))


def test_list_is_bound_to_its_custodian_and_key(world):
    folder = world.vault.custodian("judge")
    keys = folder.unlock(PASSPHRASE)
    take(world, LIST.format(name="Court"), "judge")
    other = world.vault.custodian("dpo").unlock(PASSPHRASE)
    context = b"test.example/vault\ncustodian judge"
    assert format_known(LIST.format(name="Court").encode(), keys.authorities, context=context) != format_known(
        LIST.format(name="Court").encode(), other.authorities, context=context
    )
