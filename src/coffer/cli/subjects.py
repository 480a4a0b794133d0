"""Subjects as people type them, in the one spelling that is signed."""

from collections.abc import Sequence

import click

from coffer.cli.console import console
from coffer.identity.identifier import SUBJECT_SCHEME

home_option = click.option(
    "--home",
    metavar="CC",
    help="Country of a subject that is typed as people write numbers, such as '06 12 34 56 78'; + needs none.",
)


def canonical_subjects(typed: Sequence[str], home: str | None) -> tuple[str, ...]:
    """Subject lines; those that were typed otherwise are shown on stdout before anything is signed.

    Raises:
        MalformedInput: one is no number, address or subject line; the message does not repeat it.
    """
    written = []
    for number, text in enumerate(typed, 1):
        if SUBJECT_SCHEME.match(text) and not text.startswith(("imei:", "imsi:")):  # which people write in groups
            written.append(text)  # it is parsed where all are
            continue
        from coffer.identity.typed import parse_typed_subject  # noqa: PLC0415 - few are typed so, and it reads every country's numbers

        subject = parse_typed_subject(text, home, f"--subject {number}").format()
        if subject != text:
            console().print(f"subject {number} is signed as {subject}")
        written.append(subject)
    return tuple(written)
