"""``coffer roster``: who the custodians are, under which rules."""

import click

from coffer.cli.groups import LazyGroup, Listed


@click.group(
    cls=LazyGroup,
    package=__name__,
    listed=(
        Listed("show", "Show the roster in force, or list all of them."),
        Listed("policy", "Print the log's key, the witnesses and their quorum as a policy file (C2SP tlog-policy)."),
        Listed("propose", "Write the roster that is to be: the one in force with changes."),
        Listed("sign", "Show exactly what would change, and sign it."),
        Listed("publish", "Log a roster that is signed by all that must; it is in force from then on."),
        Listed("absence", "Write that an indispensable custodian is gone for good, for the others to sign."),
        Listed("object", "Say in the log that a custodian is there, though all others say that it is gone."),
        Listed("acknowledge", "Show what changed in the roster, and keep that a custodian's people have read it."),
    ),
    epilog="Example: coffer roster propose vault --replace judge=judge2 -o roster.note, then coffer roster sign vault roster.note --as dpo, "
    "then coffer roster publish vault roster.note",
)
def roster() -> None:
    """Show, change and publish who the custodians are and which rules hold.

    A change holds from its publication on. What was sealed before keeps the roster it was sealed under.
    """
