from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PrivateKey, MLKEM768X25519PublicKey, Suite

import reference as ref
from known_answers.entries.make import GENESIS
from known_answers.folder import VECTORS
from known_answers.parties import seeded
from known_answers.segments.make import seg_core

SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def hpke_key(secret):
    mlkem, x25519 = MLKEM768PrivateKey.from_seed_bytes(secret[:64]), X25519PrivateKey.from_private_bytes(secret[64:])
    return MLKEM768X25519PrivateKey(mlkem, x25519), MLKEM768X25519PublicKey(mlkem.public_key(), x25519.public_key())


def make(out):
    """HPKE draws its own randomness: keep each ciphertext that still opens, and make anew only what is missing or damaged."""
    seg_id = ref.segment_id(ref.header_core(**seg_core()))
    subkeys = {mask: ref.stream(b"subkey" + bytes([mask]), 32) for mask in (3, 5, 6)}
    for name, info, plain in (
        ("bundle", ref.bundle_info(seg_id, 1), ref.bundle_plaintext(subkeys, 1)),
        ("request", ref.request_info(ref.roster_hash(GENESIS), 2), "request, é".encode()),
        ("reply", ref.reply_info(seeded("request"), 3), b"COFRSP01 reply"),
        ("empty", ref.reply_info(seeded("request"), 1), b""),
    ):
        secret = ref.stream(b"hpke " + name.encode(), 96)
        private, public = hpke_key(secret)
        sealed = _kept_ciphertext(VECTORS / f"hpke/{name}.txt", private, info, plain)
        if sealed is None:
            sealed = SUITE.encrypt(plain, public, info)
            out.made_anew.append(f"hpke/{name}")
        fields = {"private": secret, "info": info, "plaintext": plain, "sealed": sealed}
        out.add(f"hpke/{name}", "ok", "hpke", **fields)
        if name == "bundle":
            out.add(
                "hpke/bundle-of-another-custodian", "verify", "hpke", **(fields | {"info": ref.bundle_info(seg_id, 2)})
            )
            out.add(
                "hpke/bundle-one-bit-changed",
                "verify",
                "hpke",
                **(fields | {"sealed": sealed[:-1] + bytes([sealed[-1] ^ 1])}),
            )
            out.add(
                "hpke/bundle-encapsulation-changed",
                "verify",
                "hpke",
                **(fields | {"sealed": bytes([sealed[0] ^ 1]) + sealed[1:]}),
            )
            out.add(
                "hpke/bundle-of-another-key", "verify", "hpke", **(fields | {"private": ref.stream(b"hpke other", 96)})
            )
            out.add("hpke/bundle-cut", "verify", "hpke", **(fields | {"sealed": sealed[:1135]}))
            out.add("hpke/bundle-nothing", "verify", "hpke", **(fields | {"sealed": b""}))


def _kept_ciphertext(path, private, info, plain):
    if not path.is_file():
        return None
    line = next(line for line in path.read_text("ascii").splitlines() if line.startswith("sealed: "))
    sealed = bytes.fromhex(line.removeprefix("sealed: "))
    try:
        return sealed if SUITE.decrypt(sealed, private, info) == plain else None
    except (InvalidTag, ValueError):
        return None
