"""One history of the log for each custodian, so that every one of them counts another budget. It takes a custodian that cosigns two of them."""

import datetime as dt
import os
import shutil
from itertools import chain, combinations

import pytest
from forging import Desk, Other, cosigned, rows_of

import coffer.custody.decide
from coffer.authority.authorization import parse_authorization
from coffer.authority.countersign import verify_countersigned
from coffer.custody.exchange import NO_DRAW, NO_SALT, Cell, draw_commitment
from coffer.errors import Unavailable
from coffer.ledger.cosigning import cosigners_of
from coffer.ledger.entries import DrawEntry, IntentEntry
from coffer.notes.note import MAX_CHECKPOINT_BYTES, parse_note
from coffer.procedures.opening.ask import Asking
from coffer.procedures.opening.decide import Target, find_rows, open_target, segments_of
from coffer.segments.prf import DATA_LANE, LABEL_LANE
from coffer_audit.cli import main as audit
from elsewhere import Elsewhere
from world import World

NAMES = ("judge", "dpo", "regulator")
DAYS = {"judge": (1, 2), "dpo": (1, 3), "regulator": (2, 3)}
"""Of each history the days that are drawn: four records, as granted; of all together six, each with two custodians."""
GRANTED = 4


@pytest.fixture
def granted(tmp_path):
    world = World.make(tmp_path)
    world.epoch("2016-09-01", "2016-09-03")
    world.ingest(
        "".join(f"+33612345678,+3369876543{n},2016-09-0{d} 10:00:0{n},6{n}\n" for d in (1, 2, 3) for n in (0, 1))
    )
    return world, world.authorize(max_records=GRANTED)


class Fork:
    """A history of its own that is shown to one custodian, with an intent and a draw of four records."""

    def __init__(self, world, note, name, liars):
        shutil.copytree(world.vault.path, world.path / f"fork-{name}" / "vault")
        self.world, self.name, self.liars = world.reopen_at(world.path / f"fork-{name}"), name, liars
        self.authorization = parse_authorization(note, "note")
        desk = self.world.vault.desk.read_seal_key(self.authorization.commitment)
        self.key = self.world.vault.operator_key("desk")
        state = self.world.state()
        service = self.world.custodian(name)
        self.asking = Asking(roster=state.roster, custodians=[service], note=note, seal_key=desk, key=self.key)
        self.service = service

    def log(self, body):
        with self.world.vault.writing() as state:
            return self.world.vault.append([self.world.vault.entry(body, self.key, state)], state)[0]

    def ask(self, lane, cells, **fields):
        """With every cosignature that can be had: this custodian's own, and those of custodians that cosign anything."""
        raw = self.world.vault.log.checkpoint()
        assert self.service.cosign(raw)
        keys = [self.world.keys(name) for name in sorted({self.name, *self.liars})]
        checkpoint = cosigned(raw, keys, self.world.now)
        return self.asking.ask(lane, cells, checkpoint=checkpoint, **fields)

    def run(self):
        self._nonce = os.urandom(16)
        body = IntentEntry(
            authorization=self.authorization.commitment,
            requester="desk",
            nonce=self._nonce,
            cells_at_most=4,
            codes=self.authorization.terms.codes.at("coarse"),
        )
        intent = self.log(body)
        state, vault = self.world.state(), self.world.vault
        subjects = self.authorization.terms.subjects
        self.targets = []
        for segment, line in segments_of(self.authorization, state, before=intent, now=self.world.now):
            header = vault.segments.read_header(segment.line.day, segment.line.seg_id)
            self.targets.append(Target(segment=segment, header=header, line=line, subject=subjects[line - 1]))
        labels = self.ask(LABEL_LANE, {t.window(0): t for t in self.targets}, intent=intent, draw=NO_DRAW, salt=NO_SALT)
        wanted = [t for t in self.targets if t.segment.line.day.day in DAYS[self.name]]
        cells = {Cell(seg_id=t.segment.line.seg_id, line=1, rank_from=0, rank_count=2): t for t in wanted}
        salt = os.urandom(32)
        draw = self.log(DrawEntry(intent=intent, table=draw_commitment(salt, tuple(sorted(cells))), records=GRANTED))
        self.labels, self.data = labels, self.ask(DATA_LANE, cells, intent=intent, draw=draw, salt=salt)
        return self


def opened_records(world, forks):
    """What the requester can put together of all that was answered in the three histories."""
    count = 0
    fork_of_all = next(iter(forks.values()))
    countersigned = verify_countersigned(fork_of_all.authorization, world.state().roster)
    for target in fork_of_all.targets:
        labels = {name: fork.labels[name] for name, fork in forks.items() if name in fork.labels}
        found = find_rows(target, [labels], world.vault.segments.finder(target.header))
        if not found.rows:
            continue
        data = {
            name: fork.data[name]
            for name, fork in forks.items()
            if name in fork.data and any(cell == found.cell for cell, _ in fork.data[name].values)
        }
        if len(data) >= 2:
            count += len(open_target(found, data, found.cell, countersigned).rows)
    return count


@pytest.mark.parametrize(
    "liars", list(chain.from_iterable(combinations(NAMES, size) for size in range(len(NAMES) + 1))), ids=",".join
)
def test_forked_histories_beat_the_budget_only_with_a_custodian_that_cosigns_two(granted, monkeypatch, capsys, liars):
    world, note = granted
    honest = coffer.custody.decide._verify_history

    def step(request, authorization, roster, decider):
        if decider.name not in liars:
            honest(request, authorization, roster, decider)

    monkeypatch.setattr(coffer.custody.decide, "_verify_history", step)
    forks = {name: Fork(world, note, name, set(liars)).run() for name in NAMES}
    opened = opened_records(world, forks)
    places = [str(fork.world.vault.path) for fork in forks.values()]
    for name, fork in forks.items():  # only its own folder is left to each: they are on machines of their own
        for other in set(NAMES) - {name}:
            shutil.rmtree(fork.world.vault.path / "custodians" / other)
    pins = ["--log-key", world.vault.pins.log_key.format(), "--genesis", world.vault.pins.genesis.hex()]
    if not liars:
        assert opened == 0
        assert {fork.asking.statuses()[name] == "refused: log" for name, fork in forks.items()} == {True}
        assert audit(["histories", *places, *pins]) == 5
        assert "expected a vault or a custodian's folder" in capsys.readouterr().err
        return
    assert opened == 6 > GRANTED
    assert audit(["histories", *places, *pins]) == 3
    said = capsys.readouterr().out
    assert [name for name in NAMES if f"custodian {name} cosigned two histories:" in said] == list(liars)


def test_twin_one_history_opens_what_was_granted_and_names_nobody(granted, capsys):
    world, _ = granted
    answer = world.open(world.authorize(max_records=6))
    assert len(rows_of(answer)) == 6
    pins = ["--log-key", world.vault.pins.log_key.format(), "--genesis", world.vault.pins.genesis.hex()]
    assert audit(["histories", str(world.vault.path), *pins]) == 0
    assert "cosigned two" not in capsys.readouterr().out


def test_request_keeps_the_cosignatures_as_evidence_and_the_auditor_wants_them(granted, capsys):
    world, _ = granted
    answer = world.open(world.authorize(max_records=6))
    folder = world.write_answer(answer)
    assert audit(["answer", str(folder), "--vault", str(world.vault.path)]) == 0
    assert "6 requests signed and within the authorization: OK" in capsys.readouterr().out


def test_two_of_five_ask_three_to_vouch_for_the_log(tmp_path):
    names = ("a", "b", "c", "d", "e")
    world = World.make(tmp_path, custodians=names, rules=(("base", "2 of a,b,c,d,e"),))
    world.epoch("2016-09-01", "2016-09-01")
    world.ingest("+33612345678,+33698765432,2016-09-01 10:00:00,60\n")
    note = world.authorize(by=("a", "b"))
    with pytest.raises(
        Unavailable, match=r"a, b can be asked, and more must vouch for the log: rule base lacks 1 of c, d, e"
    ):
        world.open(note, world.custodians("a", "b"))
    assert world.state().openings == {}  # no intent was spent

    def down(_asked):
        raise Unavailable("down")

    gone = [Other(name, down, down) for name in ("c", "d", "e")]
    with pytest.raises(Unavailable, match=r"rule base lacks 1 of c, d, e; c: no answer; d: no answer; e: no answer"):
        world.open(note, [*world.custodians("a", "b"), *gone])
    one_up = Other("c", down, world.custodian("c").cosign)  # cosigns, and does not answer
    assert len(rows_of(world.open(note, [*world.custodians("a", "b"), one_up, *gone[1:]]))) == 1


def test_custodian_answers_under_no_cosignatures_that_are_old_or_ahead_or_of_another_checkpoint(granted):

    world, note = granted
    desk = Desk(world, note)
    intent = desk.intent()
    raw, keys = world.vault.log.checkpoint(), [world.keys("dpo")]
    for minutes, is_enough in ((0, True), (15, True), (-15, True), (15.1, False), (-15.1, False)):
        checkpoint = cosigned(raw, keys, world.now + dt.timedelta(minutes=minutes))
        answer = desk.ask(desk.labels(intent, checkpoint=checkpoint))
        assert answer.startswith(b"COFRSP01" if is_enough else b"COFERR01"), minutes
    older = parse_note(desk.cosigned("dpo"), "checkpoint", may_be_cosigned=True)
    desk.intent()
    newer = parse_note(world.vault.log.checkpoint(), "checkpoint")
    moved = type(newer)(text=newer.text, signatures=(*newer.signatures, older.signatures[-1]))
    assert cosigners_of(moved, world.state().roster, world.now) == frozenset()
    assert desk.ask(desk.labels(intent, checkpoint=moved.raw)).startswith(b"COFERR01")
    assert desk.ask(desk.labels(intent, checkpoint=desk.cosigned("dpo"))).startswith(b"COFRSP01")


def test_custodian_cosigns_nothing_but_what_it_follows(granted):
    world, _ = granted
    service = world.custodian("judge")
    old = world.vault.log.checkpoint()
    assert service.cosign(old)
    assert service.cosign(b"none") == b""
    assert service.cosign(old.replace(b"test.example", b"test.example2")) == b""
    world.epoch("2016-09-04", "2016-09-04")
    assert service.cosign(world.vault.log.checkpoint())
    assert service._folder.memory.remembered() == world.vault.log.checkpoint()
    assert service.cosign(old) == b""  # stale
    assert not service._folder.memory.is_frozen()


def test_note_of_two_rules_without_a_common_member_needs_both_to_vouch_for_one_history(tmp_path):
    """Else the custodians of one rule would count one history, those of the other another, and nobody would have lied."""
    names = ("a", "b", "c", "x", "y", "z")
    world = World.make(tmp_path, custodians=names, rules=(("base", "2 of a,b,c"), ("FR", "2 of x,y,z")))
    world.epoch("2016-09-01", "2016-09-01")
    world.ingest("+33612345678,+447797712345,2016-09-01 10:00:00,60\n")
    note = world.authorize(by=names, subjects=["tel:+33612345678", "tel:+447797712345"])
    desk = Desk(world, note)
    intent = desk.intent()
    segments = {s.line.rule: world.vault.segments.read_header(s.line.day, i) for i, s in world.state().segments.items()}

    def asked(rule, line, *signers):
        header = segments[rule]
        cell = Cell(seg_id=header.core.seg_id, line=line, rank_from=0, rank_count=64)
        request = desk.labels(intent, cell, headers=[header], checkpoint=desk.cosigned(*signers))
        return desk.ask(request, "a" if rule == "base" else "x")

    assert asked("base", 2, "a", "b", "c").startswith(b"COFERR01")  # the note's other rule did not vouch for it
    assert asked("FR", 1, "x", "y", "z").startswith(b"COFERR01")
    assert asked("base", 2, "b", "x", "y").startswith(b"COFRSP01")
    assert asked("FR", 1, "y", "a", "b").startswith(b"COFRSP01")


def test_served_custodian_cosigns_over_http_and_hands_nothing_out_for_anything_else(tmp_path):
    world = Elsewhere.make_elsewhere(tmp_path)
    with world.serving_here("judge") as judge:
        raw = world.vault.log.checkpoint()
        line = judge.cosign(raw)
        note = parse_note(raw + line, "checkpoint", may_be_cosigned=True)
        assert cosigners_of(note, world.state().roster, world.now) == {"judge"}
        assert judge.cosign(raw) == line  # handed out again
        assert judge.cosign(b"junk") == b""
        assert judge.cosign(raw.replace(b"\n1\n", b"\n2\n")) == b""
        with pytest.raises(Unavailable, match="busy, or it cannot read the log"):
            judge.cosign(b"x" * (MAX_CHECKPOINT_BYTES + 1))


def test_answer_of_another_history_is_found_and_who_cosigned_it_is_named(granted, capsys):
    world, _ = granted
    note = world.authorize(max_records=6)
    shutil.copytree(world.vault.path, world.path / "fork" / "vault")
    fork = world.reopen_at(world.path / "fork")
    folder = fork.write_answer(fork.open(note, fork.custodians("judge", "dpo")))
    assert audit(["answer", str(folder), "--vault", str(fork.vault.path)]) == 0
    world.open(note)
    world.epoch("2016-09-04", "2016-09-04")
    capsys.readouterr()
    assert audit(["answer", str(folder), "--vault", str(world.vault.path)]) == 3
    said = " ".join(capsys.readouterr().out.split())
    assert "found another log than the vault's" in said
    fork.epoch("2016-09-04", "2016-09-04")
    places = [str(fork.vault.path), str(world.vault.path)]
    pins = ["--log-key", world.vault.pins.log_key.format(), "--genesis", world.vault.pins.genesis.hex()]
    assert audit(["histories", *places, *pins]) == 3
    said = capsys.readouterr().out
    # Enough of them is two of the three, whoever answers first: one at least cosigned both histories.
    named = {name for name in NAMES if f"custodian {name} cosigned two histories:" in said}
    assert named
    assert len(named) == said.count("cosigned two histories:")


def test_answer_whose_requests_nobody_vouched_for_is_a_violation(granted, capsys, monkeypatch):
    world, _ = granted
    monkeypatch.setattr(coffer.custody.decide, "_verify_history", lambda *_: None)
    monkeypatch.setattr(Asking, "cosigned", lambda _self, checkpoint, *_: checkpoint)
    folder = world.write_answer(world.open(world.authorize(max_records=6)))
    assert audit(["answer", str(folder)]) == 3
    said = " ".join(capsys.readouterr().out.split())
    assert "found it cosigned by no custodian, expected more for rule base" in said
