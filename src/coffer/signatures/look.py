"""Looks for signatures in a stranger's file, in a process of its own (``asking``).

The only file that knows the libraries. They read hostile bytes, so whatever they raise means that the file could not be
read; a signature counts as intact or trusted only where the library says so in so many words.
"""

import asyncio
import base64
import io
from collections.abc import Iterator, Sequence
from typing import Any, Final

from coffer.authority.file_kind import kind_of
from coffer.extras import extra
from coffer.signatures.finding import MAX_NAME, MAX_SIGNATURES, Finding

with extra("signatures"):
    from asn1crypto import x509
    from cryptography.x509 import load_der_x509_certificate
    from lxml import etree
    from pyhanko.pdf_utils.reader import PdfFileReader
    from pyhanko.sign.diff_analysis import ModificationLevel
    from pyhanko.sign.validation import SignatureCoverageLevel, validate_pdf_signature
    from pyhanko_certvalidator import CertificateValidator, ValidationContext
    from pyhanko_certvalidator.errors import PathError, ValidationError
    from signxml.exceptions import InvalidSignature
    from signxml.verifier import SignatureConfiguration, XMLVerifier

_DSIG: Final = "{http://www.w3.org/2000/09/xmldsig#}"
_USAGES: Final = ({"digital_signature"}, {"non_repudiation"})
"""A certificate for signing has one of these."""


class TooMany(Exception):  # noqa: N818 - never leaves the process
    """More signatures than are looked at."""

    def __init__(self) -> None:
        super().__init__("too many signatures")


def look(raw: bytes, anchors: Sequence[bytes]) -> list[Finding]:
    """The findings in a file. ``anchors``: certificates in DER.

    Raises:
        Exception: whatever a library raises for a file that it cannot read.
    """
    match kind_of(raw).ending:
        case "pdf":
            return list(_in_pdf(raw, anchors))
        case "xml":
            return list(_in_xml(raw, anchors))
        case _:
            return []


def _in_pdf(raw: bytes, anchors: Sequence[bytes]) -> Iterator[Finding]:
    signatures = PdfFileReader(io.BytesIO(raw)).embedded_regular_signatures
    if len(signatures) > MAX_SIGNATURES:
        raise TooMany
    for one in signatures:
        status = validate_pdf_signature(one, _context(anchors))
        is_intact = status.intact is True and status.valid is True
        is_unchanged = status.modification_level is ModificationLevel.NONE
        yield Finding(
            signer=_name(status.signing_cert),
            is_intact=is_intact,
            is_trusted=is_intact and status.trusted is True,
            is_whole=is_intact and is_unchanged and status.coverage is SignatureCoverageLevel.ENTIRE_FILE,
        )


def _in_xml(raw: bytes, anchors: Sequence[bytes]) -> Iterator[Finding]:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    root = etree.fromstring(raw, parser)
    signatures = list(root.iter(f"{_DSIG}Signature"))
    if len(signatures) > 1:  # the library looks at the first: another could be the one that a program believes
        raise TooMany
    for signature in signatures:
        written = [cell.text or "" for cell in signature.iterfind(f".//{_DSIG}X509Certificate")]
        certificates = [x509.Certificate.load(_der(text)) for text in written]
        is_intact, is_whole = _holds(raw, root, signature, certificates[0])
        is_trusted = is_intact and _leads(certificates, anchors)
        yield Finding(signer=_name(certificates[0]), is_intact=is_intact, is_trusted=is_trusted, is_whole=is_whole)


def _holds(raw: bytes, root: Any, signature: Any, certificate: x509.Certificate) -> tuple[bool, bool]:  # noqa: ANN401 - lxml's element
    """Whether the certificate's key signed what is covered, and whether that is the whole file."""
    key = load_der_x509_certificate(certificate.dump())
    # Whether the certificate is in force is a question of trust, which is answered apart.
    config = SignatureConfiguration(expect_references=True, verification_time=key.not_valid_before_utc)
    try:
        covered = XMLVerifier().verify(raw, x509_cert=key, expect_config=config)
    except InvalidSignature:
        return False, False
    _take_out(signature)
    whole = etree.tostring(root, method="c14n")
    parts = covered if isinstance(covered, list) else [covered]
    signed = [etree.tostring(part.signed_xml, method="c14n") for part in parts if part.signed_xml is not None]
    return True, whole in signed


def _take_out(signature: Any) -> None:  # noqa: ANN401 - lxml's element
    """Remove an element and keep the text behind it, which belongs to its parent."""
    parent, before, tail = signature.getparent(), signature.getprevious(), signature.tail or ""
    if parent is None:
        return
    if before is None:
        parent.text = (parent.text or "") + tail
    else:
        before.tail = (before.tail or "") + tail
    parent.remove(signature)


def _leads(certificates: Sequence[x509.Certificate], anchors: Sequence[bytes]) -> bool:
    for usage in _USAGES:
        validator = CertificateValidator(
            certificates[0], intermediate_certs=list(certificates[1:]), validation_context=_context(anchors)
        )
        try:
            asyncio.run(validator.async_validate_usage(set(usage)))  # type: ignore[no-untyped-call]
        except (PathError, ValidationError):
            continue
        return True
    return False


def _context(anchors: Sequence[bytes]) -> ValidationContext:
    """Trusts these certificates and no others; asks no network."""
    return ValidationContext(trust_roots=[x509.Certificate.load(one) for one in anchors], allow_fetching=False)


def _der(text: str) -> bytes:
    return base64.b64decode("".join(text.split()), validate=True)


def _name(certificate: x509.Certificate) -> str:
    return str(certificate.subject.human_friendly)[:MAX_NAME]
