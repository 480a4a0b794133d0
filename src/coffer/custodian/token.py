"""A PKCS#11 token that holds the key which wraps a custodian's keys.

The only file that knows PKCS#11; its library is loaded only where a token is used.

Promises: the wrapping key is made on the token and cannot be read from it, so a copy of the disk is worth nothing without the token and its PIN.
Trusts: the token's module, which runs in this process, and the token.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final, Self

from coffer.errors import MalformedInput, NotProven, Refused, Unavailable
from coffer.extras import extra
from coffer.notes.keys import Secret

_GENERATION: Final = "#"
"""Stands between the name that a person gave the key and the suffix that tells its rotations apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """Where the wrapping key is.

    ``module``: the path of the token's PKCS#11 library. ``label``: the token's. ``key``: the key's label.
    """

    module: str
    label: str
    key: str

    def make_key(self, pin: Secret, *, is_first: bool = False) -> None:
        """Make the AES-256 key on the token.

        Raises:
            Refused: ``is_first``, and a key of that name exists. Its owner would lose it when this one is rotated (code ``form``).
        """
        pkcs11 = _library()
        with self._session(pin, is_writing=True) as session:
            if is_first and any(self._is_of_this_name(key) for key in self._keys(session)):
                raise Refused(
                    f"token {self.label}: it holds a key {self._name} already",
                    code="form",
                    hint="name another one: --token-key",
                )
            capabilities = pkcs11.MechanismFlag.ENCRYPT | pkcs11.MechanismFlag.DECRYPT
            session.generate_key(
                pkcs11.KeyType.AES,
                256,
                label=self.key,
                store=True,
                capabilities=capabilities,
                template={pkcs11.Attribute.SENSITIVE: True, pkcs11.Attribute.EXTRACTABLE: False},
            )

    def successor(self, entropy: Callable[[int], bytes]) -> Self:
        """The key that comes after this one, not made yet."""
        return replace(self, key=f"{self._name}{_GENERATION}{entropy(8).hex()}")

    def destroy_predecessors(self, pin: Secret) -> None:
        """Destroy every other key of this name on the token. What those keys wrapped stays wrapped for ever."""
        with self._session(pin, is_writing=True) as session:
            for key in self._keys(session):
                if self._is_of_this_name(key) and key.label != self.key:
                    key.destroy()

    @property
    def fields(self) -> dict[str, str]:
        """What finds the key again; read by ``parse_token``."""
        return {"module": self.module, "token": self.label, "key": self.key}

    @property
    def _name(self) -> str:
        return self.key.partition(_GENERATION)[0]

    def _is_of_this_name(self, key: Any) -> bool:  # noqa: ANN401 - the library's key, which it does not type
        return str(key.label).partition(_GENERATION)[0] == self._name

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

    @contextmanager
    def _session(self, pin: Secret, *, is_writing: bool = False) -> Iterator[Any]:
        """A session. Every error of the token's library within it becomes one of our own."""
        pkcs11 = _library()
        try:
            token = pkcs11.lib(self.module).get_token(token_label=self.label)
            with token.open(user_pin=pin.unsafe_bytes().decode("utf-8", "replace"), rw=is_writing) as session:
                yield session
        except (pkcs11.exceptions.PinIncorrect, pkcs11.exceptions.PinLenRange, pkcs11.exceptions.PinLocked):
            raise Refused(
                f"token {self.label}: wrong PIN, or locked", code="form", hint="the PIN is given as the passphrase"
            ) from None
        except (pkcs11.exceptions.PKCS11Error, RuntimeError) as error:
            raise Unavailable(
                f"token {self.label}: {type(error).__name__}", hint="is it plugged in, and its module right?"
            ) from None

    def _key(self, session: Any) -> Any:  # noqa: ANN401 - as above
        for key in self._keys(session):
            if key.label == self.key:
                return key
        raise Unavailable(f"token {self.label}: it holds no key {self.key}")

    def _keys(self, session: Any) -> list[Any]:  # noqa: ANN401 - as above
        pkcs11 = _library()
        return list(session.get_objects({pkcs11.Attribute.CLASS: pkcs11.ObjectClass.SECRET_KEY}))


def parse_token(fields: dict[str, object], place: str) -> Token:
    """The token that a key file names; raises ``MalformedInput``."""
    module, label, key = (fields.get(name) for name in ("module", "token", "key"))
    if not (isinstance(module, str) and isinstance(label, str) and isinstance(key, str)):
        raise MalformedInput(f"{place}: key file is damaged")
    return Token(module=module, label=label, key=key)


def _library() -> Any:  # noqa: ANN401 - it ships no types
    with extra("pkcs11"):
        import pkcs11  # noqa: PLC0415 - an extra
        import pkcs11.exceptions  # noqa: PLC0415
    return pkcs11
