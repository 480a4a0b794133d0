"""The desk and the operator's page as ``coffer serve --desk`` serves them.

One process works on a vault and a store.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from coffer import __version__
from coffer.bounds import LOOPBACK
from coffer.cli.console import say
from coffer.cli.custodians import unlock
from coffer.cli.demonstration.banner import demonstration_of
from coffer.cli.passphrases import Passphrases
from coffer.cli.servers import Listener
from coffer.cli.vaults import LOOK_S
from coffer.custodian.machine.tls import server_context
from coffer.custodian.service import CustodianService
from coffer.custody.client import HttpCustodian
from coffer.custody.port import Custodian
from coffer.errors import CofferError, MalformedInput
from coffer.extras import extra
from coffer.notify.settings import NOTIFY, Settings, parse_settings
from coffer.procedures.backup import backup_figures
from coffer.procedures.duty.figures import board_figures
from coffer.procedures.duty.look import Lookout
from coffer.serving.crowd import Crowd
from coffer.serving.figures import Figure
from coffer.serving.listen import parse_listen
from coffer.vault.folder import Vault

with extra("pages"):
    from coffer.desk.outgoing import dispatch
    from coffer.desk.store.connected import SqlStore, connected
    from coffer.desk.store.engine import database_url
    from coffer.passkeys.passkey import parse_site
    from coffer.web.desk.app import desk_app
    from coffer.web.desk.office import Office
    from coffer.web.ground.site import Site, parse_site_origin
    from coffer.web.operator.app import Duty

TELL_S: Final = 20.0
"""Between two rounds of notifications."""
REMIND_S: Final = 300.0
"""Between two looks at the deadlines of all open cases."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskOptions:
    """What ``coffer serve`` was told about its desk. ``certificate``, ``key``: of TLS; both or neither."""

    listen: str
    origin: str | None
    operator: str
    database: str | None
    home: str
    deadline_s: float
    certificate: str | None = None
    key: str | None = None


class DeskAtWork:
    """A desk with its background; ``listener`` is served by the caller between ``start`` and ``stop``."""

    def __init__(self, vault: Vault, options: DeskOptions, local: Sequence[CustodianService]) -> None:
        self._vault, self._local, self._deadline_s = vault, local, options.deadline_s
        self._store = store_of(vault, options.database)
        self._office = Office(vault, self._store, self._custodians, home=options.home, version=__version__)
        self._duty = Duty(look=Lookout(vault, self._watched, time.monotonic, vault.replay, self._store.given_up).board)
        self._settings = _settings_of(vault)
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        try:
            self.listener = self._listener(options)
        except BaseException:
            self._store.close()
            raise

    def _listener(self, options: DeskOptions) -> Listener:
        host, port = parse_listen(options.listen, "--desk")
        if (options.certificate is None) != (options.key is None):
            raise MalformedInput("--desk-certificate, --desk-key: expected both or neither")
        origin = options.origin or f"http://localhost:{port}"
        parse_site_origin(origin, "--desk-origin")
        party = parse_site(origin, "--desk-origin", name=f"Coffer desk, {options.operator}")
        if port == 0:
            raise MalformedInput("--desk: port 0, expected a fixed one", hint="passkeys belong to one address")
        tls = None
        if options.certificate is not None and options.key is not None:
            context = server_context(Path(options.certificate), Path(options.key))
            tls = lambda: context  # noqa: E731 - the server asks for a function
        elif host not in LOOPBACK:
            raise MalformedInput(
                "--desk: plain http is for this machine only",
                hint="listen on 127.0.0.1 behind a TLS proxy, or give --desk-certificate and --desk-key",
            )
        site = Site(
            party="desk",
            operator=options.operator,
            origin=origin,
            tag="desk",
            log=self._vault.pins.origin,
            demonstration=demonstration_of("desk"),
        )
        crowd = Crowd(time.monotonic)
        notice = demonstration_of("operator")
        app = desk_app(self._office, site, party=party, crowd=crowd, duty=self._duty, duty_notice=notice)
        return Listener(app=app, crowd=crowd, what="desk", tls=tls, address=origin)

    @contextmanager
    def _custodians(self) -> Iterator[Sequence[Custodian]]:
        with ExitStack() as held:
            remotes = [held.enter_context(closing(one)) for one in self._remotes(self._deadline_s)]
            yield [*self._local, *remotes]

    def _watched(self) -> Sequence[HttpCustodian]:
        return self._remotes(LOOK_S)

    def _remotes(self, deadline_s: float) -> list[HttpCustodian]:
        """The custodians of ``custodians.toml`` as it is now, none of them spoken to yet."""
        local = {one.name for one in self._local}
        addresses = [address for address in self._vault.addresses() if address.name not in local]
        return [HttpCustodian(address, deadline_s=deadline_s) for address in addresses]

    def start(self) -> None:
        """Begin the background work.

        It asks custodians, looks at deadlines, sends notifications, and looks around for the operator's page.
        """
        plain = [address.name for address in self._vault.addresses() if address.is_plain]
        if plain:
            say(f"custodians {', '.join(plain)}: plain http: nothing but this machine protects what is asked")
        self._duty.start()
        self._begin("asking", self._office.attend)
        self._begin("telling", lambda: self._again(TELL_S, self._tell))
        self._begin("reminding", lambda: self._again(REMIND_S, self._remind))

    def figures(self) -> Sequence[Figure]:
        """What the operator's page saw last, and when the last backup was made, as figures."""
        return [*board_figures(self._duty.board), *backup_figures(self._vault)]

    def stop(self) -> None:
        """End the background, and close the store; an opening that runs is taken up at the next start."""
        self._stop.set()
        self._office.stop()
        self._duty.stop()
        for thread in self._threads:
            thread.join(REMIND_S)
        self._store.close()

    def _tell(self) -> None:
        clock = self._vault.outside.clock
        outcome = dispatch(self._store, self._settings, clock=clock, entropy=self._vault.outside.entropy)
        if outcome.trouble is not None:
            say(f"desk: a notification was not sent: {outcome.trouble}")

    def _remind(self) -> None:
        self._office.flow.remind(self._vault.replay(), self._vault.outside.clock())

    def _begin(self, name: str, act: Callable[[], None]) -> None:
        thread = threading.Thread(target=act, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _again(self, every_s: float, act: Callable[[], object]) -> None:
        while not self._stop.wait(every_s):
            try:
                act()
            except CofferError as error:  # the next round comes; the message names nobody
                say(f"desk: {error.message}")


def _settings_of(vault: Vault) -> Settings:
    """How notifications leave, as ``notify.toml`` of the vault says; nowhere without it."""
    path = vault.path / NOTIFY
    if not vault.disk.is_file(path):
        return Settings()
    return parse_settings(vault.disk.read(path), NOTIFY, read=lambda name: vault.disk.read(vault.path / name))


def store_of(vault: Vault, database: str | None) -> SqlStore:
    """The desk's store: in the vault's folder, or where ``--database`` says."""
    return connected(database_url(vault.path, database), vault.database_key(), os.urandom)


def local_custodians(vault: Vault, passphrase_file: str | None) -> list[CustodianService]:
    """The custodians in the vault's folder whose passphrase is at hand."""
    vault.replay()
    # This process stays: it must open key files that are written anew, which no agent can.
    return unlock(vault, Passphrases(passphrase_file, asks_agent=False), vault.custodian_names(), may_skip=True)
