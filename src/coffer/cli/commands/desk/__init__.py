"""``coffer desk``: who works at the desk."""

from typing import Final

import click

from coffer.cli.groups import LazyGroup, Listed

LISTED: Final = (
    Listed("invite", "Print an invitation to the desk: a code for one passkey, shown once."),
    Listed("people", "List who works at the desk, with their roles and passkeys."),
    Listed("revoke", "End somebody's access to the desk: their passkeys and sessions stop at once."),
)


@click.group("desk", cls=LazyGroup, package=__name__, listed=LISTED)
def desk() -> None:
    """Say who works at the desk that coffer serve shows."""
