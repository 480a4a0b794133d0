"""What is said of the signatures in the files of an order."""

from pathlib import Path

import click

from coffer.cli.console import say

anchors_option = click.option(
    "--anchors",
    metavar="FOLDER",
    help="Also look for signatures in PDF and XML; the folder holds certificates of issuers that you trust.",
)


def say_signatures(files: list[tuple[str, bytes]], anchors: str) -> None:
    """Say what is known of the signatures in each file. Nothing is refused for it: people decide.

    Raises:
        MalformedInput: the folder holds no certificate.
        Unavailable: the extra ``signatures`` is not installed.
    """
    from coffer.signatures.asking import findings_in, read_anchors  # noqa: PLC0415 - only who asks for signatures waits

    trusted = read_anchors(Path(anchors))
    for name, raw in files:
        findings = findings_in(raw, trusted)
        if findings is None:
            say(f"{name}: its signatures cannot be read")
        elif not findings:
            say(f"{name}: no signature was seen in it")
        else:
            for one in findings:
                say(f"{name}: {one.sentence()}")
            say("whether a certificate was revoked was not looked up: nothing is asked of a network")
