"""Registration and authentication with a passkey, as functions over JSON text.

WebAuthn Level 3, sections 7.1 and 7.2.

Promises: what is verified came from an authenticator that verified the person (PIN, finger, face), on this site and in
no frame of another one, over exactly the expected challenge, by ES256, EdDSA or RS256. No attestation is asked for: who
made the authenticator is nobody's business here. What comes in is bounded before it is parsed.
"""

import base64
import binascii
import datetime as dt
import hashlib
import hmac
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Final

from coffer.errors import MalformedInput, Refused
from coffer.extras import extra
from coffer.passkeys.passkey import Passkey, RelyingParty

MAX_REGISTRATION_BYTES: Final = 32_768
"""A browser's answer to a registration: certificates that nobody asked for may come with it. Longer ones are refused unread."""
MAX_ASSERTION_BYTES: Final = 8_192
"""A browser's answer to an authentication. Longer ones are refused unread."""
MAX_CLIENT_DATA_BYTES: Final = 2_048
MAX_AUTHENTICATOR_DATA_BYTES: Final = 1_024
MAX_SIGNATURE_BYTES: Final = 512
"""RSA with 4,096 bits."""
MAX_KEY_BYTES: Final = 640
"""An RSA key of 4,096 bits as COSE takes 526 bytes."""
MIN_ID_BYTES, MAX_ID_BYTES = 16, 1_023
TIMEOUT_MS: Final = 300_000
"""How long the browser waits for the person; the challenge lives as long."""
_ALGORITHMS: Final = (-7, -8, -257)
"""ES256, EdDSA, RS256: those that browsers ask every site to take."""
_MIN_RSA_BITS, _MAX_RSA_BITS = 2_048, 4_096
_P256_BITS: Final = 256
_PRESENT, _VERIFIED = 0x01, 0x04
"""Flags of the authenticator data: somebody touched it; it verified who."""
_ANOTHER_TRY: Final = "begin again on the page"


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion:
    """What an authenticator signed: the bytes as they came, which are evidence.

    ``signature`` is over ``authenticator_data`` and the hash of ``client_data``. ``challenge``: as the browser states it.
    """

    credential: bytes = field(repr=False)
    authenticator_data: bytes = field(repr=False)
    client_data: bytes = field(repr=False)
    signature: bytes = field(repr=False)

    @property
    def challenge(self) -> bytes:
        """The challenge that the browser says it passed on; nothing is verified."""
        return _stated_challenge(self.client_data, "passkey")

    @property
    def count(self) -> int:
        """The authenticator's signature counter; 0 if it keeps none."""
        return int.from_bytes(self.authenticator_data[33:37], "big")


def registration_options(
    party: RelyingParty, *, handle: bytes, user: str, challenge: bytes, existing: Sequence[bytes] = ()
) -> str:
    """What the page passes to ``navigator.credentials.create``, as JSON.

    ``handle``: random or keyed bytes that stand for the person, 1 to 64. ``user``: what their authenticator shows.
    ``existing``: ids of the passkeys they have, so that one authenticator is not registered twice.
    """
    with extra("pages"):
        import webauthn  # noqa: PLC0415 - an extra
        from webauthn.helpers import cose, structs  # noqa: PLC0415
    options = webauthn.generate_registration_options(
        rp_id=party.id,
        rp_name=party.name,
        user_id=handle,
        user_name=user,
        user_display_name=user,
        challenge=challenge,
        timeout=TIMEOUT_MS,
        authenticator_selection=structs.AuthenticatorSelectionCriteria(
            resident_key=structs.ResidentKeyRequirement.REQUIRED,
            user_verification=structs.UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=[structs.PublicKeyCredentialDescriptor(id=one) for one in existing],
        supported_pub_key_algs=[cose.COSEAlgorithmIdentifier(number) for number in _ALGORITHMS],
    )
    return webauthn.options_to_json(options)


def parse_registration_challenge(raw: bytes, place: str = "passkey") -> bytes:
    """The challenge that a browser's answer to ``registration_options`` states; nothing is verified.

    Raises:
        MalformedInput: it is not in the form of such an answer.
    """
    answer = _parse_answer(raw, MAX_REGISTRATION_BYTES, place)
    return _stated_challenge(_part(answer, "clientDataJSON", MAX_CLIENT_DATA_BYTES, place), place)


def verify_registration(
    raw: bytes, party: RelyingParty, *, challenge: bytes, label: str, now: dt.datetime, place: str = "passkey"
) -> Passkey:
    """The passkey of a browser's answer to ``registration_options``.

    Raises:
        MalformedInput: it is not in the form of such an answer.
        Refused: it is of another site or challenge, the person was not verified, or its key is of another kind.
    """
    answer = _parse_answer(raw, MAX_REGISTRATION_BYTES, place)
    client_data = _part(answer, "clientDataJSON", MAX_CLIENT_DATA_BYTES, place)
    attested = _part(answer, "attestationObject", MAX_REGISTRATION_BYTES, place)
    _verify_client_data(client_data, "webauthn.create", party, challenge, place)
    with extra("pages"):
        import webauthn  # noqa: PLC0415 - an extra
        from webauthn.helpers import cose, parse_attestation_object, structs  # noqa: PLC0415
    with _library_errors(place):
        flags = parse_attestation_object(attested).auth_data.flags
    _verify_person(is_present=flags.up, is_verified=flags.uv, place=place)
    with _library_errors(place):
        proven = webauthn.verify_registration_response(
            credential=structs.RegistrationCredential(
                id=_text(answer, "id", place),
                raw_id=_credential_id(answer, place),
                response=structs.AuthenticatorAttestationResponse(
                    client_data_json=client_data, attestation_object=attested
                ),
            ),
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            require_user_verification=True,
            supported_pub_key_algs=[cose.COSEAlgorithmIdentifier(number) for number in _ALGORITHMS],
        )
    if proven.credential_id != _credential_id(answer, place):
        raise Refused(f"{place}: two ids in one answer", code="form", hint=_ANOTHER_TRY)
    _verify_key(proven.credential_public_key, place)
    return Passkey(
        id=proven.credential_id,
        key=proven.credential_public_key,
        count=proven.sign_count,
        label=label,
        added=now,
        is_backed_up=proven.credential_backed_up,
    )


def authentication_options(party: RelyingParty, *, challenge: bytes, allowed: Sequence[bytes] = ()) -> str:
    """What the page passes to ``navigator.credentials.get``, as JSON.

    ``allowed``: ids of the passkeys that may sign; with none the browser offers those it has for this site, and the
    page tells nobody which there are.
    """
    with extra("pages"):
        import webauthn  # noqa: PLC0415 - an extra
        from webauthn.helpers import structs  # noqa: PLC0415
    options = webauthn.generate_authentication_options(
        rp_id=party.id,
        challenge=challenge,
        timeout=TIMEOUT_MS,
        allow_credentials=[structs.PublicKeyCredentialDescriptor(id=one) for one in allowed],
        user_verification=structs.UserVerificationRequirement.REQUIRED,
    )
    return webauthn.options_to_json(options)


def parse_assertion(raw: bytes, place: str = "passkey") -> Assertion:
    """A browser's answer to ``authentication_options``; nothing of it is verified.

    Raises:
        MalformedInput: it is not in the form of such an answer.
    """
    answer = _parse_answer(raw, MAX_ASSERTION_BYTES, place)
    return Assertion(
        credential=_credential_id(answer, place),
        authenticator_data=_part(answer, "authenticatorData", MAX_AUTHENTICATOR_DATA_BYTES, place),
        client_data=_part(answer, "clientDataJSON", MAX_CLIENT_DATA_BYTES, place),
        signature=_part(answer, "signature", MAX_SIGNATURE_BYTES, place),
    )


def verify_assertion(
    assertion: Assertion, passkey: Passkey, party: RelyingParty, *, challenge: bytes, place: str = "passkey"
) -> Passkey:
    """The passkey after it signed this challenge: with the authenticator's new counter and backup state.

    Raises:
        MalformedInput: a part of the assertion is not in its form.
        Refused: another passkey, site, challenge or signature, the person was not verified, or the counter went back.
    """
    if not hmac.compare_digest(assertion.credential, passkey.id):
        raise Refused(f"{place}: signed by another passkey", code="form", hint=_ANOTHER_TRY)
    _verify_client_data(assertion.client_data, "webauthn.get", party, challenge, place)
    data = assertion.authenticator_data
    if len(data) < 37:
        raise MalformedInput(f"{place}: authenticator data: {len(data)} bytes, expected at least 37")
    if data[:32] != hashlib.sha256(party.id.encode("ascii")).digest():
        raise _another_site(place)
    _verify_person(is_present=bool(data[32] & _PRESENT), is_verified=bool(data[32] & _VERIFIED), place=place)
    if max(assertion.count, passkey.count) > 0 and assertion.count <= passkey.count:
        raise Refused(
            f"{place}: its counter went back",
            code="form",
            hint="a second copy of this passkey may exist: revoke it and register another",
        )
    with extra("pages"):
        import webauthn  # noqa: PLC0415 - an extra
        from webauthn.helpers import structs  # noqa: PLC0415
    with _library_errors(place):
        proven = webauthn.verify_authentication_response(
            credential=structs.AuthenticationCredential(
                id=format_base64url(assertion.credential),
                raw_id=assertion.credential,
                response=structs.AuthenticatorAssertionResponse(
                    client_data_json=assertion.client_data, authenticator_data=data, signature=assertion.signature
                ),
            ),
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            credential_public_key=passkey.key,
            credential_current_sign_count=passkey.count,
            require_user_verification=True,
        )
    return replace(passkey, count=proven.new_sign_count, is_backed_up=proven.credential_backed_up)


def format_base64url(value: bytes) -> str:
    """Base64 as WebAuthn writes it: ``-`` and ``_``, without padding."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode("ascii")


def _unbase64url(text: str, place: str) -> bytes:
    try:
        value = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise MalformedInput(f"{place}: not base64url") from None
    if format_base64url(value) != text:
        raise MalformedInput(f"{place}: base64url is not in its canonical form")
    return value


def _parse_object(raw: bytes, place: str) -> dict[str, object]:
    """A JSON object without repeated keys: of two, our reader and another one might each take its own."""

    def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
        if len({key for key, _ in pairs}) != len(pairs):
            raise MalformedInput(f"{place}: a key twice")
        return dict(pairs)

    try:
        value = json.loads(raw.decode("utf-8"), object_pairs_hook=once)
    except (ValueError, RecursionError):
        raise MalformedInput(f"{place}: not JSON") from None
    if not isinstance(value, dict):
        raise MalformedInput(f"{place}: expected a JSON object")
    return value


def _parse_answer(raw: bytes, limit: int, place: str) -> dict[str, object]:
    if len(raw) > limit:
        raise MalformedInput(f"{place}: {len(raw)} bytes, expected at most {limit}")
    answer = _parse_object(raw, place)
    if _text(answer, "type", place) != "public-key":
        raise MalformedInput(f"{place}: type: expected public-key")
    if answer.get("rawId") != answer.get("id"):
        raise MalformedInput(f"{place}: rawId: another than id")
    return answer


def _text(values: dict[str, object], key: str, place: str) -> str:
    value = values.get(key)
    if not isinstance(value, str):
        raise MalformedInput(f"{place}: {key}: missing, or no text")
    return value


def _credential_id(answer: dict[str, object], place: str) -> bytes:
    value = _unbase64url(_text(answer, "id", place), f"{place}: id")
    if not MIN_ID_BYTES <= len(value) <= MAX_ID_BYTES:
        raise MalformedInput(f"{place}: id: {len(value)} bytes, expected {MIN_ID_BYTES} to {MAX_ID_BYTES}")
    return value


def _part(answer: dict[str, object], key: str, limit: int, place: str) -> bytes:
    response = answer.get("response")
    if not isinstance(response, dict):
        raise MalformedInput(f"{place}: response: missing, or no object")
    value = _unbase64url(_text(response, key, place), f"{place}: {key}")
    if len(value) > limit:
        raise MalformedInput(f"{place}: {key}: {len(value)} bytes, expected at most {limit}")
    return value


def _stated_challenge(client_data: bytes, place: str) -> bytes:
    stated = _parse_object(client_data, f"{place}: client data")
    return _unbase64url(_text(stated, "challenge", place), f"{place}: challenge")


def _verify_client_data(raw: bytes, kind: str, party: RelyingParty, challenge: bytes, place: str) -> None:
    """What the browser states of itself, which the authenticator signs over.

    The library looks at type, challenge and origin again; it does not refuse frames and repeated keys.
    """
    stated = _parse_object(raw, f"{place}: client data")
    if stated.get("type") != kind:
        raise Refused(f"{place}: made for another act than {kind}", code="form", hint=_ANOTHER_TRY)
    if stated.get("origin") != party.origin:
        raise _another_site(place)
    if stated.get("crossOrigin") not in {None, False} or "topOrigin" in stated:
        raise Refused(f"{place}: asked for within another site's page", code="form", hint="open this site by itself")
    if not hmac.compare_digest(_stated_challenge(raw, place), challenge):
        raise Refused(f"{place}: made for another challenge", code="form", hint=_ANOTHER_TRY)


def _verify_person(*, is_present: bool, is_verified: bool, place: str) -> None:
    if not (is_present and is_verified):
        raise Refused(
            f"{place}: the authenticator did not verify who holds it",
            code="form",
            hint="set up a PIN, fingerprint or face on it, and try again",
        )


def _another_site(place: str) -> Refused:
    return Refused(
        f"{place}: made for another site than this one",
        code="form",
        hint="look at the address in the browser: passkeys of one site do not work on another",
    )


def _verify_key(raw: bytes, place: str) -> None:
    """The key is a COSE map of bounded size, and its numbers make a key."""
    if len(raw) > MAX_KEY_BYTES or raw[:1] == b"\x04":  # the library also takes a bare point, as U2F wrote it
        raise Refused(f"{place}: a key of another form", code="form", hint="use another authenticator")
    with extra("pages"):
        from webauthn.helpers import (  # noqa: PLC0415 - an extra
            decode_credential_public_key,
            decoded_public_key_to_cryptography,
        )
    with _library_errors(place):
        key = decoded_public_key_to_cryptography(decode_credential_public_key(raw))
    size = getattr(key, "key_size", None)  # Ed25519 has one size and does not say it
    if size not in {None, _P256_BITS} and not _MIN_RSA_BITS <= size <= _MAX_RSA_BITS:
        raise Refused(f"{place}: a key of {size} bits", code="form", hint="use another authenticator")


@contextmanager
def _library_errors(place: str) -> Iterator[None]:
    """Turn what the library raises at bytes of strangers into ``Refused``; its words would quote them."""
    with extra("pages"):
        from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
        from webauthn.helpers.exceptions import WebAuthnException  # noqa: PLC0415 - an extra
    try:
        yield
    except (
        WebAuthnException,
        UnsupportedAlgorithm,
        ArithmeticError,
        AttributeError,
        LookupError,
        TypeError,
        ValueError,
    ) as error:
        raise Refused(
            f"{place}: the authenticator's answer does not hold ({type(error).__name__})",
            code="form",
            hint="begin again on the page; if it stays so, use another authenticator",
        ) from None
