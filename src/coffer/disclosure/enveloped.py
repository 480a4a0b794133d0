"""A package encrypted to its recipients, as CMS: AES-256-CBC.

Pure, but for the content's key, which the library draws and wraps for each recipient's RSA key. Nobody but the
recipients reads the content. That it is whole the package's own manifest says, which the desk signed: CBC does not.
Source: RFC 5652 (EnvelopedData), RFC 5280; ``docs/formats/disclosure.md``, "Encrypted".
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7EnvelopeBuilder, PKCS7Options

from coffer import wire
from coffer.errors import MalformedInput

ENDING: Final = ".p7m"
"""Of an encrypted package's name: it is no zip before it is decrypted."""
MAX_CERTIFICATE_BYTES: Final = 65_536
"""Ten times a long certificate."""
MAX_RECIPIENTS: Final = 16
"""More are a list of people who need not all read it."""
MIN_RSA_BITS: Final = 2048
"""112 bits of strength, which NIST SP 800-57 part 1 allows to the end of 2030.

GAP: what is sent today may be kept until then; tolerable because most authorities have no longer key yet.
"""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Recipient:
    """Whose private key opens it.

    ``fingerprints``: SHA-256 of the certificate, then of its public key, hex: a list of authorities may name either.
    """

    certificate: x509.Certificate
    fingerprints: tuple[str, str]


def parse_recipient(raw: bytes, place: str, *, now: dt.datetime) -> Recipient:
    """The certificate in a PEM file that can be encrypted to now.

    Nobody says here whose it is: whoever gives it compares its fingerprint.

    Raises:
        MalformedInput: it is none, or not one of RSA for encryption that is valid now.
    """
    if len(raw) > MAX_CERTIFICATE_BYTES or b"PRIVATE KEY" in raw:
        raise MalformedInput(
            f"{place}: too long or with a private key, expected one certificate",
            hint="the recipient keeps the key, and gives the certificate alone",
        )
    try:
        certificates = x509.load_pem_x509_certificates(raw)
        if len(certificates) != 1:
            raise MalformedInput(f"{place}: {len(certificates)} certificates, expected one")
        certificate = certificates[0]
        key, usage = certificate.public_key(), _usage_of(certificate)
        first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.InvalidVersion):
        raise MalformedInput(f"{place}: not a certificate in PEM") from None
    if not isinstance(key, RSAPublicKey) or key.key_size < MIN_RSA_BITS:
        raise MalformedInput(f"{place}: expected a certificate with an RSA key of at least {MIN_RSA_BITS} bits")
    if usage is not None and not usage.key_encipherment:
        raise MalformedInput(f"{place}: a certificate that is not for encryption", hint="its key usage must allow keys")
    if not first <= now <= last:
        raise MalformedInput(f"{place}: valid from {first:%Y-%m-%d} to {last:%Y-%m-%d}, and it is {now:%Y-%m-%d}")
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    prints = (certificate.fingerprint(SHA256()).hex(), wire.digest(spki).hex())
    return Recipient(certificate=certificate, fingerprints=prints)


def _usage_of(certificate: x509.Certificate) -> x509.KeyUsage | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return None


def envelop(package: bytes, recipients: Sequence[Recipient]) -> bytes:
    """The package as CMS in DER, which each of the recipients can open."""
    builder = PKCS7EnvelopeBuilder().set_data(package).set_content_encryption_algorithm(AES256)
    for recipient in recipients:
        builder = builder.add_recipient(recipient.certificate)
    return builder.encrypt(Encoding.DER, [PKCS7Options.Binary])
