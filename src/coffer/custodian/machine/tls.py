"""A certificate that a custodian makes for itself.

It is recognised by its fingerprint, so it names the custodian and nothing else.
"""

import datetime as dt
import ssl
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from coffer import wire
from coffer.errors import MalformedInput

LIFE: Final = dt.timedelta(days=3_650)
"""Ten years. A vault that pins the fingerprint trusts exactly this key, and a new certificate needs a new pin."""


def make_certificate(name: str, now: dt.datetime) -> tuple[bytes, bytes]:
    """A self-signed certificate and its private key, both PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + LIFE)
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    certificate = builder.sign(key, hashes.SHA256())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM), private


def fingerprint_of(pem: bytes, place: str) -> str:
    """SHA-256 of the first certificate, hex: what a vault pins."""
    try:
        certificate = x509.load_pem_x509_certificate(pem)
    except ValueError:
        raise MalformedInput(f"{place}: not a certificate in PEM") from None
    return wire.digest(certificate.public_bytes(serialization.Encoding.DER)).hex()


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """TLS 1.3 with this certificate.

    Raises:
        MalformedInput: certificate and key do not belong together, or are none.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError):
        raise MalformedInput(f"{certificate.name}, {key.name}: not a certificate and its key") from None
    return context
