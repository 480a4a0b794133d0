"""The custodians that a command works with: in the vault's folder, and on other machines."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING

from coffer.cli.console import clock, say, uptime
from coffer.cli.passphrases import Passphrases
from coffer.errors import MalformedInput
from coffer.extras import extra
from coffer.vault.folder import Vault

if TYPE_CHECKING:
    from coffer.custody.client import HttpCustodian
from concurrent.futures import ThreadPoolExecutor

from coffer.custodian.folder import CustodianFolder
from coffer.custodian.keys import CustodianKeys
from coffer.custodian.service import CustodianService
from coffer.errors import CofferError, NotProven
from coffer.notes.keyfile import Opener


@contextmanager
def remote_custodians(vault: Vault, deadline_s: float) -> Iterator[list["HttpCustodian"]]:
    """The custodians of ``custodians.toml``, none of them spoken to yet.

    Their connections are closed at the end, whatever happens.
    """
    addresses = vault.addresses()
    if not addresses:
        yield []
        return
    with extra("web"):
        from coffer.custody.client import HttpCustodian  # noqa: PLC0415 - an extra; without addresses nobody needs it
    both = {address.name for address in addresses} & set(vault.custodian_names())
    if both:
        raise MalformedInput(f"custodians.toml: {', '.join(sorted(both))}: a custodian of this folder too")
    for address in addresses:
        if address.is_plain:
            say(f"custodian {address.name}: plain http: nothing but this machine protects what is asked")
    with ExitStack() as held:
        yield [held.enter_context(closing(HttpCustodian(address, deadline_s=deadline_s))) for address in addresses]


def unlock(
    vault: Vault, passphrases: Passphrases, names: list[str], *, may_skip: bool = False
) -> list[CustodianService]:
    """The local custodians at work.

    With ``may_skip``, a custodian without a passphrase at hand is left out: it does not answer.
    """
    folders = {name: vault.custodian(name) for name in names}
    ask = passphrases.opener_or_skip if may_skip else passphrases.opener
    given = {name: ask(folder) for name, folder in folders.items()}
    for name in (name for name, opener in given.items() if opener is None):
        say(f"custodian {name}: no passphrase given, so it does not answer")
    with ThreadPoolExecutor() as pool:  # while one passphrase is stretched, the log is replayed for another
        started = list(pool.map(lambda name: _start(vault, folders[name], passphrases, given[name]), given))
    services = []
    for name, outcome in zip(given, started, strict=True):
        if isinstance(outcome, CofferError):
            if not may_skip:
                raise outcome
            say(f"custodian {name} does not answer: {outcome.message}")
        elif outcome is not None:
            services.append(outcome)
    return services


def _start(
    vault: Vault, folder: CustodianFolder, passphrases: Passphrases, opener: Opener | None
) -> CustodianService | CofferError | None:
    """A custodian at work, or the error that keeps it from answering; None without a passphrase.

    Raises:
        CofferError: its keys cannot be unlocked.
    """
    if opener is None:
        return None
    service = at_work(vault, folder, passphrases.unlocked(folder, opener), opener)
    try:
        service.verify_ready()
    except (MalformedInput, NotProven) as error:
        return error
    return service


def at_work(vault: Vault, folder: CustodianFolder, keys: CustodianKeys, opener: Opener) -> CustodianService:
    """A custodian with these keys. If another command writes its key file anew, they are read again."""
    return CustodianService(
        folder,
        keys,
        unlock=lambda: folder.unlock(opener),
        log=vault.log,
        log_key=vault.pins.log_key,
        genesis=vault.pins.genesis,
        clock=clock,
        uptime=uptime,
    )
