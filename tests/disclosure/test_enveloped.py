"""Packages encrypted to a recipient: who can open them, what openssl makes of them, and which certificates are refused."""

import datetime as dt
import shutil
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs7
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from coffer.cli.main import run
from coffer.disclosure.enveloped import MAX_CERTIFICATE_BYTES, envelop, parse_recipient
from coffer.errors import MalformedInput
from coffer_audit.cli import main as audit

NOW = dt.datetime(2016, 9, 5, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)


def certified(key, *, by=None, first=NOW - DAY, last=NOW + DAY, usage=None, serial=7):
    """A certificate of a key, by itself unless ``by`` signs."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "court.example")])
    made = x509.CertificateBuilder(name, name, key.public_key(), serial, first, last)
    if usage is not None:
        given = dict.fromkeys(
            (
                *("digital_signature", "content_commitment", "data_encipherment", "key_agreement"),
                *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
            ),
            False,
        )
        made = made.add_extension(x509.KeyUsage(key_encipherment=usage, **given), critical=True)
    return made.sign(by or key, SHA256()).public_bytes(Encoding.PEM)


def private(key):
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.fixture(scope="module")
def keys():
    """The keys of a court and of somebody else."""
    return [rsa.generate_private_key(65537, 2048) for _ in range(2)]


def test_each_recipient_opens_it_and_nobody_else(keys):
    pems = [certified(key, serial=number) for number, key in enumerate(keys, 1)]
    both = [parse_recipient(pem, "c.pem", now=NOW) for pem in pems]
    for key, pem in zip(keys, pems, strict=True):
        own = x509.load_pem_x509_certificate(pem)
        assert pkcs7.pkcs7_decrypt_der(envelop(b"\r\nPK\x00\n", both), own, key, []) == b"\r\nPK\x00\n"
    alone = envelop(b"a package", both[:1])
    assert b"a package" not in alone
    with pytest.raises(ValueError, match="recipient"):
        pkcs7.pkcs7_decrypt_der(alone, x509.load_pem_x509_certificate(pems[1]), keys[1], [])
    assert envelop(b"a package", both[:1]) != alone, "the content's key is drawn anew"


def test_fingerprints_are_those_of_the_certificate_and_of_its_key(keys):
    pem = certified(keys[0])
    one = parse_recipient(pem, "c.pem", now=NOW)
    assert one.fingerprints[0] == x509.load_pem_x509_certificate(pem).fingerprint(SHA256()).hex()
    again = parse_recipient(certified(keys[0], last=NOW + 9 * DAY), "c.pem", now=NOW)
    assert again.fingerprints[0] != one.fingerprints[0]
    assert again.fingerprints[1] == one.fingerprints[1]


def test_certificates_that_cannot_be_encrypted_to_are_refused(keys):
    key = keys[0]
    curve = ec.generate_private_key(ec.SECP256R1())
    for pem, message in (
        (certified(key, last=NOW - dt.timedelta(hours=1)), "valid from 2016-09-04 to 2016-09-05"),
        (certified(key, first=NOW + dt.timedelta(hours=1)), "valid from"),
        (certified(key, usage=False), "not for encryption"),
        (certified(curve), "RSA key of at least 2048"),
        (certified(rsa.generate_private_key(65537, 1024), by=key), "RSA key of at least 2048"),
        (certified(key) * 2, "2 certificates, expected one"),
        (certified(key) + private(key), "with a private key"),
        (b"", "not a certificate"),
        (certified(key) + b"x" * MAX_CERTIFICATE_BYTES, "too long"),
    ):
        with pytest.raises(MalformedInput, match=message):
            parse_recipient(pem, "c.pem", now=NOW)
    parse_recipient(certified(key, usage=True), "c.pem", now=NOW)


@given(raw=st.binary(max_size=200) | st.binary(max_size=60).map(lambda b: b"-----BEGIN CERTIFICATE-----\n" + b))
def test_any_bytes_for_a_certificate_raise_only_our_family(raw):
    with pytest.raises(MalformedInput, match=r"^c\.pem: "):
        parse_recipient(raw, "c.pem", now=NOW)


@pytest.fixture
def answered(world, monkeypatch, keys):
    """A vault with an answer, and a court's certificate and key beside it."""
    monkeypatch.chdir(world.path)
    monkeypatch.setenv("COFFER_PASSPHRASE", "correct horse")
    monkeypatch.setattr("coffer.cli.console.system_clock", world.clock)
    world.ingest("+33612345678,+33698765432,2016-09-01 10:00:00,60\n")
    (world.path / "r.note").write_bytes(world.authorize())
    (world.path / "court.pem").write_bytes(certified(keys[0], last=NOW + 99 * DAY))
    (world.path / "court.key").write_bytes(private(keys[0]))
    return world


def opened_by_openssl(folder):
    words = ["cms", "-decrypt", "-inform", "DER", "-in", "case.zip.p7m", "-recip", "court.pem", "-inkey", "court.key"]
    return subprocess.run(["openssl", *words, "-out", "case.zip"], cwd=folder, check=True, capture_output=True)


def test_an_encrypted_package_is_on_no_disk_in_the_clear_and_audited_once_openssl_opened_it(answered, capfd):
    made = ["--format", "csv", "--package", "case.zip.p7m", "--to", "court.pem"]
    assert run(["open", "vault", "r.note", "-o", "answer", *made]) == 0
    said = capfd.readouterr().err
    assert "encrypted to the certificate with SHA-256 " in said
    assert "compare it with the recipient" in said
    raw = (answered.path / "case.zip.p7m").read_bytes()
    assert (answered.path / "case.zip.p7m").stat().st_mode & 0o777 == 0o600
    assert b"612345678" not in raw
    assert sorted(path.name for path in answered.path.glob("*.zip*")) == ["case.zip.p7m"]
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed here")
    opened_by_openssl(answered.path)
    assert audit(["answer", "case.zip", "--vault", "vault"]) == 0
    changed = bytearray(raw)
    changed[-100] ^= 1
    (answered.path / "case.zip.p7m").write_bytes(changed)
    opened_by_openssl(answered.path)
    assert audit(["answer", "case.zip", "--vault", "vault"]) == 2, "the encryption does not say so, the package does"


LIST = """\
format = "coffer.authorities/v1"
[[authority]]
name = "Court"
kind = "court"
country = "FR"
channel = "letter"
call_back = "tel:+33123456789"
fingerprint = "{print}"
"""


def test_a_certificate_is_compared_with_the_desks_list(answered, keys, capfd):
    assert run(["open", "vault", "r.note", "-o", "answer"]) == 0
    own = parse_recipient((answered.path / "court.pem").read_bytes(), "c.pem", now=NOW).fingerprints
    for number, (fingerprint, said) in enumerate(
        ((own[0], "as authorities.toml has it"), (own[1], "as authorities.toml has it"), ("ab" * 32, "not the one"))
    ):
        (answered.path / "vault/authorities.toml").write_text(LIST.replace("{print}", fingerprint))
        name = f"{number}.zip.p7m"
        made = ["--format", "csv", "--package", name, "--to", "court.pem", "--vault", "vault"]
        assert run(["disclose", "answer", *made]) == 0
        assert said in capfd.readouterr().err


def test_what_is_asked_for_wrongly_is_refused_before_anything_is_opened(answered, capfd):
    for options, said in (
        (["--to", "court.pem"], "--to: without --package"),
        (["--to", "court.pem", "--package", "case.zip"], "expected a name that ends with .p7m"),
        (["--to", "r.note", "--package", "case.zip.p7m"], "r.note: not a certificate"),
        (["--to", "court.key", "--package", "case.zip.p7m"], "court.key: too long or with a private key"),
        (["--to", "court.pem"] * 17 + ["--package", "case.zip.p7m"], "17 recipients, expected at most 16"),
    ):
        assert run(["open", "vault", "r.note", "-o", "answer", *options]) == 2
        assert said in capfd.readouterr().err
    assert answered.state().openings == {}
