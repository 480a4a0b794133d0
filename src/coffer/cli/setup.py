"""``coffer init`` and ``coffer epoch``."""

import datetime as dt
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click

from coffer import wire
from coffer.cli.console import Passphrases, clock, console, operator_passphrase, read_file, say, uptime
from coffer.cli.vaults import Network, vault_at
from coffer.custodian.service import CustodianService
from coffer.custody.public import PublicKeys
from coffer.disk import Disk
from coffer.errors import CofferError, MalformedInput, NotProven
from coffer.ledger.cosigning import describe_majorities
from coffer.ledger.roster import parse_roster
from coffer.notes.keys import Secret
from coffer.notes.note import parse_note
from coffer.procedures.roster.found import DEFAULT_WAITING_DAYS, ROSTER, found_vault
from coffer.vault.folder import Vault
from coffer.vault.policy import MAX_HOURS
from coffer.visible import counted

MAX_EPOCH_DAYS = 3_700
"""Ten years of keys at once: more is a typing mistake."""


@click.command(
    epilog="Example: coffer init vault --origin example.org/coffer --custodian judge --custodian dpo --custodian regulator "
    "--rule 'base=2 of judge,dpo,regulator' --retention-days 365 --late-days 30 --tally epsilon=0.1"
)
@click.argument("vault")
@click.option("--origin", required=True, help="Name of the vault and its log, for example example.org/coffer.")
@click.option("--custodian", "custodians", multiple=True, help="Name of a custodian in this folder; repeat for each.")
@click.option(
    "--custodian-keys",
    "key_files",
    multiple=True,
    metavar="NAME.pub",
    help="Public keys of a custodian on its own machine; repeat for each (2 to 9 custodians in all).",
)
@click.option(
    "--rule",
    "rules",
    multiple=True,
    required=True,
    metavar="NAME=RULE",
    help="'base=2 of a,b,c', or for a country's numbers 'FR=2 of a,b,c and d'.",
)
@click.option("--retention-days", type=int, required=True, help="Days after which the keys of a day are destroyed.")
@click.option("--late-days", type=int, required=True, help="Records older than this are refused at ingest.")
@click.option(
    "--waiting-days",
    type=int,
    default=DEFAULT_WAITING_DAYS,
    show_default=True,
    help="How long an indispensable custodian that is said to be gone may object before the others replace it.",
)
@click.option(
    "--tally", default="epsilon=0.1", show_default=True, help="epsilon=E for differentially private totals, or exact."
)
@click.option("--witness", "witnesses", multiple=True, metavar="VKEY", help="A witness of the log; repeat for each.")
@click.option("--quorum", type=int, default=0, help="How many witnesses must cosign before custodians answer.")
@click.option(
    "--receipts-within",
    type=click.IntRange(1, MAX_HOURS),
    metavar="HOURS",
    help="Stop ingest while a receipt is missing for longer; without it, ingest only warns after 24 hours.",
)
@click.option(
    "--passphrase-file", help="File with the passphrase of every custodian made here; else the environment or a prompt."
)
def init(
    vault: str,
    origin: str,
    custodians: tuple[str, ...],
    key_files: tuple[str, ...],
    rules: tuple[str, ...],
    retention_days: int,
    late_days: int,
    waiting_days: int,
    tally: str,
    witnesses: tuple[str, ...],
    quorum: int,
    receipts_within: int | None,
    passphrase_file: str | None,
) -> None:
    """Make a vault with its custodians' keys and the first entry of its log."""
    pairs = []
    for rule in rules:
        name, equals, expression = rule.partition("=")
        if not equals:
            raise MalformedInput(
                f"--rule {rule}: expected NAME=RULE", hint="for example: --rule 'base=2 of judge,dpo,regulator'"
            )
        pairs.append((name, expression))
    if quorum > len(witnesses):
        raise MalformedInput(
            f"--quorum {quorum}: {counted(len(witnesses), 'witness')} named",
            hint="name each: --witness VKEY, from coffer witness init",
        )
    passphrases = Passphrases(passphrase_file)
    made = found_vault(
        Path(vault),
        Disk(),
        origin=origin,
        custodians=custodians,
        elsewhere=[PublicKeys.parse(read_file(name), Path(name).name) for name in key_files],
        rules=pairs,
        retention_days=retention_days,
        late_days=late_days,
        waiting_days=waiting_days,
        tally=tally.replace("epsilon=", "epsilon ", 1),
        witnesses=witnesses,
        quorum=quorum,
        receipts_within=None if receipts_within is None else dt.timedelta(hours=receipts_within),
        passphrase=lambda name: passphrases.get(name, is_new=True),
        operator_passphrase=operator_passphrase(),
        outside=Network(),
    )
    out = console()
    out.print(f"vault    {vault}")
    out.print(f"origin   {made.pins.origin}")
    out.print(f"log key  {made.pins.log_key.format()}", soft_wrap=True)
    out.print(f"genesis  {made.pins.genesis.hex()}", soft_wrap=True)
    if key_files:
        roster = parse_note(made.disk.read(made.path / ROSTER), ROSTER)
        for line in describe_majorities(parse_roster(roster.text, ROSTER)):
            say(line)
        say(f"the custodians elsewhere sign {vault}/roster.note: coffer custodian sign-roster DIR roster.note")
        say(f"next: coffer complete {vault} roster.note")
        return
    for line in describe_majorities(made.replay().roster):
        say(line)
    say("give the last three lines to every custodian and auditor: they pin them")
    if quorum:
        say(
            f"give the log key to the witnesses, put their addresses into {vault}/policy.toml, then: coffer witness gather {vault}"
        )
    say(f"next: coffer epoch {vault} --days FIRST LAST")


@click.command(epilog="Example: coffer epoch vault --days 2026-11-01 2026-11-30")
@click.argument("vault")
@click.option(
    "--days", "ranges", nargs=2, multiple=True, required=True, metavar="FIRST LAST", help="Days (UTC) to make keys for."
)
@click.option("--passphrase-file", help="File with the custodians' passphrase; else the environment or a prompt.")
def epoch(vault: str, ranges: tuple[tuple[str, str], ...], passphrase_file: str | None) -> None:
    """Let every local custodian make and publish its key of each day. Days that have keys are left as they are."""
    days = sorted({day for first, last in ranges for day in _days(first, last)})
    opened, passphrases = vault_at(vault), Passphrases(passphrase_file)
    roster = opened.replay().roster
    names = [name for name in opened.custodian_names() if roster.custodian(name)]
    for name in names:
        passphrases.get(name)  # a prompt must not hold the vault up
    with opened.writing() as state:
        services = unlock(opened, passphrases, names)
        entries = [entry for service in services for entry in service.epoch_key_entries(days, os.urandom)]
        if entries:
            opened.append(entries, state)
    if not services:
        say(
            "no custodian is in this folder: those on machines of their own make their keys there, and coffer sync fetches them"
        )
    console().print(
        f"{counted(len(entries), 'epoch key')} published for {counted(len(days), 'day')} and {counted(len(services), 'custodian')}"
    )


def _days(first: str, last: str) -> list[dt.date]:
    start, end = wire.parse_day(first, "--days"), wire.parse_day(last, "--days")
    count = (end - start).days + 1
    if not 1 <= count <= MAX_EPOCH_DAYS:
        raise MalformedInput(f"--days: {count} days, expected 1 to {MAX_EPOCH_DAYS}, first before last")
    return [start + dt.timedelta(days=n) for n in range(count)]


def unlock(
    vault: Vault, passphrases: Passphrases, names: list[str], *, may_skip: bool = False
) -> list[CustodianService]:
    """The local custodians at work. With ``may_skip``, one without a passphrase at hand is left out.

    It does not answer.
    """
    given = {name: passphrases.get_or_skip(name) if may_skip else passphrases.get(name) for name in names}
    for name in (name for name, passphrase in given.items() if passphrase is None):
        say(f"custodian {name}: no passphrase given, so it does not answer")
    with ThreadPoolExecutor() as pool:  # while one passphrase is stretched, the log is replayed for another
        started = list(pool.map(lambda name: _start(vault, name, given[name]), given))
    services = []
    for name, found in zip(given, started, strict=True):
        if isinstance(found, CofferError):
            if not may_skip:
                raise found
            say(f"custodian {name} does not answer: {found.message}")
        elif found is not None:
            services.append(found)
    return services


def _start(vault: Vault, name: str, passphrase: Secret | None) -> CustodianService | CofferError | None:
    """A custodian at work; or what keeps it from answering; None without a passphrase.

    Raises:
        CofferError: its keys cannot be unlocked.
    """
    if passphrase is None:
        return None
    folder = vault.custodian(name)
    service = CustodianService(
        folder,
        folder.unlock(passphrase),
        log=vault.log,
        log_key=vault.pins.log_key,
        genesis=vault.pins.genesis,
        clock=clock,
        uptime=uptime,
    )
    try:
        service.verify_ready()
    except (MalformedInput, NotProven) as error:
        return error
    return service
