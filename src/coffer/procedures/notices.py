"""The openings of a vault's own desk of which people are told, and the proof of a letter."""

import datetime as dt

from coffer.authority.authorization import Authorization, parse_authorization
from coffer.disclosure.notice import Notice, concerning, entry_indexes, find_notices, proof_files
from coffer.ledger.state import State
from coffer.vault.folder import Vault


def openings_for(vault: Vault, asking: Authorization, now: dt.datetime) -> tuple[Notice, ...] | None:
    """What a person who asks for their own data is told of; None for any other request."""
    if not asking.terms.ordered.is_access:
        return None
    return concerning(notices_of(vault, vault.replay()), asking, now)


def notices_of(vault: Vault, state: State) -> tuple[Notice, ...]:
    """A notice for each authorization that this desk used."""
    return find_notices((parse_authorization(raw, "desk") for raw in vault.desk.kept_notes()), state, vault.desk.told())


def proof_of(vault: Vault, state: State, notice: Notice) -> dict[str, bytes]:
    """The files of a notice's proof, by path."""
    checkpoint = vault.log.checkpoint()
    wanted = sorted({*state.trust_indexes, *entry_indexes(notice)})
    return proof_files(
        notice,
        trust={"origin": vault.pins.origin, "log": vault.pins.log_key.format(), "genesis": vault.pins.genesis.hex()},
        checkpoint=checkpoint,
        logged=vault.logged(wanted, checkpoint),
    )
