"""Who gets a place and a turn, counted with a clock of its own."""

import math

import pytest

from coffer.serving.crowd import (
    BYTES_OF_ONE,
    KNOWN_FOR_S,
    MAX_ADDRESSES,
    NEW_OF_ONE,
    NEW_OF_STRANGERS,
    NOT_DELAYED,
    PLACES_KEPT,
    PLACES_OF_ONE,
    REQUESTS_OF_ONE,
    SETTLED_AFTER_S,
    Crowd,
    address_of,
)

LARGE = 8 * 2**20


class Timer:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def timer():
    return Timer()


def address(n):
    return f"10.{n // 65536}.{n // 256 % 256}.{n % 256}"


def filled(timer, places, **how):
    """A crowd whose places are all taken, each by another address, long ago."""
    crowd = Crowd(timer, places=places, **how)
    held = [crowd.enter((address(n), 1)) for n in range(places)]
    timer.now += 2 * SETTLED_AFTER_S
    return crowd, held


def test_one_address_gets_its_share_of_places_and_others_get_in(timer):
    crowd = Crowd(timer)
    mine = [crowd.enter(("10.0.0.1", port)) for port in range(PLACES_OF_ONE + 5)]
    assert [place is None for place in mine] == [False] * PLACES_OF_ONE + [True] * 5
    assert crowd.turned_away == {"connections: too many of one address": 5}
    assert crowd.enter(("10.0.0.2", 1)) is not None
    crowd.leave(mine[0])
    crowd.leave(mine[0])
    assert crowd.enter(("10.0.0.1", 999)) is not None, "what left makes room, once"
    assert crowd.enter(("10.0.0.1", 1000)) is None


def test_networks_of_ipv6_count_as_one_address_and_clothed_ipv4_as_ipv4():
    assert address_of("2001:db8::1") == address_of("2001:db8::ffff:1") != address_of("2001:db8:0:1::1")
    assert address_of("::ffff:10.0.0.1") == "10.0.0.1"
    assert address_of("fe80::1%eth0") == "fe80::/64"
    assert address_of("::1") == "::1"
    assert address_of("testclient") == "testclient"


def test_connecting_again_and_again_is_bounded_per_address_and_in_all(timer):
    crowd = Crowd(timer)
    for port in range(int(NEW_OF_ONE.burst)):
        crowd.leave(crowd.enter(("10.0.0.1", port)))
    assert crowd.enter(("10.0.0.1", 1)) is None
    timer.now += 1.01 / NEW_OF_ONE.per_s
    assert crowd.enter(("10.0.0.1", 1)) is not None
    others = 0
    for n in range(2_000):
        place = crowd.enter((address(n + 256), 1))
        if place is not None:
            crowd.leave(place)
            others += 1
    assert others == pytest.approx(NEW_OF_STRANGERS.burst - NEW_OF_ONE.burst, abs=6)


def test_newcomer_takes_the_place_of_the_oldest_silent_stranger_and_not_of_one_who_is_answered(timer):
    crowd, held = filled(timer, 8)
    cut = []
    for number, place in enumerate(held):
        place.cut_by(lambda number=number: cut.append(number))
    held[0].is_busy = held[1].has_proven = True
    assert crowd.enter(("10.9.9.9", 1)) is not None
    assert cut == [2]
    assert len(crowd) == 8


def test_fresh_connections_are_not_cut_for_each_other(timer):
    crowd = Crowd(timer, places=8)
    for n in range(8):
        crowd.enter((address(n), 1))
    assert crowd.enter(("10.9.9.9", 1)) is None
    timer.now += 2 * SETTLED_AFTER_S
    assert crowd.enter(("10.9.9.9", 1)) is not None, "twin: they had their time"


def test_whoever_holds_most_places_loses_one_at_once(timer):
    crowd = Crowd(timer, places=8)
    for port in range(7):
        crowd.enter(("10.0.0.1", port))
    crowd.enter(("10.0.0.2", 1))
    assert crowd.enter(("10.0.0.3", 1)) is not None


def test_address_that_proved_something_gets_in_when_everyone_else_is_busy(timer):
    crowd, held = filled(timer, 8)
    for place in held:
        place.is_busy = True
    assert crowd.enter(("10.9.9.9", 1)) is None
    crowd.prove(("10.9.9.9", 1), 0)
    places = []
    for port in range(PLACES_KEPT + 1):
        places.append(crowd.enter(("10.9.9.9", port)))
        if places[-1] is not None:
            places[-1].is_busy = True
    assert [place is None for place in places] == [False] * PLACES_KEPT + [True]
    timer.now += KNOWN_FOR_S
    crowd.leave(places[0])
    assert crowd.enter(("10.9.9.9", 1)) is None, "it is forgotten after an hour"


def test_requests_of_one_address_wait_and_at_last_are_cut_and_others_do_not_wait(timer):
    crowd = Crowd(timer)
    mine, other = crowd.enter(("10.0.0.1", 1)), crowd.enter(("10.0.0.2", 1))
    waits = [crowd.turn_s(mine) for _ in range(int(REQUESTS_OF_ONE.burst) + 400)]
    assert max(waits[: int(REQUESTS_OF_ONE.burst)]) == 0
    assert 0 < waits[int(REQUESTS_OF_ONE.burst) + 10] < 1
    assert waits[-1] == math.inf
    assert crowd.turn_s(other) == 0


def test_strangers_together_wait_and_who_proved_something_does_not(timer):
    crowd = Crowd(timer)
    desk = crowd.enter(("10.200.0.1", 1))
    for n in range(6):
        place = crowd.enter((address(n), 1))
        for _ in range(int(REQUESTS_OF_ONE.burst)):
            crowd.turn_s(place)
    assert [crowd.turn_s(desk) for _ in range(NOT_DELAYED)] == [0] * NOT_DELAYED, "its first ones are not delayed"
    assert crowd.turn_s(desk) > 0
    crowd.prove(desk.client, 0)
    assert crowd.turn_s(desk) == 0
    crowd.prove_nothing(desk.client)
    assert crowd.turn_s(desk) == 0, "its address is known for an hour"
    assert crowd.rank(desk.client) == 1


def test_large_bodies_that_prove_nothing_are_few_and_those_that_do_cost_nothing(timer):
    crowd = Crowd(timer)
    stranger, desk = ("10.0.0.1", 1), ("10.0.0.2", 1)
    crowd.enter(stranger)
    crowd.enter(desk)
    assert [crowd.may_send(stranger, LARGE) for _ in range(3)] == [True, True, False]
    for _ in range(100):
        assert crowd.may_send(desk, LARGE)
        crowd.prove(desk, LARGE)
    timer.now += LARGE / BYTES_OF_ONE.per_s
    assert crowd.may_send(stranger, LARGE)


def test_connection_that_proved_something_and_then_sends_junk_waits_like_others(timer):
    crowd = Crowd(timer)
    desk = ("10.0.0.2", 1)
    crowd.enter(desk)
    crowd.prove(desk, 0)
    for _ in range(40):
        crowd.prove_nothing(desk)
        allowed = crowd.may_send(desk, LARGE)
    assert not allowed


def test_behind_a_proxy_this_machine_is_many_people_and_still_bounded_in_all(timer):
    crowd = Crowd(timer, places=100, is_behind_proxy=True)
    places = [crowd.enter(("127.0.0.1", port)) for port in range(120)]
    assert sum(place is not None for place in places) == 100
    crowd.prove(("127.0.0.1", 0), 0)
    assert crowd.rank(("127.0.0.1", 50)) == 2, "what one proved behind a proxy is not another's"
    assert crowd.rank(("127.0.0.1", 0)) == 0


def test_what_is_remembered_of_addresses_is_bounded(timer):
    crowd = Crowd(timer)
    for n in range(3 * MAX_ADDRESSES):
        timer.now += 0.02
        crowd.may_send((address(n), 1), 1)
        crowd.prove((address(n), 1), 1)
    assert len(crowd._sending.held) <= MAX_ADDRESSES
    assert len(crowd._known) <= 1_024
