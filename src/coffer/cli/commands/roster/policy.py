"""``coffer roster policy``."""

import click

from coffer.cli.console import print_text, say
from coffer.cli.vaults import vault_at
from coffer.ledger.tlog_policy import format_tlog_policy


@click.command(epilog="Example: coffer roster policy vault > vault.policy")
@click.argument("vault")
def policy(vault: str) -> None:
    """Print the log's key, the witnesses and their quorum as a policy file (C2SP tlog-policy).

    Whoever has it from a source that they trust verifies proofs of entries offline: coffer-audit proof.
    """
    opened = vault_at(vault)
    roster = opened.replay().roster
    print_text(format_tlog_policy(roster, opened.pins.log_key).decode("ascii"))
    if not roster.quorum:
        say("the roster asks for no witness: under this policy the log's signature alone counts")
