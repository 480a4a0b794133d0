"""``coffer hold``: preserve somebody's records beyond their retention, unread."""

import click

from coffer.cli.groups import LazyGroup, Listed


@click.group(
    cls=LazyGroup,
    package=__name__,
    listed=(
        Listed("make", "Turn an order to preserve into a hold, and log it: custodians may keep from then on."),
        Listed("keep", "Let custodians keep for a hold that they approved."),
        Listed("extend", "Ask that a hold last longer; custodians approve that as they did the hold."),
        Listed("release", "End a hold: what custodians kept for it is destroyed."),
        Listed("list", "List the holds of the log: how each stands, until when, and who keeps."),
    ),
    epilog="""\b
Example: coffer hold make vault --subject tel:+33612345678 ... -o hold.note
coffer countersign vault hold.note --as judge
and once it may be opened: coffer open vault request.note --hold hold.note""",
)
def hold() -> None:
    """Preserve somebody's records beyond their retention, and read nothing.

    Custodians that approve a hold keep what they would answer for these subjects, days and kinds, and their keys die on
    time for everybody else. An ordinary request opens it later.
    """
