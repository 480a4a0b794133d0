"""One vault: its configuration, its stores, and its replayed log."""

import datetime as dt
import hmac
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from coffer import wire
from coffer.custody.addresses import Address, parse_addresses
from coffer.disk import Disk
from coffer.errors import MalformedInput, NotProven, Refused, Unavailable
from coffer.ledger.entries import Body, Commitment, SegmentId
from coffer.ledger.facts import Invalid, Valid, Verdict
from coffer.ledger.grammar import format_entry, parse_entry
from coffer.ledger.rules import parse_custodian_name
from coffer.ledger.state import BACKDATING, State, verify_clock
from coffer.notes.keyfile import Opener, StretchedKey, format_keys, parse_keys
from coffer.notes.keys import Secret, SigningKey
from coffer.notes.note import sign_note
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
from coffer.vault.leftovers import INGEST_LOCK, Leftovers
from coffer.vault.memory import MemoryKey, Remembered
from coffer.vault.others import Others
from coffer.vault.outside import Outside
from coffer.vault.pins import Pins, parse_pins
from coffer.vault.policy import POLICY, Policy
from coffer.vault.several import machines_of
from coffer.vault.stored import stored_of

if TYPE_CHECKING:
    from coffer.custodian.folder import CustodianFolder
    from coffer.vault.runs import Runs
    from coffer.vault.watched import Watched

CONFIG: Final = "vault.toml"
FOUNDING: Final = "founding.toml"
"""The pins of a vault whose log has not begun: its custodians still have to sign the roster."""
ADDRESSES: Final = "custodians.toml"
SNAPSHOT: Final = "snapshot"
INGESTER: Final = "ingester"
DESK: Final = "desk"
INGESTED: Final = "ingested"
_AHEAD: Final = (
    "is the clock of whoever signed it wrong, or this one? one entry dated ahead would stop the vault until then"
)
WAIT_S: Final = 120.0
"""How long a command waits for another to end.

An opening takes a second, so that fifty at once all get their turn. An ingest takes long and holds a lock of its own.
"""
OPERATOR_KEYS: Final = ("log", INGESTER, DESK, "file", "wrapping")


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
        self._warm: Replica | None = None
        self._catching_up = threading.Lock()
        self._operator_passphrase = operator_passphrase
        self._operator: dict[str, Secret] = {}
        self._wait_s = wait_s
        self._has_looked_outside = False
        self.path = path
        self.disk = disk
        self.pins = pins
        self.outside = outside
        self.log = FileLog(path / "log", disk, key=pins.log_key)
        self.desk = Desk(path / "desk", disk, wrapping=lambda: self._secret("wrapping"), entropy=outside.entropy)
        self.place = place_of(path, disk)
        self.objects = self.place.open(disk, outside.entropy)
        self.segments = SegmentStore(self.objects)
        self.aside = Aside(path, disk)
        self.held = HeldSegments(path=path, disk=disk, say=outside.say)
        self.machines = machines_of(path, disk, log=self.log, objects=self.objects, key=pins.log_key, outside=outside)
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
            self._has_looked_outside = self._has_looked_outside and not self._is_warm  # a warm vault acts many times
            replica = self._replica()
            # Without a snapshot of its own the vault cannot tell whether this log is its own: it keeps all segments.
            continues = replica.kept > 0
            if replica.is_worth_keeping and (key := self._snapshot_key()) is not None:
                replica.keep(key, lambda raw: self.disk.write(self.path / SNAPSHOT, raw, private=True))
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

    def needed(self, state: State) -> set[SegmentId]:
        """The dead segments whose files must be here for holds."""
        return self.held.needed(state, self.shown(state))

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
        replica = self._replica()
        with suppress(Unavailable):  # the folder may be read-only: the next command that writes will say so
            self._forget_ended(replica.state)
        return replica

    def _forget_ended(self, state: State) -> None:
        """Remove the seal keys of authorizations that have ended.

        Every command does this, because a seal key that stays opens every recorded reply.
        """
        shown = self.shown(state)
        count = self.desk.remove_ended_seal_keys(state, shown)
        self.desk.remove_ended_requests(shown)
        ends = {hold.entry.note: max(term.until for term in hold.terms) for hold in state.holds.values()}
        self.desk.remove_ended_holds(ends, shown)
        if count:  # only the number of keys: nobody is named
            keys = f"{count} seal key{'s' if count > 1 else ''}"
            self.outside.say(f"{keys} forgotten: replies under authorizations that have ended open no more")

    def _replica(self) -> Replica:
        """The replayed log, from this vault's own newest snapshot if there is one, and the entries since."""
        if not self._is_warm:
            return self._caught_up(self._cold(), self.log.checkpoint())
        with self._catching_up:  # else one thread could hold an older checkpoint against what another has replayed
            checkpoint, warm = self.log.checkpoint(), self._warm
            if warm is None or warm.mirror.newest is None or warm.mirror.newest.note.raw != checkpoint:
                warm = self._caught_up(warm or self._cold(), checkpoint)
                self._warm = warm  # nobody changes it from now on, so that any thread may read it
            return warm

    def _caught_up(self, replica: Replica, checkpoint: bytes) -> Replica:
        replica = replica.after(replica.prepare(checkpoint, self.log.entries))
        _ = replica.state.roster
        return replica

    def _cold(self) -> Replica:
        return self._restored() or Replica.empty(log_key=self.pins.log_key, genesis=self.pins.genesis)

    def _restored(self) -> Replica | None:
        path, key = self.path / SNAPSHOT, self._snapshot_key()
        if key is None or not self.disk.is_file(path):
            return None
        try:
            raw = self.disk.read(path)
            return Replica.restore(raw, key, log_key=self.pins.log_key, genesis=self.pins.genesis)
        except (MalformedInput, NotProven):
            return None  # the whole log is replayed instead, which trusts no snapshot

    def _snapshot_key(self) -> Secret | None:
        """The key of snapshots; None if the operator's keys are sealed and no passphrase was given.

        Then there are no snapshots.
        """
        try:
            wrapping = self._secret("wrapping")
        except Refused:
            return None
        return Secret(hmac.digest(wrapping.unsafe_bytes(), wire.tag("snapshot-key"), "sha256"), "snapshot key")

    def append(self, entries: Sequence[bytes], state: State) -> list[int]:
        """Log entries under one checkpoint and apply them to ``state``; returns their indexes.

        After an error ``state`` must not be used any more.

        Raises:
            Refused: an entry would have no effect in State, or is dated ahead. Then nothing is logged.
        """
        for number, raw in enumerate(entries, 1):
            if self._is_ahead(raw):
                raise Refused(
                    f"log: entry {number} of {len(entries)} is dated ahead of this clock", code="log", hint=_AHEAD
                )
        self.look_outside(state)
        first = state.size
        for verdict in state.apply_all(entries):
            if isinstance(verdict, Invalid):
                raise Refused(f"log: an entry would have no effect ({verdict.rule}): {verdict.reason}", code="log")
        self._log(entries)
        self.gather_cosignatures(state)
        return list(range(first, first + len(entries)))

    def _log(self, entries: Sequence[bytes]) -> None:
        log = self.log if self.machines is None else self.machines.sequencer
        log.append(entries, self.operator_key(self.pins.origin))

    def begin_log(self, genesis: bytes) -> None:
        """Log the first entry, unless an earlier try did that was cut short afterwards."""
        with self._turn(self._wait_s):
            if self.log.size() == 0:
                self._log([genesis])

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

    def append_counting(self, entries: Sequence[bytes], state: State) -> list[Verdict]:
        """Log the entries that count, under one checkpoint; returns the verdict on each entry.

        After an error ``state`` must not be used any more.
        """
        if entries:
            self.look_outside(state)
        verdicts = [self._ahead(state) if self._is_ahead(entry) else state.offer(entry) for entry in entries]
        counting = [entry for entry, verdict in zip(entries, verdicts, strict=True) if isinstance(verdict, Valid)]
        if counting:
            self._log(counting)
            self.gather_cosignatures(state)
        return verdicts

    def look_outside(self, state: State) -> None:
        """Ask others, once for each command, whether they know a longer log.

        Call it before anything is logged, destroyed or removed.

        Raises:
            Unavailable: somebody knows a longer log, or this clock is far ahead of the witnesses'.
        """
        if not self._has_looked_outside and state.size > 0:
            self._has_looked_outside = True
            self.is_confirmed_outside(state)

    def is_confirmed_outside(self, state: State) -> bool:
        """Whether others confirmed that this log is the longest; also True if there is nobody to ask.

        Raises as ``look_outside``.
        """
        return self._others().verify_newest(state)

    def _others(self) -> Others:
        return Others(
            log=self.log,
            log_key=self.pins.log_key,
            policy=self.policy(),
            addresses=self.addresses(),
            outside=self.outside,
        )

    def _is_ahead(self, raw: bytes) -> bool:
        """Whether an entry is dated so far ahead that nothing could be logged after it until then."""
        return parse_entry(raw, "entry").time > self.outside.clock() + BACKDATING

    @staticmethod
    def _ahead(state: State) -> Invalid:
        return Invalid(index=state.size, rule="clock", reason="dated ahead of this vault's clock")

    def gather_cosignatures(self, state: State) -> None:
        """Ask the roster's witnesses for cosignatures.

        Too few are not an error here: the entries are logged already, and custodians refuse until there are enough.
        """
        if state.roster.witnesses:
            for name, what in self._others().gather(state).items():
                self.outside.say(f"witness {name} did not cosign: {what}")

    def entry_time(self, state: State) -> dt.datetime:
        """The time of the next entry: now, or the log's newest time if the clock is a little behind it.

        Raises ``Unavailable`` if it is far behind.
        """
        now = self.outside.clock().replace(microsecond=0)
        verify_clock(state, now)
        return max(now, state.newest)

    def entry(self, body: Body, key: SigningKey, state: State, *, time: dt.datetime | None = None) -> bytes:
        """A signed entry, dated ``entry_time`` if no time is given."""
        time = self.entry_time(state) if time is None else time
        return sign_note(format_entry(body, origin=self.pins.origin, time=time), key).raw

    def operator_key(self, name: str) -> SigningKey:
        """One of the operator's signing keys: the log's (named by the origin), ``ingester`` or ``desk``."""
        return SigningKey(name, self._secret("log" if name == self.pins.origin else name))

    @property
    def ingested(self) -> Path:
        """The file that holds the memory of ingested files."""
        return self.path / INGESTED

    def memory_key(self) -> MemoryKey:
        """The key that seals this memory."""
        return MemoryKey(self._secret("file"), self.pins.origin)

    def database_key(self) -> Secret:
        """The key from which the desk derives those of its database (``docs/formats/desk.md``)."""
        return database_key(self._secret("wrapping"), self.pins.origin)

    def remembered(self, state: State) -> list[Remembered]:
        """The lines of the memory that count.

        A line does not count if the log does not have its batch, or if that batch was superseded.
        """
        if not self.disk.is_file(self.ingested):
            return []
        lines = self.memory_key().unseal(self.disk.read(self.ingested), INGESTED)
        counting = state.batches.keys() - state.withdrawn.keys()
        return [line for line in lines if line.batch in counting]

    def remembered_elsewhere(
        self, state: State, known: Iterable[Remembered], first_day: dt.date, *, may_lack: bool
    ) -> list[Remembered]:
        """Those of batches that other machines logged. Arguments and errors: ``Machines.remembered``."""
        if self.machines is None:
            return []
        return self.machines.remembered(state, self.memory_key(), known, first_day, may_lack=may_lack)

    def put_back_memories(self, known: Sequence[Remembered], most: int | None = None) -> None:
        """Put back what other machines need of these lines. Arguments: ``Machines.put_back``."""
        if self.machines is not None:
            self.machines.put_back(self.memory_key(), known, most)

    def forget(self, state: State) -> None:
        """Remove the lines that do not count from the memory."""
        if self.disk.is_file(self.ingested):
            raw = self.memory_key().seal(self.remembered(state), self.outside.entropy)
            self.disk.write(self.ingested, raw, private=True)

    @cached_property
    def runs(self) -> "Runs":
        """What runs of ingest tell of themselves."""
        from coffer.vault.runs import RunKey, Runs  # noqa: PLC0415 - only an ingest and the operator's page read it

        return Runs(
            self.path,
            self.disk,
            key=lambda: RunKey(self._secret("file"), self.pins.origin),
            entropy=self.outside.entropy,
        )

    @cached_property
    def watched(self) -> "Watched":
        """What ``coffer watch`` keeps of the folders it watches."""
        from coffer.vault.watched import Watched, WatchKey  # noqa: PLC0415 - only a watch and its report read it

        key = cache(lambda: WatchKey(self._secret("file"), self.pins.origin))
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

    def write_operator_keys(self, secrets: Mapping[str, Secret]) -> None:
        """Store the operator's keys, sealed if the vault was given a passphrase for them."""
        given = self._operator_passphrase
        assert not isinstance(given, StretchedKey), "what opens one key file seals no other"
        self.disk.write(self.path / "operator" / "keys", self._format_keys(secrets, given), private=True)

    def _format_keys(self, secrets: Mapping[str, Secret], passphrase: Secret | None) -> bytes:
        entropy, cost = self.outside.entropy, self.outside.costs.passphrase
        return format_keys(secrets, passphrase, context=self._context(), entropy=entropy, cost=cost)

    def change_passphrase(self, new: Secret) -> None:
        """Seal the operator's keys under this passphrase; the old file is overwritten.

        Raises:
            Refused: the old one, with which the vault was opened, is wrong (code ``form``).
        """
        secrets = {name: self._secret(name) for name in OPERATOR_KEYS}
        self.disk.replace(self.path / "operator" / "keys", self._format_keys(secrets, new))

    def knows(self, commitment: Commitment, state: State) -> bool:
        """Whether an authorization was requested here, or used in this log."""
        is_used = any(opening.intent.authorization == commitment for opening in state.openings.values())
        return is_used or self.desk.has(commitment)

    def no_index(self) -> NoIndex | None:
        """The public no-index list; None without one. Raises ``MalformedInput``."""
        path = self.path / NO_INDEX_FILE
        return parse_no_index(self.disk.read(path), NO_INDEX_FILE) if self.disk.is_file(path) else None

    def _secret(self, name: str) -> Secret:
        if not self._operator:
            path, hint = self.path / "operator" / "keys", "set COFFER_PASSPHRASE_OPERATOR"
            if not self.disk.is_file(path):
                raise Unavailable(
                    "operator/keys: not in the vault's folder",
                    hint="a backup holds no keys: put your copy of them there",
                )
            raw = self.disk.read(path)
            self._operator = parse_keys(
                raw,
                self._given_passphrase,
                names=OPERATOR_KEYS,
                context=self._context(),
                place="operator's keys",
                hint=hint,
                may_be_plain=True,
            )
        return self._operator[name]

    def _given_passphrase(self) -> Opener:
        if self._operator_passphrase is None:
            raise Refused("operator's keys: sealed", code="form", hint="set COFFER_PASSPHRASE_OPERATOR")
        return self._operator_passphrase

    def _context(self) -> bytes:
        return f"{self.pins.origin}\noperator".encode("ascii")


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


def database_key(wrapping: Secret, origin: str) -> Secret:
    """HKDF-SHA-256 of the operator's wrapping key with info T("desk-database") || origin; 32 B."""
    info = wire.tag("desk-database") + origin.encode("ascii")
    raw = HKDF(hashes.SHA256(), 32, salt=None, info=info).derive(wrapping.unsafe_bytes())
    return Secret(raw, "desk database key")
