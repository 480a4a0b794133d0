"""A small world for tests: a vault with local custodians, feeds, orders, and a clock that the test sets.

    world = World.make(tmp_path)                       # judge, dpo, regulator; base=2 of judge,dpo,regulator
    world.epoch("2016-09-01", "2016-09-03")
    world.ingest("+33612345678,+33698765432,2016-09-01 10:00:00,60\\n")
    note = world.authorize(subjects=["tel:+33612345678"], days=[("2016-09-01", "2016-09-03")])
    answer = world.open(note)

Custodians are the real service; ``world.custodians(...)`` gives them, to be wrapped by those of a test that lie.
"""

import datetime as dt
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from coffer.authority.ordered import IssuedIn, Issuer, OrderClass, Ordered, Urgency
from coffer.authority.period import whole_days
from coffer.cli import costs
from coffer.custodian.evident import Uptime
from coffer.custodian.keys import CustodianKeys
from coffer.custodian.service import CustodianService
from coffer.custody.addresses import Address
from coffer.custody.port import Custodian
from coffer.custody.public import PublicKeys
from coffer.disclosure.answer import Answer, answer_files
from coffer.disk import Disk
from coffer.ledger.entries import DestroyEntry
from coffer.ledger.roster import Emergency
from coffer.ledger.state import State
from coffer.notes.keyfile import PassphraseCost
from coffer.notes.keys import Secret
from coffer.notes.note import parse_note, sign_note
from coffer.objects.address import StoreAddress
from coffer.procedures.ingest.run import IngestSummary, run_ingest
from coffer.procedures.opening.request import Order, make_request
from coffer.procedures.opening.run import run_opening
from coffer.procedures.roster.change import Change, propose, verify_signed
from coffer.procedures.roster.found import RosterTerms, found_vault
from coffer.records.feed import Feed, parse_feed
from coffer.sequencer.address import CheckpointAddress
from coffer.translog.witness import Gather, Gathered
from coffer.vault.folder import WAIT_S, Vault, open_vault
from coffer.vault.outside import Costs

PASSPHRASE = Secret(b"correct horse", "passphrase")
NOW = dt.datetime(2016, 9, 5, 12, 0, 0, tzinfo=dt.UTC)
FEED = """
[feed]
name = "calls"
format = "csv"
home_country = "FR"
time_zone = "UTC"
keep = ["cell"]
kind = "call"
[csv]
header = false
date_format = "%Y-%m-%d %H:%M:%S"
[columns]
a = 0
b = 1
start = 2
duration_s = 3
"""


def feed(text: str = FEED, **changes: str) -> Feed:
    """The test feed, with ``name="x"`` or ``kind="text"`` changed."""
    for key, value in changes.items():
        lines = [f'{key} = "{value}"' if line.startswith(f"{key} = ") else line for line in text.splitlines()]
        text = "\n".join(lines)
    return parse_feed(text, "feed.toml")


CHEAP = Costs(passphrase=PassphraseCost(iterations=1, lanes=4, memory_kib=64), prints=())
"""Argon2id with little memory: tests do not guard anything with their passphrase."""


def cheap_passphrases() -> None:
    """The same for vaults and custodians that a test makes by commands."""
    costs.COSTS = CHEAP


def destroy_entry(service: CustodianService, day: dt.date) -> bytes:
    """A key destroyed at any time, as no custodian of ours does it: the signed entry that says so."""
    service._ring.destroy_epoch_key(day)
    return service._entry(DestroyEntry(custodian=service.name, day=day), service.keys.resp)


def nobody(*_: object) -> Gathered:
    """No witness answers."""
    return Gathered(lines=(), failed={})


@dataclass
class Someone:
    """The ``Outside`` of a test: a clock that the test sets, witnesses and custodians elsewhere that it answers for, and what was told."""

    now: dt.datetime = NOW
    gather: Gather = nobody
    elsewhere: Mapping[str, bytes] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    costs: Costs = CHEAP

    def clock(self) -> dt.datetime:
        return self.now

    def entropy(self, size: int) -> bytes:
        return os.urandom(size)

    def checkpoints(self, _addresses: Sequence[Address]) -> Mapping[str, bytes]:
        return self.elsewhere

    def say(self, message: str) -> None:
        self.told.append(message)


def ordered(received: dt.datetime, **changes: object) -> Ordered:
    """An ordinary order of a court at home, without a deadline or a file."""
    fields: dict[str, object] = {
        "order_class": OrderClass.PRODUCE,
        "urgency": Urgency.ORDINARY,
        "issuer": Issuer.COURT,
        "issued_in": IssuedIn.HOME,
        "received": received.replace(microsecond=0),
        "due": None,
        "files": (),
    }
    return Ordered(**(fields | changes))  # type: ignore[arg-type]


@dataclass
class World:
    """A vault and everyone around it. ``now`` may be set at any time."""

    path: Path
    vault: Vault
    outside: Someone
    disk: Disk = field(default_factory=Disk)

    @classmethod
    def make(
        cls,
        folder: Path,
        *,
        custodians: Sequence[str] = ("judge", "dpo", "regulator"),
        rules: Sequence[tuple[str, str]] = (("base", "2 of judge,dpo,regulator"),),
        retention_days: int = 365,
        late_days: int = 30,
        tally: str = "exact",
        witnesses: Sequence[str] = (),
        quorum: int = 0,
        now: dt.datetime = NOW,
        disk: Disk | None = None,
        objects: StoreAddress | None = None,
        checkpoints: CheckpointAddress | None = None,
        emergency: Emergency | None = None,
        statistics: str = "coarse",
    ) -> "World":
        disk, outside = disk or Disk(), Someone(now=now)
        vault = found_vault(
            folder / "vault",
            disk,
            origin="test.example/vault",
            custodians=custodians,
            terms=RosterTerms(
                rules=rules,
                retention_days=retention_days,
                late_days=late_days,
                tally=tally,
                witnesses=witnesses,
                quorum=quorum,
                emergency=emergency,
                statistics=statistics,
            ),
            passphrase=lambda _name: PASSPHRASE,
            outside=outside,
            objects=objects,
            checkpoints=checkpoints,
        )
        return cls(path=folder, vault=vault, outside=outside, disk=disk)

    @property
    def now(self) -> dt.datetime:
        return self.outside.now

    @now.setter
    def now(self, now: dt.datetime) -> None:
        self.outside.now = now

    def clock(self) -> dt.datetime:
        return self.now

    def uptime(self) -> Uptime:
        """The machines run all the time, unless a test says otherwise."""
        return Uptime(boot="test", seconds=int(self.now.timestamp()))

    def reopen(self, disk: Disk | None = None, *, wait_s: float = WAIT_S) -> "World":
        """The same vault as a new process would see it, with a clock and others of its own."""
        disk, outside = disk or Disk(), replace(self.outside)
        vault = open_vault(self.vault.path, disk, outside, wait_s=wait_s)
        return World(path=self.path, vault=vault, outside=outside, disk=disk)

    def reopen_at(self, path: Path, disk: Disk | None = None) -> "World":
        """A copy of this world's folder at another place."""
        disk, outside = disk or Disk(), replace(self.outside)
        return World(path=path, vault=open_vault(path / "vault", disk, outside), outside=outside, disk=disk)

    def state(self) -> State:
        return self.vault.replay()

    def custodian(self, name: str) -> CustodianService:
        """A custodian's service, freshly started, its keys unlocked."""
        own = self.vault.custodian(name)
        return CustodianService(
            own,
            own.unlock(PASSPHRASE),
            log=self.vault.log,
            log_key=self.vault.pins.log_key,
            genesis=self.vault.pins.genesis,
            clock=self.clock,
            uptime=self.uptime,
        )

    def keys(self, name: str) -> CustodianKeys:
        """A custodian's keys, unlocked."""
        return self.vault.custodian(name).unlock(PASSPHRASE)

    def custodians(self, *names: str) -> list[CustodianService]:
        return [self.custodian(name) for name in names or self.vault.custodian_names()]

    def epoch(self, first: str, last: str) -> None:
        start, end = dt.date.fromisoformat(first), dt.date.fromisoformat(last)
        days = [start + dt.timedelta(days=n) for n in range((end - start).days + 1)]
        with self.vault.writing() as state:
            own = self.custodians(*(name for name in self.vault.custodian_names() if state.roster.custodian(name)))
            entries = [entry for service in own for entry in service.epoch_key_entries(days, os.urandom)]
            self.vault.append(entries, state)

    def ingest(self, text: str | bytes, *, by: Feed | None = None, name: str = "records.csv") -> IngestSummary:
        """Write ``text`` to a file and ingest it."""
        path = self.path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return self.ingest_files([path], by=by)

    def ingest_files(
        self, paths: Sequence[Path], *, by: Feed | None = None, as_new: bool = False, workers: int = 1
    ) -> IngestSummary:
        return run_ingest(
            self.vault,
            by or feed(),
            [str(path) for path in paths],
            on_progress=lambda **_: None,
            on_rejects=lambda _name, _rejects: None,
            as_new=as_new,
            workers=workers,
        )

    def order(self, **changes: object) -> Order:
        fields: dict[str, object] = {
            "subjects": ["tel:+33612345678"],
            "days": [("2016-09-01", "2016-09-03")],
            "kinds": "call",
            "max_records": 100,
            "authority": "Court",
            "basis": "case 1",
            "purpose": "test",
            "person": "A. Example",
            "is_hub": False,
            "not_before": self.now,
            "expires": self.now + dt.timedelta(days=7),
            "secret_until": (self.now + dt.timedelta(days=365)).date(),
        }
        fields |= changes
        fields.setdefault("persons", [fields.pop("person")])
        fields.pop("person", None)
        fields.setdefault("ordered", ordered(fields.pop("received", self.now)))
        days = fields.pop("days")
        spans = [whole_days(dt.date.fromisoformat(a), dt.date.fromisoformat(b), dt.UTC) for a, b in days]
        fields.setdefault("periods", [spans] * len(fields["subjects"]))
        return Order(**fields)  # type: ignore[arg-type]

    def request(self, *, roster: str = "", **changes: object) -> bytes:
        """A note signed by the desk alone."""
        order = self.order(**changes)
        return make_request(self.vault, order, roster=roster).note.raw

    def joins(self, name: str) -> PublicKeys:
        """Fresh keys for a custodian that is to join, in the vault's folder."""
        keys = CustodianKeys.generate(name, os.urandom)
        own = self.vault.custodian_folder(name)
        own.create(keys, PASSPHRASE, os.urandom)
        return keys.public(name)

    def propose(self, **changes: object) -> bytes:
        """A roster with these changes, signed by the desk alone."""
        new = propose(self.state().roster, Change(**changes), self.now)  # type: ignore[arg-type]
        return sign_note(new.text, self.vault.operator_key("desk")).raw

    def publish(self, note: bytes, *names: str) -> None:
        """Sign a roster as each of ``names`` and log it."""
        for name in names:
            note = self.custodian(name).sign_roster(note, "roster").raw
        with self.vault.writing() as state:
            verify_signed(parse_note(note, "roster"), state, "roster")
            self.vault.append([note], state)

    def countersign(self, note: bytes, *names: str) -> bytes:
        for name in names:
            note = self.custodian(name).countersign(note, "request").raw
        return note

    def authorize(self, *, by: Sequence[str] = ("judge", "dpo", "regulator"), **changes: object) -> bytes:
        """A note countersigned by ``by``."""
        return self.countersign(self.request(**changes), *by)

    def open(self, note: bytes, custodians: Sequence[Custodian] | None = None) -> Answer:
        return run_opening(
            self.vault,
            note,
            self.custodians() if custodians is None else custodians,
            deliver=lambda _answer: None,
        )

    def write_answer(self, answer: Answer, name: str = "answer") -> Path:
        """The answer's folder, as the command writes it."""
        folder = self.path / name
        for file, raw in answer_files(answer).items():
            self.disk.write(folder / file, raw)
        return folder
