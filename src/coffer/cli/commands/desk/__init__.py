"""``coffer desk``: who works at the desk."""

import click

from coffer.cli.groups import LazyGroup, Listed


@click.group(
    cls=LazyGroup,
    package=__name__,
    listed=(
        Listed("invite", "Print an invitation to the desk: a code for one passkey, shown once."),
        Listed("people", "List who works at the desk, with their roles and passkeys."),
        Listed("revoke", "End somebody's access to the desk: their passkeys and sessions stop at once."),
    ),
    epilog='Example: coffer desk invite vault --role head --name "H. Head", then coffer desk people vault',
)
def desk() -> None:
    """Say who works at the desk that coffer serve shows."""
