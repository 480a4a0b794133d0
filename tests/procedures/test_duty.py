"""What the operator has to do, from vaults in which it has to be done; and what a run of ingest tells of itself."""

import datetime as dt
from dataclasses import replace

import pytest

from coffer.custody.gauges import Health, Trouble, parse_gauges
from coffer.errors import MalformedInput, NotProven, Unavailable
from coffer.ledger.entries import COARSE, IntentEntry, RatifyEntry, ReceiptEntry
from coffer.ledger.roster import Emergency
from coffer.procedures.duty.board import Code, Disk, Sight, Urgency
from coffer.procedures.duty.decide import decide_board
from coffer.procedures.duty.look import Lookout
from coffer.procedures.supersede import supersede
from coffer.vault.policy import Policy
from coffer.vault.runs import FAILED, KNOWN, LOGGED, READING, RejectedLines, Run
from public_codes import COARSE as ORDER
from world import NOW, World

LINE = "+33612345678,+33698765432,2016-09-01 10:00:00,60\n"
WRONG = "+33612345678,+33698765432,2016-13-01 10:00:00,60\n"
ROOM = Disk(total_bytes=10**12, free_bytes=9 * 10**11, segments_bytes=10**9, log_bytes=10**6)


class Watched:
    """A custodian elsewhere, as it says that it stands."""

    def __init__(self, name, gauges=None, trouble=None, line=b""):
        self.name, self.gauges, self.trouble_kind, self.line = name, gauges or {}, trouble, line
        self.certificate, self.is_closed = b"", False

    def metrics(self):
        if self.trouble_kind:
            raise Unavailable(f"custodian {self.name}: down")
        zero = dict.fromkeys(("log_size", "waiting_entries", "is_frozen", "unacknowledged_changes", "is_behind"), 0)
        text = [f"# HELP coffer_{name} x\ncoffer_{name} {value}" for name, value in (zero | self.gauges).items()]
        return ("\n".join(text) + '\ncoffer_requests_total{outcome="busy"} 3\n').encode()

    def cosign(self, checkpoint):
        return self.line

    def close(self):
        self.is_closed = True


@pytest.fixture
def world(tmp_path):
    made = World.make(tmp_path)
    made.epoch("2016-08-25", "2016-10-20")
    return made


def sight(world, **changes):
    state = world.state()
    fields = {"now": world.now, "state": state, "policy": Policy(), "runs": world.vault.runs.all()}
    fields |= {"local": world.vault.custodian_names(), "healths": (), "cosigned": {}, "aside": 0, "disk": ROOM}
    return Sight(**fields | {"log_size": state.size} | changes)


def codes(board, urgency=None):
    return [alert.code for alert in board.alerts if urgency in (None, alert.urgency)]


def test_a_vault_in_order_needs_nobody(world):
    world.ingest(LINE)
    board = decide_board(sight(world))
    assert board.alerts == ()
    assert [line.name for line in board.parties] == ["judge", "dpo", "regulator"]
    assert [line.receipts for line in board.parties] == [1, 1, 1]
    assert board.entries == world.state().size


def test_an_ingest_tells_of_itself_in_whole_1024s_and_of_rejects_exactly(world):
    world.ingest(LINE * 1_500 + WRONG * 3)
    (run,) = world.vault.runs.all()
    assert (run.stage, run.read, run.rejected) == (LOGGED, COARSE, 3)
    assert (run.kept % COARSE, run.duplicate % COARSE) == (0, 0)
    assert run.reasons == (RejectedLines(file=1, reason="bad-time", lines=3, first=1_501),)
    assert run.batch == next(iter(world.state().batches)).hex()


def test_an_ingest_of_a_known_file_and_one_that_fails_tell_so(world):
    world.ingest(LINE)
    world.ingest(LINE)
    with pytest.raises(MalformedInput, match="all lines rejected"):
        world.ingest(WRONG, name="wrong.csv")
    assert sorted(run.stage for run in world.vault.runs.all()) == sorted([LOGGED, KNOWN, FAILED])


def test_a_run_holds_no_name_no_number_and_is_bound_to_its_file(world):
    world.ingest(LINE, name="33612345678.csv")
    (path,) = (world.vault.path / "runs").iterdir()
    raw = path.read_bytes()
    assert len(raw) % 4_096 == 28  # nonce and tag: padded, so that the size tells no count
    assert b"33612345678" not in raw
    assert "33612345678" not in repr(world.vault.runs.all())
    key = world.vault.runs._key()
    assert key.unseal(raw, path.name).stage == LOGGED
    with pytest.raises(NotProven, match="was changed"):
        key.unseal(raw, "2016-09-05T120000Z-0000000000000000")
    with pytest.raises(NotProven, match="was changed"):
        key.unseal(raw[:-1] + bytes([raw[-1] ^ 1]), path.name)


def test_an_exact_number_of_records_is_no_run(world):
    run = Run(feed="calls", stage=READING, began=NOW, told=NOW, files=1, size_bytes=0, read=1_025)
    key = world.vault.runs._key()
    with pytest.raises(MalformedInput, match="not of this version"):
        key.unseal(key.seal(run, "x", world.outside.entropy), "x")
    fine = replace(run, read=1_024)
    assert key.unseal(key.seal(fine, "x", world.outside.entropy), "x") == fine


def test_a_run_that_was_killed_is_said_and_ended_by_the_next_one(world):
    runs, name = world.vault.runs, world.vault.runs.name(world.now)
    runs.write(name, Run(feed="calls", stage=READING, began=world.now, told=world.now, files=1, size_bytes=10))
    assert decide_board(sight(world)).runs[0].state == "running"
    world.now += dt.timedelta(minutes=6)
    board = decide_board(sight(world))
    assert board.runs[0].state == "cut"
    assert codes(board) == [Code.CUT_SHORT]
    world.ingest(LINE)
    assert sorted(run.stage for run in runs.all()) == sorted([FAILED, LOGGED])


def test_runs_of_more_than_a_week_ago_are_removed(world):
    world.ingest(LINE)
    world.now += dt.timedelta(days=7, seconds=1)
    world.ingest(LINE.replace("09-01 10", "09-05 11"))
    assert len(world.vault.runs.all()) == 1


def test_a_run_whose_batch_was_logged_is_logged_whatever_it_says(world):
    world.ingest(LINE)
    (run,) = world.vault.runs.all()
    assert decide_board(sight(world, runs=[replace(run, stage=FAILED)])).runs[0].state == LOGGED
    assert decide_board(sight(world, runs=[replace(run, stage=FAILED, batch="00")])).runs[0].state == FAILED


def test_many_rejected_lines_are_said_and_few_are_not(world):
    world.ingest(LINE * 1_500 + WRONG * 300)
    board = decide_board(sight(world))
    assert codes(board, Urgency.TODAY) == [Code.REJECTS]
    (feed,) = board.feeds
    assert (feed.rejected, [one.first for one in feed.reasons]) == (300, [1_501])
    few = replace(world.vault.runs.all()[0], rejected=3)
    assert codes(decide_board(sight(world, runs=[few]))) == []


def test_rejected_lines_of_a_superseded_batch_need_nobody(world):
    world.ingest(LINE * 1_500 + WRONG * 300)
    assert codes(decide_board(sight(world)), Urgency.TODAY) == [Code.REJECTS]
    supersede(world.vault, next(iter(world.state().batches)))
    board = decide_board(sight(world))
    assert codes(board, Urgency.TODAY) == []
    assert [(feed.rejected, feed.batches) for feed in board.feeds] == [(0, 0)]


def test_a_silent_feed_is_said_once_its_pauses_are_known(world):
    for hour in range(4):
        world.ingest(LINE.replace("10:00", f"1{hour}:00"), name=f"{hour}.csv")
        world.now += dt.timedelta(hours=2)
    assert codes(decide_board(sight(world))) == []
    world.now += dt.timedelta(hours=5)
    assert codes(decide_board(sight(world)), Urgency.LATER) == [Code.FEED]


def test_receipts_that_are_late_are_said_by_custodian(world):
    world.ingest(LINE)
    world.now += dt.timedelta(hours=25)
    board = decide_board(sight(world))
    assert codes(board, Urgency.TODAY) == [Code.RECEIPTS] * 3
    strict = Policy(receipts_within=dt.timedelta(hours=24))
    assert codes(decide_board(sight(world, policy=strict)), Urgency.NOW) == [Code.RECEIPTS] * 3


def test_keys_that_end_and_keys_that_should_be_gone_are_said(world):
    world.ingest(LINE)
    world.now = dt.datetime(2016, 10, 10, tzinfo=dt.UTC)
    state = world.state()
    for name in state.roster.names:
        for seg in state.segments:
            state.receipts.add(ReceiptEntry(custodian=name, segment=seg, canaries=((1, bytes(16)),)))
    assert codes(decide_board(sight(world, state=state)), Urgency.TODAY) == [Code.KEYS_END] * 3
    world.now = dt.datetime(2016, 10, 20, tzinfo=dt.UTC)
    assert codes(decide_board(sight(world, state=state)), Urgency.NOW) == [Code.KEYS_END] * 3
    world.now = dt.datetime(2017, 9, 2, tzinfo=dt.UTC)
    board = decide_board(sight(world, state=state))
    assert codes(board).count(Code.OVERDUE) == 3
    assert board.timeline.overdue["judge"] == 9


@pytest.mark.parametrize(
    ("health", "code", "urgency"),
    [
        ({"trouble": Trouble.NOBODY}, Code.SILENT, Urgency.TODAY),
        ({"trouble": Trouble.SLOW}, Code.SILENT, Urgency.TODAY),
        ({"trouble": Trouble.CERTIFICATE}, Code.CERTIFICATE, Urgency.NOW),
        ({"is_frozen": True}, Code.FROZEN, Urgency.NOW),
        ({"is_behind": True}, Code.BEHIND, Urgency.TODAY),
        ({"log_size": 10**6}, Code.LONGER_LOG, Urgency.NOW),
        ({"clock_off_s": -61}, Code.CLOCK, Urgency.TODAY),
        ({"clock_off_s": 901}, Code.CLOCK, Urgency.NOW),
        ({"waiting": 2}, Code.WAITING, Urgency.LATER),
        ({"unacknowledged": 1}, Code.UNACKNOWLEDGED, Urgency.LATER),
        ({}, None, None),
        ({"clock_off_s": 60}, None, None),
    ],
)
def test_how_a_custodian_stands_says_what_to_do(world, health, code, urgency):
    one = Health(name="judge", **health)
    board = decide_board(sight(world, healths=(one,)))
    assert [(alert.code, alert.urgency) for alert in board.alerts] == ([(code, urgency)] if code else [])


def test_without_enough_custodians_nothing_can_be_opened(world):
    world.ingest(LINE)
    down = tuple(Health(name=name, trouble=Trouble.NOBODY) for name in ("judge", "dpo"))
    up = Health(name="regulator")
    board = decide_board(sight(world, local=(), healths=(*down, up)))
    assert codes(board, Urgency.NOW) == [Code.RULE_LACKS]
    fine = decide_board(sight(world, local=(), healths=(down[0], up, Health(name="dpo"))))
    assert codes(fine, Urgency.NOW) == []


def test_an_emergency_that_is_not_ratified_is_said_until_it_is(tmp_path):
    on_call = Emergency(expression="2 of judge,dpo,regulator", ratify_hours=48)
    world = World.make(tmp_path, emergency=on_call)
    intent = IntentEntry(
        authorization=bytes(32), requester="desk", nonce=bytes(16), cells_at_most=1, rules=("base",), codes=ORDER
    )
    with world.vault.writing() as state:
        (index,) = world.vault.append([world.vault.entry(intent, world.vault.operator_key("desk"), state)], state)
    assert codes(decide_board(sight(world)), Urgency.TODAY) == [Code.EMERGENCY]
    world.now += dt.timedelta(hours=49)
    assert Code.EMERGENCY in codes(decide_board(sight(world)), Urgency.NOW)
    for name in ("judge", "dpo"):
        with world.vault.writing() as state:
            body = RatifyEntry(intent=index, authorization=bytes(32), custodian=name)
            world.vault.append([world.vault.entry(body, world.keys(name).auth, state)], state)
    assert Code.EMERGENCY not in codes(decide_board(sight(world)))


def test_a_custodian_without_an_address_is_said(world):
    assert codes(decide_board(sight(world, local=("judge", "dpo")))) == [Code.NO_ADDRESS]


def test_the_disk_fills_by_what_comes_less_what_dies(world):
    world.ingest(LINE * 1_500)
    full = replace(ROOM, free_bytes=2 * 10**9)
    board = decide_board(sight(world, disk=full))
    assert (board.disk.a_day_bytes, board.disk.days_left) == (10**9, 2)  # all of it came within a day
    assert codes(board, Urgency.NOW) == [Code.DISK]
    assert codes(decide_board(sight(world))) == []


def test_the_look_asks_each_custodian_and_says_what_the_log_lacks(world, tmp_path):
    world.ingest(LINE)
    judge = world.custodian("judge")
    checkpoint = world.vault.log.checkpoint()
    watched = [
        Watched("judge", {"log_size": 2, "waiting_entries": 1}, line=judge.cosign(checkpoint)),
        Watched("dpo", trouble=Trouble.NOBODY),
    ]
    ticks = iter(range(100))
    lookout = Lookout(world.vault, lambda: watched, lambda: next(ticks) / 10, world.vault.replay)
    board = lookout.board()
    healths = {line.name: line.health for line in board.parties}
    assert healths["judge"].clock_off_s == 0
    assert healths["judge"].took_s == pytest.approx(0.1)
    assert healths["dpo"].trouble is Trouble.NOBODY
    assert [one.is_closed for one in watched] == [True, True]
    assert board.disk.disk.segments_bytes > 0
    assert codes(board) == [Code.SILENT, Code.WAITING]
    path = world.vault.path / "log" / "checkpoint"
    path.write_bytes(path.read_bytes().replace(b"test.example", b"else.example"))
    board = lookout.board()
    assert codes(board) == [Code.LOG]
    assert board.parties == ()


@pytest.mark.parametrize(
    ("raw", "match"),
    [
        (b"", "without log_size"),
        (b"\xff", "not ASCII"),
        (b"coffer_log_size 1\ncoffer_log_size 2\n", "said twice"),
        (b"coffer_log_size 01\n", "without log_size"),
    ],
)
def test_metrics_that_are_none_are_refused(raw, match):
    with pytest.raises(MalformedInput, match=match):
        parse_gauges(raw, "custodian judge")
