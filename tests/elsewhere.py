"""A world whose custodians are on machines of their own, in this process or served by processes on 127.0.0.1.

world = Elsewhere.make_elsewhere(tmp_path)          # judge, dpo, regulator; each in its own folder, with its own mirror
with world.serving("judge") as judge:               # a real process, TLS, any free port
    world.open(note, [judge.client(), *world.custodians("dpo", "regulator")])
"""

import datetime as dt
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from fastapi import FastAPI

from coffer.cli.main import run
from coffer.custodian.keys import CustodianKeys
from coffer.custodian.machine.attendant import Attendant
from coffer.custodian.machine.errands import Errands
from coffer.custodian.machine.folder import Machine
from coffer.custodian.machine.server import make_app, make_server
from coffer.custodian.machine.tls import fingerprint_of
from coffer.custodian.service import CustodianService
from coffer.custody.addresses import Address
from coffer.custody.client import HttpCustodian
from coffer.custody.public import PublicKeys
from coffer.disk import Disk
from coffer.ledger.roster import Emergency
from coffer.procedures.roster.found import RosterTerms, complete_vault, found_vault
from world import PASSPHRASE, Someone, World, cheap_passphrases

DEADLINE_S = 20.0


@dataclass
class Process:
    """A served custodian."""

    name: str
    folder: Path
    url: str
    process: subprocess.Popen

    def client(self, *, deadline_s: float = DEADLINE_S, fingerprint: str | None = None) -> HttpCustodian:
        pinned = fingerprint or fingerprint_of((self.folder / "tls.crt").read_bytes(), "tls.crt")
        address = Address(name=self.name, url=self.url, fingerprint=bytes.fromhex(pinned), authorities=None)
        return HttpCustodian(address, deadline_s=deadline_s)

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def memory_mib(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024


@dataclass
class Elsewhere(World):
    names: Sequence[str] = ()
    machines: dict[str, Path] = field(default_factory=dict)

    @classmethod
    def make_elsewhere(
        cls,
        folder: Path,
        *,
        names: Sequence[str] = ("judge", "dpo", "regulator"),
        rules: Sequence[tuple[str, str]] = (("base", "2 of judge,dpo,regulator"),),
        now: dt.datetime | None = None,
        emergency: Emergency | None = None,
    ) -> "Elsewhere":
        cheap_passphrases()
        now = (now or dt.datetime.now(dt.UTC)).replace(microsecond=0)
        secret = folder / "passphrase"
        secret.write_bytes(PASSPHRASE.unsafe_bytes())
        machines = {name: folder / "machines" / name for name in names}
        (folder / "machines").mkdir()
        for name, path in machines.items():
            assert run(["custodian", "init", str(path), "--name", name, "--passphrase-file", str(secret)]) == 0
        outside = Someone(now=now)
        vault = found_vault(
            folder / "vault",
            Disk(),
            origin="test.example/vault",
            custodians=[],
            elsewhere=[PublicKeys.parse((path / f"{name}.pub").read_bytes(), "pub") for name, path in machines.items()],
            terms=RosterTerms(rules=rules, retention_days=365, late_days=30, tally="exact", emergency=emergency),
            passphrase=lambda _name: PASSPHRASE,
            outside=outside,
        )
        roster = vault.path / "roster.note"
        for path in machines.values():
            words = ["custodian", "sign-roster", str(path), str(roster), "--yes", "--passphrase-file", str(secret)]
            assert run(words) == 0
        vault = complete_vault(vault.path, Disk(), outside, roster.read_bytes())
        for path in machines.values():
            words = ["custodian", "join", str(path), "--vault", str(vault.path / "vault.toml")]
            assert run([*words, "--log", str(vault.path / "log")]) == 0
        return cls(path=folder, vault=vault, outside=outside, names=tuple(names), machines=machines)

    @property
    def today(self) -> str:
        return self.now.date().isoformat()

    def machine(self, name: str) -> Machine:
        return Machine.open(self.machines[name], Disk())

    def keys(self, name: str) -> CustodianKeys:
        return self.machine(name).folder.unlock(PASSPHRASE)

    def custodian(self, name: str) -> CustodianService:
        return self.machine(name).service(PASSPHRASE, log=self.vault.log, clock=self.clock, uptime=self.uptime)

    def custodians(self, *names: str) -> list[CustodianService]:
        return [self.custodian(name) for name in names or self.names]

    def with_records(self) -> "Elsewhere":
        """Epoch keys and two records of today."""
        self.epoch(self.today, self.today)
        self.ingest(
            f"+33612345678,+33698765432,{self.today} 00:00:00,60\n+33698765432,+33612345678,{self.today} 00:00:01,5\n"
        )
        return self

    def note_of_today(self, **changes: object) -> bytes:
        return self.authorize(by=self.names, days=[(self.today, self.today)], **changes)

    def attendant(self, name: str, service: CustodianService | None = None) -> Attendant:
        return Attendant(
            self.machine(name),
            service or self.custodian(name),
            passphrase=PASSPHRASE,
            clock=self.clock,
            entropy=os.urandom,
            epoch_ahead=0,
        )

    def errands(
        self, name: str, service: CustodianService | None = None, attendant: Attendant | None = None
    ) -> Errands:
        service = service or self.custodian(name)
        attendant = attendant or self.attendant(name, service)
        return Errands(
            self.machine(name), service, attendant, clock=self.clock, timer=time.monotonic, entropy=os.urandom
        )

    def app(self, name: str, service: CustodianService | None = None, errands: Errands | None = None) -> FastAPI:
        service = service or self.custodian(name)
        return make_app(service, errands or self.errands(name, service))

    @contextmanager
    def serving(self, name: str) -> Iterator[Process]:
        words = ["custodian", "serve", str(self.machines[name]), "--listen", "127.0.0.1:0", "--epoch-ahead", "0"]
        process = subprocess.Popen(
            [sys.executable, "-m", "coffer.cli.main", *words, "--passphrase-file", str(self.path / "passphrase")],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            url = process.stdout.readline().strip()
            assert url.startswith("https://127.0.0.1:"), process.stderr.read()
            yield Process(name=name, folder=self.machines[name], url=url, process=process)
        finally:
            if process.poll() is None:
                process.kill()
            process.communicate(timeout=20)

    @contextmanager
    def serving_here(self, name: str, service: CustodianService | None = None) -> Iterator[HttpCustodian]:
        """A server in a thread of this process, over plain http; for custodians that lie."""
        with served_here(self.app(name, service)) as url:
            client = HttpCustodian(
                Address(name=name, url=url, fingerprint=None, authorities=None), deadline_s=DEADLINE_S
            )
            yield client
            client.close()


@contextmanager
def served_here(app) -> Iterator[str]:
    server = make_server(app, host="127.0.0.1", port=0, tls=None)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until = time.monotonic() + 20
    while not server.started:
        assert time.monotonic() < until
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)


def write_addresses(world: Elsewhere, served: dict[str, Process]) -> None:
    """``custodians.toml`` of the vault, for those that are served."""
    lines = []
    for name, process in served.items():
        pinned = fingerprint_of((world.machines[name] / "tls.crt").read_bytes(), name)
        lines.append(f'[{name}]\nurl = "{process.url}"\nfingerprint = "{pinned}"\n')
    (world.vault.path / "custodians.toml").write_text("\n".join(lines))
