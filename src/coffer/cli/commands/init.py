"""``coffer init``."""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import click

from coffer.cli.console import console, operator_passphrase, read_file, say
from coffer.cli.passphrases import Passphrases
from coffer.cli.vaults import Network
from coffer.custody.check_words import words_of, words_of_key
from coffer.custody.public import PublicKeys
from coffer.disk import Disk
from coffer.errors import MalformedInput
from coffer.ledger.changes import describe_emergency
from coffer.ledger.codes import DEFAULT_LEVEL, LEVELS
from coffer.ledger.cosigning import describe_majorities
from coffer.ledger.roster import DEFAULT_RATIFY_HOURS, MAX_RATIFY_HOURS, Emergency, parse_roster
from coffer.notes.keyfile import verify_passphrase
from coffer.notes.note import parse_note
from coffer.objects.address import parse_address
from coffer.procedures.roster.found import DEFAULT_WAITING_DAYS, ROSTER, RosterTerms, found_vault
from coffer.sequencer.address import parse_checkpoint_address
from coffer.vault.folder import Vault
from coffer.vault.policy import MAX_HOURS
from coffer.visible import counted

_SEVERAL = (
    "each further machine is given copies of vault.toml, objects.toml, checkpoints.toml, policy.toml, custodians.toml, "
    "no-index.txt and operator/keys, and of nothing else"
)


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
    help="'base=2 of a,b,c', or for a country's numbers 'FR=2 of a,b,c and d'; K of at least 2K - 1, from 2 of 3 on.",
)
@click.option(
    "--emergency",
    metavar="RULE",
    help="'2 of a,b,c': who may open in an emergency at once, and owes the ratification by the rule.",
)
@click.option(
    "--ratify-hours",
    type=click.IntRange(1, MAX_RATIFY_HOURS),
    default=DEFAULT_RATIFY_HOURS,
    show_default=True,
    help="Hours in which an emergency must be ratified; it needs --emergency.",
)
@click.option("--retention-days", type=int, required=True, help="Days after which the keys of a day are destroyed.")
@click.option("--late-days", type=int, required=True, help="Days after which a record is too old to be ingested.")
@click.option(
    "--waiting-days",
    type=int,
    default=DEFAULT_WAITING_DAYS,
    show_default=True,
    help="Days in which an indispensable custodian that is said to be gone may object, before the others replace it.",
)
@click.option(
    "--tally",
    default="epsilon=0.1",
    show_default=True,
    help="Noise of the published counts: epsilon=E (smaller is noisier), or exact for none.",
)
@click.option(
    "--statistics",
    type=click.Choice(LEVELS),
    default=DEFAULT_LEVEL,
    show_default=True,
    help="How much of each order the log tells at once for statistics.",
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
    "--objects",
    metavar="s3://BUCKET/PREFIX",
    help="Keep segments and tallies there, not in the folder. Credentials: as the store's own tools find them.",
)
@click.option(
    "--checkpoints",
    metavar="postgresql://[HOST]/NAME",
    help="Let several machines write the log: its checkpoint is swapped there, or in sqlite:/PATH. Needs --objects. "
    "Credentials: as libpq finds them.",
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
    emergency: str | None,
    ratify_hours: int,
    retention_days: int,
    late_days: int,
    waiting_days: int,
    tally: str,
    statistics: str,
    witnesses: tuple[str, ...],
    quorum: int,
    receipts_within: int | None,
    objects: str | None,
    checkpoints: str | None,
    passphrase_file: str | None,
) -> None:
    """Make a vault with its custodians' keys and the first entry of its log."""
    pairs = _pairs(rules)
    if quorum > len(witnesses):
        raise MalformedInput(
            f"--quorum {quorum}: {counted(len(witnesses), 'witness')} named",
            hint="name each: --witness VKEY, from coffer witness init",
        )
    if checkpoints is not None and objects is None:
        raise MalformedInput(
            "--checkpoints: without --objects", hint="machines that write one log read each other's segments in a store"
        )
    passphrases, of_operator = Passphrases(passphrase_file), operator_passphrase()
    if of_operator is not None:
        verify_passphrase(of_operator, "the operator")
    made = found_vault(
        Path(vault),
        Disk(),
        origin=origin,
        custodians=custodians,
        elsewhere=[PublicKeys.parse(read_file(name), Path(name).name) for name in key_files],
        terms=RosterTerms(
            rules=pairs,
            retention_days=retention_days,
            late_days=late_days,
            waiting_days=waiting_days,
            tally=tally.replace("epsilon=", "epsilon ", 1),
            statistics=statistics,
            witnesses=witnesses,
            quorum=quorum,
            emergency=Emergency(expression=emergency, ratify_hours=ratify_hours) if emergency else None,
        ),
        receipts_within=None if receipts_within is None else dt.timedelta(hours=receipts_within),
        passphrase=lambda name: passphrases.get(name, is_new=True),
        operator_passphrase=of_operator,
        outside=Network(),
        objects=None if objects is None else parse_address(objects, "--objects"),
        checkpoints=None if checkpoints is None else parse_checkpoint_address(checkpoints, "--checkpoints"),
    )
    _print_pins(made, vault, key_files)
    if checkpoints is not None:
        say(_SEVERAL)
    for number, witness in enumerate(witnesses, 1):
        say(f"words of the key of witness {number}, which its operator should hear from you: {words_of_key(witness)}")
    _say_next(made, vault, is_complete=not key_files, has_witnesses=quorum > 0)


def _pairs(rules: Sequence[str]) -> list[tuple[str, str]]:
    """Name and expression of each rule, as typed."""
    pairs = []
    for rule in rules:
        name, equals, expression = rule.partition("=")
        if not equals:
            raise MalformedInput(
                f"--rule {rule}: expected NAME=RULE", hint="for example: --rule 'base=2 of judge,dpo,regulator'"
            )
        pairs.append((name, expression))
    return pairs


def _print_pins(made: Vault, vault: str, key_files: Sequence[str]) -> None:
    """What everybody pins, and the words to read to those who do."""
    out = console()
    out.print(f"vault    {vault}")
    out.print(f"origin   {made.pins.origin}")
    out.print(f"log key  {made.pins.log_key.format()}", soft_wrap=True)
    out.print(f"genesis  {made.pins.genesis.hex()}", soft_wrap=True)
    out.print(f"words    {words_of(made.pins.format())}", soft_wrap=True)
    for name in key_files:
        out.print(f"words of {Path(name).name}: {words_of(read_file(name))}", soft_wrap=True)


def _say_next(made: Vault, vault: str, *, is_complete: bool, has_witnesses: bool) -> None:
    """What the roster means, and what to do now. ``is_complete``: the log has begun."""
    founded = (
        made.replay().roster
        if is_complete
        else parse_roster(parse_note(made.disk.read(made.path / ROSTER), ROSTER).text, ROSTER)
    )
    for line in (*describe_majorities(founded), *describe_emergency(founded)):
        say(line)
    if not is_complete:
        say(f"the custodians elsewhere sign {vault}/roster.note: coffer custodian sign-roster DIR roster.note")
        say(f"next: coffer complete {vault} roster.note")
        return
    say(f"give {vault}/vault.toml to every custodian and auditor: they pin it, and hear the words from you")
    if has_witnesses:
        say(
            f"give the log key to the witnesses, put their addresses into {vault}/policy.toml, then: coffer witness gather {vault}"
        )
    say(f"next: coffer epoch {vault} --days FIRST LAST")
