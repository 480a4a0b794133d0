"""Certificates, and PDFs and XML signed with them, as a court's office makes them."""

import datetime as dt
import io

from asn1crypto import keys
from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from lxml import etree
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.writer import PageObject, PdfFileWriter
from pyhanko.sign import PdfSignatureMetadata, signers
from pyhanko_certvalidator.registry import SimpleCertificateStore
from signxml import XMLSigner

DAY = dt.timedelta(days=1)
ORDER_XML = "<order>\n  <who>É. Example</who>\n</order>"


class Identity:
    """A certificate and its key; without an issuer it is an anchor."""

    def __init__(self, name, issuer=None, *, ends=30 * DAY):
        self.key, self.issuer = ec.generate_private_key(ec.SECP256R1()), issuer or self
        now, public = dt.datetime.now(dt.UTC), self.key.public_key()
        self.subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        is_anchor = issuer is None
        usage = dict.fromkeys(
            ("key_encipherment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only"), False
        )
        usage |= {"digital_signature": not is_anchor, "content_commitment": not is_anchor}
        made = x509.CertificateBuilder(
            issuer_name=self.issuer.subject,
            subject_name=self.subject,
            public_key=public,
            serial_number=x509.random_serial_number(),
            not_valid_before=now - 60 * DAY,
            not_valid_after=now + ends,
        )
        for extension, is_critical in (
            (x509.BasicConstraints(ca=is_anchor, path_length=None), True),
            (x509.KeyUsage(**usage, key_cert_sign=is_anchor, crl_sign=is_anchor), True),
            (x509.SubjectKeyIdentifier.from_public_key(public), False),
            (x509.AuthorityKeyIdentifier.from_issuer_public_key(self.issuer.key.public_key()), False),
        ):
            made = made.add_extension(extension, critical=is_critical)
        self.certificate = made.sign(self.issuer.key, hashes.SHA256())
        self.der, self.pem = (self.certificate.public_bytes(form) for form in (Encoding.DER, Encoding.PEM))


def blank_pdf():
    writer, raw = PdfFileWriter(), io.BytesIO()
    contents = writer.add_object(generic.StreamObject(stream_data=b"0 0 10 10 re f"))
    writer.insert_page(PageObject(contents=contents, media_box=(0, 0, 100, 100)))
    writer.write(raw)
    return raw.getvalue()


def sign_pdf(raw, who):
    store = SimpleCertificateStore()
    store.register(asn1.Certificate.load(who.issuer.der))
    key = who.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    signer = signers.SimpleSigner(
        signing_cert=asn1.Certificate.load(who.der), signing_key=keys.PrivateKeyInfo.load(key), cert_registry=store
    )
    writer = IncrementalPdfFileWriter(io.BytesIO(raw))
    return signers.sign_pdf(writer, PdfSignatureMetadata(field_name="Signature"), signer=signer).getvalue()


def add_to_pdf(raw):
    """A later revision, as an editor appends it."""
    writer, out = IncrementalPdfFileWriter(io.BytesIO(raw)), io.BytesIO()
    page = writer.root["/Pages"]["/Kids"][0]
    page["/MediaBox"] = generic.ArrayObject([generic.NumberObject(n) for n in (0, 0, 50, 50)])
    writer.update_container(page)
    writer.write(out)
    return out.getvalue()


def sign_xml(text, who, *, part=None):
    signer = XMLSigner(signature_algorithm="ecdsa-sha256", digest_algorithm="sha256")
    signed = signer.sign(
        etree.fromstring(text), key=who.key, cert=(who.pem + who.issuer.pem).decode(), reference_uri=part
    )
    return b'<?xml version="1.0"?>\n' + etree.tostring(signed)
