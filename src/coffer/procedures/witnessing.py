"""Having the newest checkpoint cosigned by the roster's witnesses, at the addresses that the vault's policy gives."""

from collections.abc import Mapping

from coffer.ledger.state import State
from coffer.procedures.run_receipts import policy_of
from coffer.translog.checkpoint import verify_checkpoint
from coffer.translog.witness import Gather
from coffer.vault.folder import Vault


def ask_witnesses(vault: Vault, state: State, gather: Gather) -> Mapping[str, str]:
    """What went wrong, by witness in force; the cosignatures of the others are stored with the checkpoint.

    The witnesses of the roster before are asked too: custodians that missed the change want their cosignatures.
    """
    checkpoint = verify_checkpoint(vault.log.checkpoint(), vault.pins.log_key, "checkpoint")
    size = checkpoint.head.size
    found = gather(
        checkpoint.note,
        size,
        lambda old: vault.log.consistency_proof(old, size),
        list({key.name: key for roster in list(state.rosters.values())[-2:] for key in roster.witnesses}.values()),
        policy_of(vault).witnesses,
    )
    if found.lines:
        vault.log.cosign(found.lines)
    names = {key.name for key in state.roster.witnesses}
    return {name: what for name, what in found.failed.items() if name in names}
