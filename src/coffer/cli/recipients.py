"""The recipients of an encrypted package: their certificates, and what is said of them."""

from collections.abc import Sequence
from pathlib import Path

from coffer.authority.known import FILE
from coffer.cli.console import clock, read_file, say
from coffer.disclosure.enveloped import ENDING, MAX_RECIPIENTS, Recipient, parse_recipient
from coffer.errors import MalformedInput
from coffer.vault.folder import Vault
from coffer.vault.known import desk_authorities


def read_recipients(files: Sequence[str], package: Path | None) -> tuple[Recipient, ...]:
    """The certificates of ``--to``.

    Raises:
        MalformedInput: one that cannot be encrypted to, too many, or no package that would be.
    """
    if package is None:
        raise MalformedInput("--to: without --package, expected beside it", hint="only a package is encrypted")
    if package.suffix != ENDING:
        raise MalformedInput(
            f"--package: {package.name}: expected a name that ends with {ENDING}, since it is encrypted",
            hint=f"like {package.name}{ENDING}",
        )
    if len(files) > MAX_RECIPIENTS:
        raise MalformedInput(f"--to: {len(files)} certificates, expected at most {MAX_RECIPIENTS}")
    return tuple(parse_recipient(read_file(file), Path(file).name, now=clock()) for file in files)


def say_recipients(recipients: Sequence[Recipient], authority: str, vault: Vault) -> None:
    """Say of each certificate whether it is the one that the desk's list has for the order's authority.

    Nothing is refused: a package may go to somebody else, such as the person who asks for their own data.
    """
    known = desk_authorities(vault)
    listed = known.named(authority) if known is not None else None
    expected = listed.fingerprint if listed is not None else ""
    for recipient in recipients:
        if expected and expected in recipient.fingerprints:
            about = f"as {FILE} has it for the order's authority"
        elif expected:
            about = f"not the one that {FILE} has for the order's authority: is it the right recipient's?"
        else:
            about = "compare it with the recipient by another way than the certificate came"
        say(f"encrypted to the certificate with SHA-256 {recipient.fingerprints[0]}: {about}")
