"""The folder of a custodian's own machine: pins, mirror, notes to review, entries to be logged.

Promises: an entry stays in the outbox until the log shows it. Trusts: its own disk, as far as keys and
MACs prove it. Implements ``docs/formats/custodian.md``.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from coffer import wire
from coffer.authority.authorization import Authorization
from coffer.authority.hold import Hold, Requested
from coffer.custodian.evident import Uptime
from coffer.custodian.folder import CustodianFolder
from coffer.custodian.keys import CustodianKeys
from coffer.custodian.requests import FOLDERS, Requests
from coffer.custodian.service import Clock, CustodianService
from coffer.custody.waiting import MAX_HANDED_OUT, handing_order, has_arrived, receipt_name, waiting_body, waiting_name
from coffer.disk import TEMPORARY, Disk
from coffer.entropy import Entropy
from coffer.errors import CofferError, MalformedInput, NotProven, Unavailable
from coffer.ledger.entries import Commitment
from coffer.ledger.rules import parse_custodian_name
from coffer.ledger.state import State
from coffer.notes.keyfile import STANDARD, Opener, PassphraseCost
from coffer.notes.keys import Secret, VerifyKey, parse_key_name, parse_vkey
from coffer.segments.header import seg_id_of
from coffer.serving.listen import parse_listen
from coffer.toml import parse_toml
from coffer.translog.port import LogReader
from coffer.translog.store.files import FileLog, read_served
from coffer.translog.tiling import format_bundle

CONFIG: Final = "custodian.toml"
FORMAT: Final = "coffer.custodian/v1"
CERTIFICATE: Final = "tls.crt"
CERTIFICATE_KEY: Final = "tls.key"
OWN: Final = "own"
"""Stands in a key file's context in the place of the origin, because these keys are made before any vault is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pinned:
    """What the custodian knows of its vault beforehand. ``log_at``: a web address, or a folder."""

    log_key: VerifyKey
    genesis: bytes
    log_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineConfig:
    """``custodian.toml``. ``pinned`` is None until the custodian joined a vault.

    ``page``: where its people's page listens, empty if there is none. ``page_origin``: what they type, empty if their file
    says it. ``page_certificate`` and its key: empty if they are those of the service.
    """

    name: str
    listen: str
    pinned: Pinned | None = None
    certificate: str = CERTIFICATE
    certificate_key: str = CERTIFICATE_KEY
    page: str = ""
    page_origin: str = ""
    page_certificate: str = ""
    page_certificate_key: str = ""

    def format(self) -> bytes:
        """The file's text."""
        fields = {"format": FORMAT, "name": self.name, "listen": self.listen}
        fields |= {"certificate": self.certificate, "certificate-key": self.certificate_key}
        page = {"page": self.page, "page-origin": self.page_origin, "page-certificate": self.page_certificate}
        page |= {"page-certificate-key": self.page_certificate_key}
        fields |= {key: value for key, value in page.items() if value}
        if self.pinned is not None:
            fields |= {"origin": self.pinned.log_key.name, "log": self.pinned.log_key.format()}
            fields |= {"genesis": self.pinned.genesis.hex(), "log-at": self.pinned.log_at}
        for key, value in fields.items():
            if '"' in value or "\\" in value or not value.isprintable():
                raise MalformedInput(f"{CONFIG}: {key}: a quote, backslash or control character")
        return "".join(f'{key} = "{value}"\n' for key, value in fields.items()).encode("utf-8")


def parse_machine_config(raw: bytes, place: str) -> MachineConfig:
    """Read ``custodian.toml``, which its operator may edit; raises ``MalformedInput``."""
    document = parse_toml(raw, place)
    document.literal("format", FORMAT)
    name, listen = document.text("name"), document.text("listen")
    certificate, certificate_key = document.text("certificate"), document.text("certificate-key")
    page, page_origin = document.text("page", ""), document.text("page-origin", "")
    page_certificate, page_key = document.text("page-certificate", ""), document.text("page-certificate-key", "")
    if page:
        parse_listen(page, f"{place}: page")
    if bool(page_certificate) != bool(page_key):
        raise MalformedInput(f"{place}: page-certificate, page-certificate-key: expected both, or none")
    pinned = None
    if "log" in document.values:
        log_key = parse_vkey(document.text("log"), f"{place}: log")
        if log_key.name != parse_key_name(document.text("origin"), f"{place}: origin"):
            raise MalformedInput(f"{place}: the log's key is not named by the origin")
        genesis = wire.parse_hex(document.text("genesis"), f"{place}: genesis", size=32)
        pinned = Pinned(log_key=log_key, genesis=genesis, log_at=document.text("log-at"))
    document.end()
    parse_listen(listen, f"{place}: listen")
    return MachineConfig(
        name=parse_custodian_name(name, f"{place}: name"),
        listen=listen,
        pinned=pinned,
        certificate=certificate,
        certificate_key=certificate_key,
        page=page,
        page_origin=page_origin,
        page_certificate=page_certificate,
        page_certificate_key=page_key,
    )


class Machine:
    """The folder of a custodian on its own machine."""

    def __init__(self, path: Path, disk: Disk, config: MachineConfig, *, cost: PassphraseCost = STANDARD) -> None:
        self.path = path
        self.config = config
        self.folder = CustodianFolder(path, disk, origin=OWN, name=config.name, cost=cost)
        self._disk = disk

    @classmethod
    def open(cls, path: Path, disk: Disk, *, cost: PassphraseCost = STANDARD) -> Self:
        """The one in a folder; raises ``MalformedInput`` if there is none."""
        if not disk.is_file(path / CONFIG):
            raise MalformedInput(
                f"{path.name}: not a custodian's folder: it has no {CONFIG}",
                hint="make one with: coffer custodian init",
            )
        return cls(path, disk, parse_machine_config(disk.read(path / CONFIG), CONFIG), cost=cost)

    @property
    def pinned(self) -> Pinned:
        """What it pins of its vault; raises ``MalformedInput`` before it joined one."""
        if self.config.pinned is None:
            raise MalformedInput(
                f"custodian {self.config.name}: belongs to no vault yet",
                hint="coffer custodian join DIR --vault vault.toml --log ADDRESS",
            )
        return self.config.pinned

    def write_config(self) -> None:
        """Store ``custodian.toml``, durably."""
        self._disk.write(self.path / CONFIG, self.config.format())

    def mirror(self) -> FileLog:
        """Its copy of the whole log."""
        return FileLog(self.path / "mirror", self._disk, key=self.pinned.log_key)

    def service(
        self, opener: Opener, *, log: LogReader, clock: Clock, uptime: Callable[[], Uptime] = Uptime
    ) -> CustodianService:
        """The custodian at work. ``opener``: as ``CustodianFolder.unlock`` takes it.

        Raises:
            Refused: wrong passphrase (code ``form``).
        """
        return CustodianService(
            self.folder,
            self.folder.unlock(opener),
            unlock=lambda: self.folder.unlock(opener),
            log=log,
            log_key=self.pinned.log_key,
            genesis=self.pinned.genesis,
            clock=clock,
            mirror=self.mirror(),
            after_sync=self.remove_arrived,
            uptime=uptime,
        )

    def remove_leftovers(self) -> list[str]:
        """Remove what a crash left half-written, and put a damaged mirror aside; what to tell its people."""
        with self._making():
            for path in self._disk.temporaries(self.path / "epoch"):
                self._disk.remove(path)
        with self.folder.exclusively():
            told = self._verify_mirror()
            loose = [path for path in self._disk.children(self.path) if TEMPORARY in path.name]
            within = [
                path for name in ("mirror", "outbox", *FOLDERS) for path in self._disk.temporaries(self.path / name)
            ]
            for path in [*within, *loose]:
                self._disk.remove(path)
        return told

    def _verify_mirror(self) -> list[str]:
        """Put a mirror with a damaged byte aside, because it is served to others. It is fetched again."""
        try:
            self.mirror().remove_orphans()
            self.mirror().verify()
        except (MalformedInput, NotProven, Unavailable) as error:
            folder, aside = self.path / "mirror", self.path / "mirror.damaged"
            self._disk.remove_folder(aside)
            self._disk.publish([(folder, aside)])
            self.folder.outcomes.note(f"mirror put aside: {error.message}")
            return [f"mirror: damaged, put aside as mirror.damaged and fetched again: {error.message}"]
        return []

    def _making(self) -> AbstractContextManager[None]:
        return self._disk.locked(self.path / "making.lock", what=f"custodian {self.config.name}", wait_s=10.0)

    def mirror_file(self, name: str) -> bytes | None:
        """A file of the mirror, for anybody.

        Nothing is read unless ``name`` is one that ``translog.tiling`` gives.
        """
        return read_served(self.path / "mirror", self._disk, name)

    # The outbox.

    def put(self, entries: Iterable[bytes]) -> int:
        """Keep signed entries until the log shows them, durably; how many were not there yet."""
        new = [raw for raw in entries if not self._is_waiting(raw)]
        for raw in new:
            self._disk.write(self._outbox_path(raw), raw, private=True)
        return len(new)

    def _is_waiting(self, raw: bytes) -> bool:
        return self._disk.is_file(self._outbox_path(raw))

    def _outbox_path(self, raw: bytes) -> Path:
        return self.path / "outbox" / waiting_name(waiting_body(raw, "entry"))

    def waiting_names(self) -> tuple[str, ...]:
        """What the entries that wait say (``waiting.waiting_name``)."""
        names = (path.name for path in self._disk.children(self.path / "outbox") if TEMPORARY not in path.name)
        return tuple(sorted(names, key=handing_order))[:MAX_HANDED_OUT]

    def waiting(self) -> list[bytes]:
        """The entries that wait, as they were signed first."""
        return [self._disk.read(self.path / "outbox" / name) for name in self.waiting_names()]

    def waiting_bundle(self, service: CustodianService) -> bytes:
        """The entries that wait, dated now, as an entry bundle (log.md).

        What this custodian did not write is removed and noted.
        """
        entries = []
        for name in self.waiting_names():
            path = self.path / "outbox" / name
            try:
                raw = self._disk.read(path)
                if waiting_name(waiting_body(raw, "outbox")) != name:
                    raise NotProven("outbox: a file of another name")
                entries.append(service.renewed(raw))
            except (MalformedInput, NotProven) as error:
                self.folder.outcomes.note(f"outbox {type(error).__name__}: a file that is not its own was removed")
                self._disk.remove(path)
        return format_bundle(entries)

    def remove_arrived(self, state: State) -> None:
        """Forget the entries that the log shows by now."""
        for raw in self.waiting():
            with suppress(MalformedInput):  # not its own: it is removed when entries are handed out
                body = waiting_body(raw, "outbox")
                if has_arrived(body, self.config.name, state):
                    self._disk.remove(self.path / "outbox" / waiting_name(body))

    def make_epoch_keys(self, service: CustodianService, days: Sequence[dt.date], entropy: Entropy) -> int:
        """Make the keys of the days that have none, and keep the entries that publish them; how many.

        A lock guards this: two processes that both see no key of a day would publish one key and keep the other.
        """
        with self._making():
            return self.put(service.epoch_key_entries(days, entropy))

    def destroy_due_keys(
        self,
        service: CustodianService,
        now: dt.datetime,
        passphrase: Secret,
        entropy: Entropy,
        *,
        may_catch_up: bool = False,
    ) -> list[dt.date]:
        """Destroy the keys that are due, and keep the entries that say so; the days destroyed now.

        If the log cannot be followed, the keys are destroyed all the same, and the entries are signed later.

        Raises:
            Refused: see ``CustodianService.destroy_due``.
        """
        with self._making():
            before = set(self.folder.epoch_days())
            service.destroy_due(now, lambda: passphrase, entropy, may_catch_up=may_catch_up)
            with suppress(Unavailable, NotProven):
                self.put(service.destroy_entries(now))
            return sorted(before - set(self.folder.epoch_days()))

    def take_hold(
        self, service: CustodianService, hold: Hold, headers: Sequence[bytes], now: dt.datetime, entropy: Entropy
    ) -> None:
        """Keep for a hold that is approved here, with the entry that says so; else its note waits for people.

        Raises:
            NotProven, Refused, Unavailable: as ``CustodianService.held_entries``; or the log has no such hold, or too
                many notes wait.
        """
        if hold.commitment not in self.folder.approvals(service.keys):
            self.folder.holds.wait(hold, service.sync(), now, service.keys)
            return
        with self._making():  # the key of a hold must not be made while the wrapping key changes
            for raw in service.held_entries(hold.note.raw, headers, entropy, "hold"):
                self._disk.write(self._outbox_path(raw), raw, private=True)  # it says no less than one that waits

    def give_receipts(self, service: CustodianService, headers: Sequence[bytes]) -> int:
        """Keep a receipt, or an accusation of the ingester, for each of these segments; how many are new."""
        return self.put(
            service.receipt_entries([raw for raw in headers if not self._has_receipt(raw)], is_looking=False)
        )

    def _has_receipt(self, header: bytes) -> bool:
        """Whether one waits already: a header that is sent twice must not make the custodian work twice."""
        return self._disk.is_file(self.path / "outbox" / receipt_name(seg_id_of(header)))

    # What its people are told.

    def write_news(self, service: CustodianService) -> tuple[str, ...]:
        """Keep the unacknowledged changes of the roster for ``status``, which has no keys; the lines."""
        lines, path = tuple(item.format() for item in service.news()), self.path / "news"
        raw = "".join(f"{line}\n" for line in lines).encode("ascii")
        if raw != (self._disk.read(path) if self._disk.is_file(path) else b""):
            self._disk.write(path, raw)
        return lines

    def news(self) -> list[str]:
        """The lines that ``write_news`` kept last."""
        path = self.path / "news"
        return self._disk.read(path).decode("ascii", "replace").splitlines() if self._disk.is_file(path) else []

    # The requests, in short; the rest is in ``folder.requests``.

    @property
    def requests(self) -> Requests:
        """The requests that wait here, and what was decided."""
        return self.folder.requests

    def notes(self, keys: CustodianKeys) -> list[Authorization]:
        """The notes that wait and can be read, those that expire first at the head."""
        return self.requests.notes(keys)

    def note(self, commitment: Commitment, keys: CustodianKeys) -> Authorization | None:
        """The note of a request that waits; None if there is none that can be read."""
        return self.requests.note(commitment, keys)

    def unreadable_notes(self, keys: CustodianKeys) -> list[str]:
        """Names of files in the inbox that are no note to this custodian: changed, or put there."""
        return self.requests.unreadable(keys)

    def keep_approved(self, service: CustodianService, now: dt.datetime, entropy: Entropy) -> int:
        """Countersign every waiting request and hold that enough persons approved; how many.

        The desk fetches the signatures.

        A crash, or a log that cannot be read, may come between an approval and its signature. Then the next call signs.
        """
        approved, holds, kept = self.folder.approvals(service.keys), self.folder.holds, 0
        waiting: list[Requested] = [one for one in self.notes(service.keys) if one.commitment in approved]
        for commitment in holds.waiting_commitments():  # a hold waits on when it is signed, until it ends
            if commitment in approved and not self.requests.is_held(commitment):
                hold = holds.waiting_note(commitment, service.keys)
                waiting += [] if hold is None else [hold]
        for note in waiting:
            with suppress(CofferError):  # it expired or ended since, or the log cannot be read now
                service.verify_stands(note)
                self.requests.keep_signed(service.countersign(note.note.raw, "request"), service.keys, now, entropy)
                kept += 1
        return kept

    def keep_ratified(self, service: CustodianService) -> int:
        """Sign that this custodian ratifies what enough persons agreed to, to be logged; how many are new."""
        service.end_outdated()
        return self.put(service.ratified_entries())

    def waiting_notes(self) -> int:
        """How many notes wait for a person."""
        return self.requests.waiting()

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Be the one service of this folder; ``Unavailable`` if there is one."""
        with self._disk.locked(self.path / "serving.lock", what=f"custodian {self.config.name}", busy=_SERVED):
            yield


_SERVED: Final = ("is served already", "stop that service first")
