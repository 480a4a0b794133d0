"""Packages encrypted with age: who can open them, what the program age makes of them, and which recipients are refused."""

import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyrage import DecryptError, decrypt, x25519

from coffer.cli.main import run
from coffer.disclosure.age import MAX_FILE_BYTES, encrypt, parse_age_recipient, parse_age_recipients
from coffer.errors import MalformedInput
from coffer_audit.cli import main as audit

LOW = (
    "age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq5cu47z",
    "age1qyqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqj7vrya",
    "age1anlllllllllllllllllllllllllllllllllllllllllllllllals4n2t7m",
    "age1ahlllllllllllllllllllllllllllllllllllllllllllllllalsn46ayy",
    "age1amlllllllllllllllllllllllllllllllllllllllllllllllalselrwrv",
    "age1ur4h5lpmgxu2u9jku0a0r87ydtdqnr0tnsetrlvxvgz3vh6fhqqqzyt4v9",
    "age1t7wft09r2zxzfvwsk92eeql0tvzyghxytqwgapkcyf8dm5ylz9ts6wm9s8",
)
"""The points of order 1, 2, 4 and 8, and two that are written above the field's prime."""


@pytest.fixture(scope="module")
def identities():
    """Those of a court and of somebody else."""
    return [x25519.Identity.generate() for _ in range(2)]


def named(identity):
    return str(identity.to_public())


def test_each_recipient_of_age_opens_it_and_nobody_else(identities):
    both = [parse_age_recipient(named(one), "r") for one in identities]
    for identity in identities:
        assert decrypt(encrypt(b"\r\nPK\x00\n", both), [identity]) == b"\r\nPK\x00\n"
    alone = encrypt(b"a package", both[:1])
    assert alone.startswith(b"age-encryption.org/v1\n")
    assert b"a package" not in alone
    with pytest.raises(DecryptError, match="No matching keys"):
        decrypt(alone, identities[1:])
    assert encrypt(b"a package", both[:1]) != alone, "the file's key is drawn anew"


def test_a_file_of_recipients_is_read_as_age_reads_it(identities):
    first, second = map(named, identities)
    read = parse_age_recipients(f"# the court, from its card\r\n{first}\r\n\n{second}".encode(), "r.txt")
    assert [one.text for one in read] == [first, second]
    for raw, message in (
        (b"", "no recipient of age"),
        (b"# nobody\n", "no recipient of age"),
        (f"{first}\n {second}\n".encode(), r"r\.txt: line 2: not a recipient"),
        (first.encode() + b" x", "line 1: not a recipient"),
        (b"#" * (MAX_FILE_BYTES + 1), "expected at most 65536"),
    ):
        with pytest.raises(MalformedInput, match=message):
            parse_age_recipients(raw, "r.txt")


def test_what_is_no_recipient_is_refused_and_a_secret_key_is_not_repeated(identities):
    good = named(identities[0])
    changed = good[:-1] + ("q" if good[-1] != "q" else "p")
    for text in ("", "age1", good.upper(), changed, f"{good}\n", good[:-1], "ssh-ed25519 AAAA"):
        with pytest.raises(MalformedInput, match=r"^r: not a recipient of age"):
            parse_age_recipient(text, "r")
    secret = str(identities[0])
    for text in (secret, secret.lower()):
        with pytest.raises(MalformedInput, match="a secret key, expected a recipient") as caught:
            parse_age_recipient(text, "r")
        assert secret[20:40].lower() not in (caught.value.message + (caught.value.hint or "")).lower()


@pytest.mark.parametrize("text", LOW)
def test_point_of_low_order_is_no_recipient(text):
    assert str(x25519.Recipient.from_str(text)) == text, "its checksum is right"
    with pytest.raises(MalformedInput, match=r"^r: not a recipient of age"):
        parse_age_recipient(text, "r")


@given(raw=st.binary(max_size=200) | st.text(max_size=80).map(lambda text: b"age1" + text.encode("utf-8", "replace")))
def test_any_bytes_for_recipients_raise_only_our_family(raw):
    with pytest.raises(MalformedInput, match=r"^r\.txt: "):
        parse_age_recipients(raw, "r.txt")


@pytest.fixture
def answered(world, monkeypatch, identities):
    """A vault with a request that was approved, and a court's recipient and identity beside it."""
    monkeypatch.chdir(world.path)
    monkeypatch.setenv("COFFER_PASSPHRASE", "correct horse")
    monkeypatch.setattr("coffer.cli.console.system_clock", world.clock)
    world.ingest("+33612345678,+33698765432,2016-09-01 10:00:00,60\n")
    (world.path / "r.note").write_bytes(world.authorize())
    (world.path / "court.txt").write_text(f"# court\n{named(identities[0])}\n")
    (world.path / "court.key").write_text(f"{identities[0]}\n")
    return world


def test_an_encrypted_package_is_audited_once_the_recipient_opened_it(answered, identities, capfd):
    other = named(identities[1])
    made = ["--format", "csv", "--package", "case.zip.age", "--to", "court.txt", "--to", other]
    assert run(["open", "vault", "r.note", "-o", "answer", *made]) == 0
    assert f"encrypted to {other}: compare it with the recipient" in capfd.readouterr().err
    raw = (answered.path / "case.zip.age").read_bytes()
    assert (answered.path / "case.zip.age").stat().st_mode & 0o777 == 0o600
    assert b"612345678" not in raw
    assert sorted(path.name for path in answered.path.glob("*.zip*")) == ["case.zip.age"]
    (answered.path / "case.zip").write_bytes(decrypt(raw, identities[1:]))
    assert audit(["answer", "case.zip", "--vault", "vault"]) == 0
    with pytest.raises(DecryptError, match="decryption error"):
        decrypt(raw[:-1] + bytes([raw[-1] ^ 1]), identities[1:])
    if shutil.which("age") is None:
        pytest.skip("the program age is not installed here")
    words = ["age", "--decrypt", "-i", "court.key", "-o", "theirs.zip", "case.zip.age"]
    subprocess.run(words, check=True, capture_output=True, cwd=answered.path)
    assert (answered.path / "theirs.zip").read_bytes() == (answered.path / "case.zip").read_bytes()


def test_age_recipients_asked_for_wrongly_are_refused_before_anything_is_opened(answered, identities, capfd):
    one = named(identities[0])
    for options, said in (
        (["--to", one], "--to: without --package"),
        (["--to", one, "--package", "case.zip"], "expected a name that ends with .p7m (certificates) or .age (age)"),
        (["--to", one, "--package", "case.zip.p7m"], "--to: a recipient of age, expected a certificate"),
        (["--to", "r.note", "--package", "case.zip.age"], "r.note: line 1: not a recipient of age"),
        (["--to", "court.key", "--package", "case.zip.age"], "court.key: line 1: a secret key"),
        (["--to", one] * 17 + ["--package", "case.zip.age"], "17 recipients, expected at most 16"),
    ):
        assert run(["open", "vault", "r.note", "-o", "answer", *options]) == 2
        assert said in capfd.readouterr().err
    assert answered.state().openings == {}
