"""``coffer custodian``: a custodian on its own machine."""

import click

from coffer.cli.groups import LazyGroup, Listed


@click.group(
    cls=LazyGroup,
    package=__name__,
    listed=(
        Listed("init", "Make the custodian's keys and its certificate."),
        Listed("join", "Pin a vault: its origin, its log's key, its first roster, and where its log is."),
        Listed("sign-roster", "Show a roster, or what a new one changes, and sign it."),
        Listed("epoch", "Make this custodian's keys of these days."),
        Listed("serve", "Answer requests over TLS until it is told to stop."),
        Listed("status", "Show the vault, the log, what waits, and whether the custodian is frozen."),
        Listed("review", "List the requests that wait, or verify one and show it."),
        Listed("order", "List the files of a request's order, or write them out to be read."),
        Listed("ask", "Ask the desk one question about a request that was sent here."),
        Listed("approve", "Approve a request: show it, keep that it is approved, and sign it."),
        Listed("refuse", "Refuse a request, or take an approval back."),
        Listed("ratify", "Agree, afterwards, to what was opened under a request in an emergency."),
        Listed("revoke", "End an authorization or a hold for everyone, once the log says so."),
        Listed("authorities", "Keep this custodian's own list of authorities that it has called back."),
        Listed("protect", "Keep this custodian's list of people whose records need every signature."),
        Listed("people", "Keep who decides for this custodian by passkey, and how many of them must agree."),
        Listed("approvals", "Show to an auditor what persons of this custodian agreed to, signed by it."),
        Listed("acknowledge", "Show what changed in the roster, and keep that it was read."),
        Listed("object", "Say that this custodian is there, though all others say that it is gone."),
        Listed("destroy", "Destroy the keys of every day whose retention is over."),
    ),
    epilog="Example: coffer custodian init judge/ --name judge; then join, serve, review, approve or refuse.",
)
def custodian() -> None:
    """Be a custodian on a machine of your own.

    It holds its keys, runs its service, and decides the requests that wait.
    """
