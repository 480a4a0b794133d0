"""One line a minute, whatever is sent."""

import logging

import pytest

from coffer.serving.summed import MAX_COUNTED, MAX_KINDS, MAX_LINE, Summed, SummedLog


@pytest.fixture
def said():
    return []


@pytest.fixture
def summed(said):
    return Summed(said.append, timer=lambda: 0.0)


@pytest.fixture
def logger(summed):
    logger = logging.getLogger("test.summed")
    logger.propagate = False
    handler = SummedLog(summed)
    logger.addHandler(handler)
    yield logger
    logger.removeHandler(handler)


def test_a_hundred_thousand_lines_become_one_without_a_word_of_the_stranger(summed, said, logger):
    for n in range(100_000):
        logger.warning("Unsupported upgrade from +3361234%d", n)
    assert said == []
    summed.say()
    summed.say()
    assert len(said) == 1
    assert "100000" in said[0]
    assert "3361234" not in said[0]


def test_more_kinds_than_fit_a_line_are_summed_up_as_other(summed, said):
    for n in range(10 * MAX_COUNTED):
        summed.add(f"kind {n:05} " + "x" * 200, n + 1)
    summed.say()
    assert len(said[0]) <= MAX_LINE
    assert said[0].count("kind ") <= MAX_KINDS
    total = sum(range(1, 10 * MAX_COUNTED + 1))
    summed.add("one")
    summed.say()
    assert said[1] == "in the last minute: one 1"
    assert total > 0


def test_error_of_our_own_is_found_by_its_place_once_an_hour_and_says_nothing_else(summed, said, logger):
    for _ in range(2):
        try:
            raise ValueError("+33612345678")
        except ValueError:
            logger.exception("Exception in ASGI application")
        summed.say()
    assert "ValueError 1 (first at test_summed.py:" in said[0]
    assert "first at" not in said[1]
    assert "33612345678" not in "".join(said)


def test_closed_terminal_ends_nothing():
    def closed(_line):
        raise OSError

    summed = Summed(closed)
    summed.add("one")
    summed.say()


def test_what_is_left_is_said_at_the_stop(summed, said):
    summed.keep_saying(lambda: summed.add("gathered"))
    summed.stop()
    assert said == ["in the last minute: gathered 1"]
