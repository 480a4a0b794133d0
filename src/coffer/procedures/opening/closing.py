"""How an opening is closed in the log: with what it gave, or with nothing opened."""

from coffer.authority.authorization import Authorization
from coffer.ledger.entries import CloseEntry
from coffer.ledger.state import State
from coffer.procedures.opening.answer import nothing_opened, with_codes
from coffer.procedures.opening.journal import Journal
from coffer.vault.folder import Vault
from coffer.vault.operator import DESK


def log_close(vault: Vault, state: State, authorization: Authorization, body: CloseEntry) -> None:
    """R5: log the close, with the public codes that the roster asks for."""
    time = vault.writer.entry_time(state)
    took = time - authorization.terms.ordered.received
    body = with_codes(body, took=took, level=state.roster.statistics)
    vault.append([vault.entry(body, vault.operator_key(DESK), state, time=time)], state)


def give_up(vault: Vault, state: State, authorization: Authorization, journal: Journal) -> None:
    """Close an opening with nothing opened, unless that was logged before a crash."""
    if state.openings[journal.intent].close is None:
        log_close(vault, state, authorization, nothing_opened(journal))
    vault.desk.remove_opening(authorization.commitment)
