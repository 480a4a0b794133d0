"""One vault: its parts put together, held by one command at a time, and read as its log says."""

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import cache, cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from coffer import wire
from coffer.custody.addresses import Address, parse_addresses
from coffer.disk import Disk
from coffer.errors import MalformedInput, Unavailable
from coffer.ledger.entries import Body, Commitment, SegmentId
from coffer.ledger.facts import Verdict
from coffer.ledger.rules import parse_custodian_name
from coffer.ledger.state import State
from coffer.notes.keyfile import Opener
from coffer.notes.keys import Secret, SigningKey
from coffer.objects.place import place_of
from coffer.records.no_index import NO_INDEX_FILE, NoIndex, parse_no_index
from coffer.replica import Replica
from coffer.segments.store import SegmentStore
from coffer.translog.checkpoint import TreeHead, verify_checkpoint
from coffer.translog.merkle import leaf_hash, verify_inclusion
from coffer.translog.store.files import FileLog
from coffer.vault.aside import Aside
from coffer.vault.desk import Desk
from coffer.vault.held import HeldSegments
from coffer.vault.ingested import Ingested
from coffer.vault.leftovers import INGEST_LOCK, Leftovers
from coffer.vault.operator import OperatorKeys
from coffer.vault.outside import Outside
from coffer.vault.pins import Pins, parse_pins
from coffer.vault.policy import POLICY, Policy
from coffer.vault.replayed import Replayed
from coffer.vault.several import machines_of
from coffer.vault.stored import stored_of
from coffer.vault.writer import LogWriter

if TYPE_CHECKING:
    from coffer.custodian.folder import CustodianFolder
    from coffer.vault.runs import Runs
    from coffer.vault.watched import Watched

CONFIG: Final = "vault.toml"
FOUNDING: Final = "founding.toml"
"""The pins of a vault whose log has not begun: its custodians still have to sign the roster."""
ADDRESSES: Final = "custodians.toml"
WAIT_S: Final = 120.0
"""How long a command waits for another to end.

An opening takes a second, so that fifty at once all get their turn. An ingest takes long and holds a lock of its own.
"""


class Vault:
    """A vault's folder. Construct it with ``open_vault`` or, for a new one, from its pins.

    ``outside``: its clock, its randomness and whom it asks. ``wait_s``: how long it waits for another command to end.
    ``is_warm``: for a process that stays: it keeps the replayed log, and proves each time only what is new in it. It
    still takes the vault's lock as every command does, so that other commands may write meanwhile.
    """

    def __init__(
        self,
        path: Path,
        disk: Disk,
        pins: Pins,
        outside: Outside,
        *,
        operator_passphrase: Opener | None = None,
        wait_s: float = WAIT_S,
        is_warm: bool = False,
    ) -> None:
        self._is_warm = is_warm
        self._wait_s = wait_s
        self.path = path
        self.disk = disk
        self.pins = pins
        self.outside = outside
        self.operator = OperatorKeys(path, disk, origin=pins.origin, passphrase=operator_passphrase, outside=outside)
        self.log = FileLog(path / "log", disk, key=pins.log_key)
        self._replayed = Replayed(path, disk, self.log, pins, key=self.operator.snapshot_key, is_warm=is_warm)
        self.desk = Desk(
            path / "desk", disk, wrapping=partial(self.operator.secret, "wrapping"), entropy=outside.entropy
        )
        self.place = place_of(path, disk)
        self.objects = self.place.open(disk, outside.entropy)
        self.segments = SegmentStore(self.objects)
        self.aside = Aside(path, disk)
        self.held = HeldSegments(path=path, disk=disk, say=outside.say)
        self.machines = machines_of(path, disk, log=self.log, objects=self.objects, key=pins.log_key, outside=outside)
        self.writer = LogWriter(
            self.log,
            pins,
            machines=self.machines,
            operator=self.operator,
            outside=outside,
            policy=self.policy,
            addresses=self.addresses,
        )
        self.ingested = Ingested(
            path, disk, key=self.operator.memory_key, entropy=outside.entropy, machines=self.machines
        )
        self.stored = stored_of(
            self.objects,
            path=path,
            disk=disk,
            aside=self.aside,
            say=outside.say,
            removable=self.removable,
            log=self.log if self.machines is None else None,
        )
        self.leftovers = Leftovers(
            path=path,
            disk=disk,
            log=self.log,
            segments=self.segments,
            aside=self.aside,
            stored=self.stored,
            has_turn=self.machines is not None,
        )

    @contextmanager
    def writing(self, wait_s: float | None = None) -> Iterator[State]:
        """Hold the vault alone, with its log replayed and the leftovers of a crash cleared.

        ``wait_s``: how long to wait, instead of the vault's own time.

        Raises:
            Unavailable: another command holds it, or the store has a log that this one does not continue: this folder
                is an older copy of the vault.
        """
        wait_s = self._wait_s if wait_s is None else wait_s
        with self.disk.locked(self.path / "lock", wait_s=wait_s), self._turn(wait_s):
            if self.stored is not None:
                self.stored.verify_newest_if_told()  # before anything is logged or deleted
            if self._is_warm:
                self.writer.look_again()
            replica = self._replayed.newest()
            # Without a snapshot of its own the vault cannot tell whether this log is its own: it keeps all segments.
            continues = replica.kept > 0
            self._replayed.keep(replica)
            if continues:
                with nullcontext() if self.stored is None else self.stored.later("objects of dead segments"):
                    self.remove_dead_segments(replica.state)
            self._forget_ended(replica.state)
            self.leftovers.clear(replica.state, self.outside.clock)
            try:
                yield replica.state.copy() if self._is_warm else replica.state  # the caller applies what it logs
            finally:
                self.copy_log()

    def _turn(self, wait_s: float) -> AbstractContextManager[None]:
        """The turn among machines, with their log current. A vault of one machine has its lock alone."""
        return nullcontext() if self.machines is None else self.machines.sequencer.turn(wait_s)

    def alone(self) -> AbstractContextManager[None]:
        """Hold the vault alone, after waiting at most the vault's ``wait_s`` for another writer."""
        return self.disk.locked(self.path / "lock", wait_s=self._wait_s)

    def sealing(self) -> AbstractContextManager[None]:
        """Be the only ingest. Other commands may write to the vault meanwhile, and leave staged files alone."""
        return self.disk.locked(self.path / INGEST_LOCK, wait_s=self._wait_s)

    def remove_dead_segments(self, state: State, *, evident: dt.datetime | None = None) -> int:
        """Remove the files of dead segments that no hold needs; returns how many files.

        ``evident``: the time that has evidently come by what custodians at hand say.
        """
        self.held.forget_ended(state, self.shown(state, evident))
        removable = self.removable(state, evident=evident)
        if self.stored is not None:
            return self.stored.remove_dead(state, removable)
        return self.segments.remove_listed(removable)

    def removable(self, state: State, *, evident: dt.datetime | None = None) -> set[SegmentId]:
        """The dead segments whose files no hold needs."""
        return self.held.removable(state, self.shown(state, evident))

    def shown(self, state: State, evident: dt.datetime | None = None) -> dt.datetime:
        """The time by this clock, as far as the log or custodians at hand (``evident``) show it too."""
        return min(self.outside.clock(), max(state.newest, evident or state.newest))

    def copy_log(self) -> None:
        """Copy what is new in the log to the store, if there is one."""
        if self.stored is None:
            return
        with self.stored.later("a copy of the log"):
            if self.machines is not None:
                self.machines.sequencer.publish_cosigned()
            else:
                self.stored.copy_log(self.log)

    def replay(self) -> State:
        """The State of the log up to its checkpoint, proven.

        Also removes the seal keys of authorizations that have ended.

        Raises:
            NotProven: checkpoint, entries and genesis do not belong together.
        """
        return self._looked_at().state

    def replay_to_head(self) -> tuple[State, TreeHead]:
        """``replay``, and the size and root of the checkpoint that it was proven against."""
        replica = self._looked_at()
        assert replica.mirror.newest is not None, "a replica that was brought up to date has a checkpoint"
        return replica.state, replica.mirror.newest.head

    def refresh(self) -> None:
        """Bring the log here up to what other machines logged. Raises as ``Machines.refresh``."""
        if self.machines is not None:
            self.machines.refresh()

    def _looked_at(self) -> Replica:
        self.refresh()
        replica = self._replayed.newest()
        with suppress(Unavailable):  # the folder may be read-only: the next command that writes will say so
            self._forget_ended(replica.state)
        return replica

    def _forget_ended(self, state: State) -> None:
        """Remove what the desk keeps for authorizations and holds that have ended.

        Every command does this, because a seal key that stays opens every recorded reply.
        """
        count = self.desk.forget_ended(state, self.shown(state))
        if count:  # only the number of keys: nobody is named
            keys = f"{count} seal key{'s' if count > 1 else ''}"
            self.outside.say(f"{keys} forgotten: replies under authorizations that have ended open no more")

    def append(self, entries: Sequence[bytes], state: State) -> list[int]:
        """Log entries. As ``LogWriter.append``."""
        return self.writer.append(entries, state)

    def append_counting(self, entries: Sequence[bytes], state: State) -> list[Verdict]:
        """Log the entries that count. As ``LogWriter.append_counting``."""
        return self.writer.append_counting(entries, state)

    def entry(self, body: Body, key: SigningKey, state: State, *, time: dt.datetime | None = None) -> bytes:
        """A signed entry. As ``LogWriter.entry``."""
        return self.writer.entry(body, key, state, time=time)

    def begin_log(self, genesis: bytes) -> None:
        """Log the first entry, unless an earlier try did that was cut short afterwards."""
        with self._turn(self._wait_s):
            self.writer.begin(genesis)

    def logged(self, indexes: Iterable[int], checkpoint: bytes) -> dict[int, tuple[bytes, list[wire.Hash]]]:
        """Entries by index, ascending, each with the proof that it is under the checkpoint.

        Raises:
            NotProven: the log's files were changed since they were replayed.
        """
        head = verify_checkpoint(checkpoint, self.pins.log_key, "checkpoint").head
        entries = self.log.entries_at(indexes)
        proofs = dict(zip(entries, self.log.inclusion_proofs(list(entries), head.size), strict=True))
        for index, proof in proofs.items():
            leaf = leaf_hash(entries[index])
            verify_inclusion(leaf=leaf, index=index, size=head.size, root=head.root, proof=proof)
        return {index: (entries[index], proof) for index, proof in proofs.items()}

    def operator_key(self, name: str) -> SigningKey:
        """One of the operator's signing keys: the log's (named by the origin), ``ingester`` or ``desk``."""
        return self.operator.signing(name)

    def database_key(self) -> Secret:
        """The key from which the desk derives those of its database (``docs/formats/desk.md``)."""
        return self.operator.database_key()

    @cached_property
    def runs(self) -> "Runs":
        """What runs of ingest tell of themselves."""
        from coffer.vault.runs import RunKey, Runs  # noqa: PLC0415 - only an ingest and the operator's page read it

        return Runs(
            self.path,
            self.disk,
            key=lambda: RunKey(self.operator.secret("file"), self.pins.origin),
            entropy=self.outside.entropy,
        )

    @cached_property
    def watched(self) -> "Watched":
        """What ``coffer watch`` keeps of the folders it watches."""
        from coffer.vault.watched import Watched, WatchKey  # noqa: PLC0415 - only a watch and its report read it

        key = cache(lambda: WatchKey(self.operator.secret("file"), self.pins.origin))
        return Watched(self.path, self.disk, key=key, entropy=self.outside.entropy)

    def custodian_folder(self, name: str) -> "CustodianFolder":
        """Where a local custodian's files are, or will be."""
        from coffer.custodian.folder import CustodianFolder  # noqa: PLC0415 - who asks or reads the log needs none

        path = self.path / "custodians" / name
        return CustodianFolder(path, self.disk, origin=self.pins.origin, cost=self.outside.costs.passphrase)

    def custodian(self, name: str) -> "CustodianFolder":
        """A local custodian's folder."""
        parse_custodian_name(name, "custodian")
        folder = self.custodian_folder(name)
        if not self.disk.is_file(folder.path / "keys"):
            known = ", ".join(self.custodian_names()) or "none"
            raise MalformedInput(
                f"custodian {folder.name}: not one in this vault's folder",
                hint=f"its custodians are: {known}; one on a machine of its own acts there: coffer custodian",
            )
        return folder

    def custodian_names(self) -> list[str]:
        """The names of the local custodians."""
        return [path.name for path in self.disk.children(self.path / "custodians")]

    def addresses(self) -> tuple[Address, ...]:
        """The addresses of custodians on machines of their own; none without the file."""
        path = self.path / ADDRESSES
        return parse_addresses(self.disk.read(path), ADDRESSES) if self.disk.is_file(path) else ()

    def policy(self) -> Policy:
        """The policy of ``policy.toml``. Without that file, missing receipts only cause a warning."""
        path = self.path / POLICY
        return Policy.parse(self.disk.read(path), POLICY) if self.disk.is_file(path) else Policy()

    def knows(self, commitment: Commitment, state: State) -> bool:
        """Whether an authorization was requested here, or used in this log."""
        is_used = any(opening.intent.authorization == commitment for opening in state.openings.values())
        return is_used or self.desk.has(commitment)

    def no_index(self) -> NoIndex | None:
        """The public no-index list; None without one. Raises ``MalformedInput``."""
        path = self.path / NO_INDEX_FILE
        return parse_no_index(self.disk.read(path), NO_INDEX_FILE) if self.disk.is_file(path) else None


def open_vault(
    path: Path,
    disk: Disk,
    outside: Outside,
    *,
    operator_passphrase: Opener | None = None,
    wait_s: float = WAIT_S,
    is_warm: bool = False,
) -> Vault:
    """The vault in a folder.

    Raises:
        MalformedInput: there is no vault, or its configuration is damaged.
    """
    config = path / CONFIG
    if not disk.is_file(config):
        hint = "make one with: coffer init"
        if disk.is_file(path / FOUNDING):
            hint = "its custodians have to sign roster.note first, then: coffer complete"
        raise MalformedInput(f"{path.name}: not a vault: it has no {CONFIG}", hint=hint)
    pins = parse_pins(disk.read(config), CONFIG)
    return Vault(path, disk, pins, outside, operator_passphrase=operator_passphrase, wait_s=wait_s, is_warm=is_warm)
