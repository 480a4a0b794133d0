"""A PKCS#11 token that holds the key which wraps a custodian's keys. The only file that knows PKCS#11, and only where a token is used.

Promises: the wrapping key is made on the token and cannot be read from it; whoever copies the disk has nothing without the token and its PIN.
Trusts: the token's module, which runs in this process, and the token.
"""

from dataclasses import dataclass
from typing import Any

from coffer.errors import MalformedInput, NotProven, Refused, Unavailable
from coffer.notes.keys import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """Where the wrapping key is. ``module``: the path of the token's PKCS#11 library."""

    module: str
    label: str
    key: str

    def make_key(self, pin: Secret) -> None:
        """Make the AES-256 key on the token, unless one of that label is there."""
        pkcs11 = _library()
        with self._session(pin, is_writing=True) as session:
            if self._found(session) is None:
                capabilities = pkcs11.MechanismFlag.ENCRYPT | pkcs11.MechanismFlag.DECRYPT
                session.generate_key(
                    pkcs11.KeyType.AES,
                    256,
                    label=self.key,
                    store=True,
                    capabilities=capabilities,
                    template={pkcs11.Attribute.SENSITIVE: True, pkcs11.Attribute.EXTRACTABLE: False},
                )

    def wrap(self, plain: bytes, pin: Secret, *, nonce: bytes, aad: bytes) -> bytes:
        """AES-256-GCM on the token."""
        pkcs11 = _library()
        with self._session(pin) as session:
            parameters = pkcs11.GCMParams(nonce=nonce, aad=aad, tag_bits=128)
            sealed = self._key(session).encrypt(plain, mechanism=pkcs11.Mechanism.AES_GCM, mechanism_param=parameters)
            return bytes(sealed)

    def unwrap(self, sealed: bytes, pin: Secret, *, nonce: bytes, aad: bytes) -> bytes:
        """The inverse of ``wrap``.

        Raises:
            NotProven: it was changed, or wrapped by another key.
        """
        pkcs11 = _library()
        with self._session(pin) as session:
            parameters = pkcs11.GCMParams(nonce=nonce, aad=aad, tag_bits=128)
            key = self._key(session)
            try:
                plain = key.decrypt(sealed, mechanism=pkcs11.Mechanism.AES_GCM, mechanism_param=parameters)
            except pkcs11.exceptions.PKCS11Error:
                raise NotProven(f"token {self.label}: the keys were changed, or wrapped by another key") from None
            return bytes(plain)

    def _session(self, pin: Secret, *, is_writing: bool = False) -> Any:  # noqa: ANN401 - the library's session, which it does not type
        pkcs11 = _library()
        try:
            token = pkcs11.lib(self.module).get_token(token_label=self.label)
            return token.open(user_pin=pin.unsafe_bytes().decode("utf-8", "replace"), rw=is_writing)
        except (pkcs11.exceptions.PinIncorrect, pkcs11.exceptions.PinLenRange, pkcs11.exceptions.PinLocked):
            raise Refused(
                f"token {self.label}: wrong PIN, or locked", code="form", hint="the PIN is given as the passphrase"
            ) from None
        except (pkcs11.exceptions.PKCS11Error, RuntimeError) as error:
            raise Unavailable(
                f"token {self.label}: {type(error).__name__}", hint="is it plugged in, and its module right?"
            ) from None

    def _key(self, session: Any) -> Any:  # noqa: ANN401 - as above
        found = self._found(session)
        if found is None:
            raise Unavailable(f"token {self.label}: it holds no key {self.key}")
        return found

    def _found(self, session: Any) -> Any:  # noqa: ANN401 - as above
        pkcs11 = _library()
        try:
            return session.get_key(object_class=pkcs11.ObjectClass.SECRET_KEY, label=self.key)
        except pkcs11.exceptions.NoSuchKey:
            return None


def parse_token(fields: dict[str, object], place: str) -> Token:
    """The token that a key file names; raises ``MalformedInput``."""
    module, label, key = (fields.get(name) for name in ("module", "token", "key"))
    if not (isinstance(module, str) and isinstance(label, str) and isinstance(key, str)):
        raise MalformedInput(f"{place}: key file is damaged")
    return Token(module=module, label=label, key=key)


def _library() -> Any:  # noqa: ANN401 - it ships no types
    try:
        import pkcs11  # noqa: PLC0415 - an extra
        import pkcs11.exceptions  # noqa: PLC0415
    except ModuleNotFoundError:
        raise Unavailable("library pkcs11: not installed", hint='pip install "surecoffer[pkcs11]"') from None
    return pkcs11
