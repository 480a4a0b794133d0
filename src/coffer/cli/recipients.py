"""The recipients of an encrypted package, and what is said of them.

The ending of the package's name says how it is encrypted: so all recipients of one package are of one kind.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from coffer.authority.known import FILE
from coffer.cli.console import clock, read_file, say
from coffer.disclosure import enveloped
from coffer.disclosure.enveloped import MAX_RECIPIENTS, Recipient, envelop, parse_recipient
from coffer.errors import MalformedInput
from coffer.vault.folder import Vault
from coffer.vault.known import desk_authorities

if TYPE_CHECKING:
    from coffer.disclosure.age import AgeRecipient

AGE_ENDING = ".age"
_COMPARE = "compare it with the recipient by another way than"


def read_recipients(given: Sequence[str], package: Path | None) -> "tuple[Recipient | AgeRecipient, ...]":
    """The recipients of ``--to``: certificates for CMS, or recipients of age and files of them.

    Raises:
        MalformedInput: one that cannot be encrypted to, too many, or no package that would be.
    """
    if package is None:
        raise MalformedInput("--to: without --package, expected beside it", hint="only a package is encrypted")
    recipients: tuple[Recipient | AgeRecipient, ...]
    if package.suffix == enveloped.ENDING:
        recipients = tuple(parse_recipient(_certificate(file), Path(file).name, now=clock()) for file in given)
    elif package.suffix == AGE_ENDING:
        recipients = tuple(recipient for word in given for recipient in _aged(word))
    else:
        raise MalformedInput(
            f"--package: {package.name}: expected a name that ends with {enveloped.ENDING} (certificates) "
            f"or {AGE_ENDING} (age), since it is encrypted",
            hint=f"like {package.name}{AGE_ENDING if given[0].startswith('age1') else enveloped.ENDING}",
        )
    if len(recipients) > MAX_RECIPIENTS:
        raise MalformedInput(f"--to: {len(recipients)} recipients, expected at most {MAX_RECIPIENTS}")
    return recipients


def _certificate(file: str) -> bytes:
    if file.startswith("age1"):
        raise MalformedInput(
            "--to: a recipient of age, expected a certificate", hint=f"let the package's name end with {AGE_ENDING}"
        )
    return read_file(file)


def _aged(word: str) -> "tuple[AgeRecipient, ...]":
    from coffer.disclosure.age import parse_age_recipient, parse_age_recipients  # noqa: PLC0415 - needs the extra age

    if word.startswith("age1"):
        return (parse_age_recipient(word, "--to"),)
    return parse_age_recipients(read_file(word), Path(word).name)


def encrypt_package(
    package: bytes, recipients: "Sequence[Recipient | AgeRecipient]", authority: str, vault: Vault
) -> bytes:
    """The package encrypted to all of them, and of each is said who it is.

    Nothing is refused: a package may go to somebody else, such as the person who asks for their own data.
    """
    certificates = [one for one in recipients if isinstance(one, Recipient)]
    if certificates:
        _say_certificates(certificates, authority, vault)
        return envelop(package, certificates)
    from coffer.disclosure.age import AgeRecipient, encrypt  # noqa: PLC0415 - as above

    aged = [one for one in recipients if isinstance(one, AgeRecipient)]
    for one in aged:
        say(f"encrypted to {one.text}: {_COMPARE} it came")
    return encrypt(package, aged)


def _say_certificates(certificates: Sequence[Recipient], authority: str, vault: Vault) -> None:
    """Say of each certificate whether it is the one that the desk's list has for the order's authority."""
    known = desk_authorities(vault)
    listed = known.named(authority) if known is not None else None
    expected = listed.fingerprint if listed is not None else ""
    for recipient in certificates:
        if expected and expected in recipient.fingerprints:
            about = f"as {FILE} has it for the order's authority"
        elif expected:
            about = f"not the one that {FILE} has for the order's authority: is it the right recipient's?"
        else:
            about = f"{_COMPARE} the certificate came"
        say(f"encrypted to the certificate with SHA-256 {recipient.fingerprints[0]}: {about}")
