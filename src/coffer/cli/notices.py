"""The openings of a vault's own desk, of which people are told."""

from coffer.authority.authorization import Authorization, parse_authorization
from coffer.cli.console import clock
from coffer.disclosure.notice import SUBJECT_ACCESS, Notice, concerning, find_notices
from coffer.ledger.state import State
from coffer.vault.folder import Vault


def openings_for(vault: Vault, asking: Authorization) -> tuple[Notice, ...] | None:
    """What a person who asks for their own data is told of; None for any other request."""
    if asking.terms.basis != SUBJECT_ACCESS:
        return None
    return concerning(notices_of(vault, vault.replay()), asking, clock())


def notices_of(vault: Vault, state: State) -> tuple[Notice, ...]:
    """A notice for each authorization that this desk used."""
    return find_notices((parse_authorization(raw, "desk") for raw in vault.desk.kept_notes()), state, vault.desk.told())
