"""An authenticator in software: it registers and signs as a security key or a phone does, with real keys.

    key = Authenticator("https://judge.example")                 # ES256, or algorithm="EdDSA", "RS256"
    registered = key.register(options)                           # what the page would post
    answer = key.sign(options)

``options`` is the JSON that a page passes to the browser. Each fault that a test wants is an argument.
"""

import base64
import hashlib
import json
import os

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

PRESENT, VERIFIED, ELIGIBLE, BACKED_UP, ATTESTED = 0x01, 0x04, 0x08, 0x10, 0x40


def b64url(value):
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def unb64url(text):
    return base64.urlsafe_b64decode(text + "==")


def make_key(algorithm, seed=None):
    """``seed``: 32 bytes that fix a key of ES256 or EdDSA, for vectors."""
    match algorithm:
        case "ES256":
            order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
            number = int.from_bytes(seed or os.urandom(32), "big") % (order - 1) + 1
            return ec.derive_private_key(number, ec.SECP256R1())
        case "EdDSA":
            return ed25519.Ed25519PrivateKey.from_private_bytes(seed or os.urandom(32))
        case "RS256":
            return rsa.generate_private_key(65537, 2048)
    raise AssertionError(algorithm)


def cose(key):
    """The public key as COSE."""
    public = key.public_key()
    if isinstance(key, ec.EllipticCurvePrivateKey):
        point = public.public_numbers()
        alg = {1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")}
    elif isinstance(key, ed25519.Ed25519PrivateKey):
        alg = {1: 1, 3: -8, -1: 6, -2: public.public_bytes_raw()}
    else:
        numbers = public.public_numbers()
        n = numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8, "big")
        alg = {1: 3, 3: -257, -1: n, -2: numbers.e.to_bytes(3, "big")}
    return cbor2.dumps(alg)


def sign_bytes(key, message):
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(message, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(message)
    return key.sign(message, padding.PKCS1v15(), hashes.SHA256())


class Authenticator:
    """One passkey on one site. ``count`` None: it keeps no counter, as phones do."""

    def __init__(self, origin, *, algorithm="ES256", count=None, flags=PRESENT | VERIFIED, seed=None, key=None):
        self.origin, self.flags, self.count = origin, flags, count
        self.key = key or make_key(algorithm, seed)
        self.id = hashlib.sha256(b"credential" + cose(self.key)).digest()
        self.rp_id = origin.partition("://")[2].partition(":")[0]

    def _tick(self):
        if self.count is not None:
            self.count += 1
        return self.count or 0

    def data(self, *, flags=None, count=None, rp_id=None, attested=b""):
        head = hashlib.sha256((rp_id or self.rp_id).encode()).digest()
        own = (self.flags if flags is None else flags) | (ATTESTED if attested else 0)
        return head + bytes([own]) + (self._tick() if count is None else count).to_bytes(4, "big") + attested

    def client_data(self, kind, challenge, *, origin=None, extra=None):
        stated = {"type": f"webauthn.{kind}", "challenge": b64url(challenge), "origin": origin or self.origin}
        return json.dumps(stated | {"crossOrigin": False} | (extra or {}), separators=(",", ":")).encode()

    def register(self, options, *, origin=None, flags=None, attestation=None, kind="create"):
        options = json.loads(options)
        attested = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + cose(self.key)
        data = self.data(flags=flags, attested=attested)
        statement = attestation or {"fmt": "none", "attStmt": {}}
        client_data = self.client_data(kind, unb64url(options["challenge"]), origin=origin)
        return self._answer(
            clientDataJSON=client_data,
            attestationObject=cbor2.dumps({**statement, "authData": data}),
            transports=["usb"],
        )

    def assertion(self, challenge, **faults):
        """(authenticator data, client data, signature) over a challenge."""
        client = {name: faults.pop(name) for name in ("origin", "extra") if name in faults}
        kind = faults.pop("kind", "get")
        data, client_data = self.data(**faults), self.client_data(kind, challenge, **client)
        return data, client_data, sign_bytes(self.key, data + hashlib.sha256(client_data).digest())

    def sign(self, options, **faults):
        data, client_data, signature = self.assertion(unb64url(json.loads(options)["challenge"]), **faults)
        return self._answer(clientDataJSON=client_data, authenticatorData=data, signature=signature)

    def _answer(self, **parts):
        response = {name: b64url(part) if isinstance(part, bytes) else part for name, part in parts.items()}
        own = {"id": b64url(self.id), "rawId": b64url(self.id), "type": "public-key"}
        return json.dumps(own | {"response": response, "clientExtensionResults": {}}).encode()
