"""Whatever is sent to a served custodian: no crash, no leak, no other answer than those of docs/formats/custodian.md, and bounded memory."""

import itertools
import os
import random
import re
import resource
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
import schemathesis
from forging import Desk
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from coffer.custodian.machine.server import make_app
from coffer.custody.exchange import CONSTANT_REFUSAL, format_frame, parse_frame, request_info
from coffer.notes.keys import seal
from elsewhere import Elsewhere
from world import cheap_passphrases

MOST_MIB = 256
AT_ONCE = 24


class Nothing:
    """A custodian without a log: what HTTP does is the same."""

    def answer(self, sealed):
        del sealed
        return CONSTANT_REFUSAL

    def cosign(self, checkpoint):
        del checkpoint
        return b""

    def waiting(self):
        return b""

    def standing(self, sealed):
        del sealed
        return CONSTANT_REFUSAL

    def take_note(self, sealed):
        del sealed

    def take_order(self, sealed):
        del sealed

    def take_hold(self, sealed):
        del sealed

    def take_explanation(self, sealed):
        del sealed

    def take_headers(self, raw):
        del raw

    def mirror_file(self, name):
        return b"x" if name == "checkpoint" else None

    def gauges(self):
        return {"log_size": 1, "waiting_entries": 0, "is_frozen": 0, "is_behind": 0, "unacknowledged_changes": 0}


schema = schemathesis.openapi.from_asgi("/openapi.json", make_app(Nothing(), Nothing()))


@schema.parametrize()
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_one_that_the_description_names(case):
    # Any bytes are a body by the description; whether they are a frame is for the answer to say.
    case.call_and_validate(excluded_checks=[positive_data_acceptance, negative_data_rejection])


class Clients:
    """A client for each thread, as strangers have. One for all would close connections that it gave to another thread (httpcore issue 1110)."""

    def __init__(self, url):
        self._url, self._local, self._all = url, threading.local(), ExitStack()

    def __enter__(self):
        return self

    def __exit__(self, *raised):
        self._all.close()

    def own(self):
        if not hasattr(self._local, "client"):
            self._local.client = self._all.enter_context(httpx.Client(base_url=self._url, verify=False, timeout=60))
        return self._local.client


def bad_requests(desk, cell, intent, count, seed):
    """Sealed requests changed in one of many ways, and bytes that were never sealed."""
    rng = random.Random(seed)
    request = desk.labels(intent, cell)
    raw, sealed = request.raw, desk.sealed(request)
    roster = desk.world.state().roster
    member = roster.custodian("judge")
    info = request_info(roster.hash, member.index)
    for _ in range(count):
        match rng.randrange(5):
            case 0:
                yield os.urandom(rng.randrange(3000))
            case 1:
                at = rng.randrange(len(sealed))
                yield sealed[:at] + bytes([sealed[at] ^ rng.randrange(1, 256)]) + sealed[at + 1 :]
            case 2:
                at = rng.randrange(len(raw))
                yield seal(raw[:at] + bytes([raw[at] ^ rng.randrange(1, 256)]) + raw[at + 1 :], member.req, info=info)
            case 3:
                yield seal(raw[: rng.randrange(len(raw))], member.req, info=info)
            case _:
                at = rng.randrange(len(raw))
                yield seal(raw[:at] + os.urandom(rng.randrange(1, 200)) + raw[at:], member.req, info=info)


def test_bad_sealed_requests_get_the_constant_refusal_within_bounded_memory(tmp_path):
    """Over the network, where a stranger gets 50 turns a second; the twin below asks a hundred times as often."""
    count = 1_000
    cheap_passphrases()
    world = Elsewhere.make_elsewhere(tmp_path).with_records()
    desk = Desk(world, world.note_of_today())
    intent, cell = desk.intent(), desk.cell_of_first()
    with world.serving("judge") as judge, Clients(judge.url) as clients:
        client = clients.own()
        good = format_frame(desk.sealed(desk.labels(intent, cell)))
        assert parse_frame(client.post("/v1/answer", content=good).content, "reply") != CONSTANT_REFUSAL

        def ask(bad):
            reply = clients.own().post("/v1/answer", content=format_frame(bad))
            return reply.status_code, parse_frame(reply.content, "reply")

        requests = bad_requests(desk, cell, intent, count, seed=count)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for _ in range(count // 500):
                found = set(pool.map(ask, itertools.islice(requests, 500)))
                assert found == {(200, CONSTANT_REFUSAL)}
        assert parse_frame(client.post("/v1/answer", content=good).content, "reply") != CONSTANT_REFUSAL
        assert judge.memory_mib() < MOST_MIB
        assert judge.stop() == 0
    record = (world.machines["judge"] / "audit.log").read_text()
    lines = record.splitlines()
    assert sum(" step " in line for line in lines) + sum(map(int, re.findall(r"after (\d+) more", record))) <= count
    assert len(lines) < count, "a stranger does not fill the disk line by line"
    assert "33612345678" not in record


@pytest.mark.slow
def test_a_hundred_thousand_bad_sealed_requests_hold_nothing(tmp_path):
    """The same requests without the turns that strangers wait for: 24 threads ask the custodian itself, and nothing of them stays."""
    count, most_growth_mib = 100_000, 32
    cheap_passphrases()
    world = Elsewhere.make_elsewhere(tmp_path).with_records()
    desk = Desk(world, world.note_of_today())
    intent, cell = desk.intent(), desk.cell_of_first()
    service = world.custodian("judge")
    good = desk.sealed(desk.labels(intent, cell))
    assert service.answer(good) != CONSTANT_REFUSAL
    requests = bad_requests(desk, cell, intent, count, seed=count)

    def ask(number):
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for _ in range(number // 500):
                assert set(pool.map(service.answer, itertools.islice(requests, 500))) == {CONSTANT_REFUSAL}

    ask(5_000)
    before = resident_mib()
    ask(count - 5_000)
    assert resident_mib() - before < most_growth_mib
    assert service.answer(good) != CONSTANT_REFUSAL


def resident_mib():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20
