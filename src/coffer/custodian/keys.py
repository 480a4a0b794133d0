"""A custodian's keys, unlocked. Pure but for the entropy it is given.

Everything that must outlive a retirement derives from ``approvals``, which never changes; ``wrapping`` changes at each retirement.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from coffer import wire
from coffer.custody.public import PublicKeys
from coffer.entropy import Entropy
from coffer.notes.keys import SealKey, Secret, SigningKey


@dataclass(frozen=True, slots=True)
class CustodianKeys:
    """All keys of one custodian but the epoch keys.

    ``wrapping`` encrypts the epoch keys. ``retiring`` is the wrapping key before it, set only while they are being wrapped anew.

    ``version``: of the file they were read from, empty for fresh ones.
    """

    auth: SigningKey
    resp: SigningKey
    req: SealKey
    approvals: Secret
    wrapping: Secret
    retiring: Secret | None = None
    version: bytes = b""

    @property
    def snapshots(self) -> Secret:
        """What authenticates this custodian's snapshots."""
        return self._derived("snapshot-key", "snapshot key")

    @property
    def protected(self) -> Secret:
        """What the protected list is hashed and authenticated with."""
        return self._derived("protected-key", "protected key")

    @property
    def authorities(self) -> Secret:
        """What authenticates the list of authorities that its people know."""
        return self._derived("authorities-key", "authorities key")

    @property
    def acknowledging(self) -> Secret:
        """What authenticates up to which entry its people read of the roster."""
        return self._derived("acknowledged-key", "own key")

    @property
    def decisions(self) -> Secret:
        """What authenticates the approvals file."""
        return self._derived("approvals-key", "approvals file key")

    @property
    def people(self) -> Secret:
        """What seals the file of this custodian's people."""
        return self._derived("people-key", "people key")

    @property
    def evident(self) -> Secret:
        """What authenticates this custodian's memory of the time."""
        return self._derived("evident-key", "evident key")

    @property
    def requests(self) -> Secret:
        """What seals this custodian's marks and the notes it decided: 64 bytes, for AES-256-SIV."""
        key = hmac.digest(self.approvals.unsafe_bytes(), wire.tag("requests-key"), "sha512")
        return Secret(key, "requests key")

    @property
    def secrets(self) -> dict[str, Secret]:
        """The secrets that a key file holds, by the names of ``of``."""
        kept = {
            "auth": self.auth.seed,
            "resp": self.resp.seed,
            "req": self.req.secret,
            "approvals": self.approvals,
            "wrapping": self.wrapping,
        }
        return kept if self.retiring is None else kept | {"retiring": self.retiring}

    @classmethod
    def of(cls, name: str, secrets: Mapping[str, Secret], *, version: bytes) -> Self:
        """The keys of a custodian, as a key file of that version holds them."""
        return cls(
            auth=SigningKey(f"{name}/auth", secrets["auth"]),
            resp=SigningKey(f"{name}/resp", secrets["resp"]),
            req=SealKey(secrets["req"]),
            approvals=secrets["approvals"],
            wrapping=secrets["wrapping"],
            retiring=secrets.get("retiring"),
            version=version,
        )

    def public(self, name: str) -> PublicKeys:
        """The public halves, which a roster holds under its name."""
        return PublicKeys(name=name, auth=self.auth.verify_key, resp=self.resp.verify_key, req=self.req.public)

    @classmethod
    def generate(cls, name: str, entropy: Entropy) -> Self:
        """Fresh, independent keys."""
        return cls(
            auth=SigningKey.generate(f"{name}/auth"),
            resp=SigningKey.generate(f"{name}/resp"),
            req=SealKey.generate(),
            approvals=Secret(entropy(32), "approvals key"),
            wrapping=Secret(entropy(32), "wrapping key"),
        )

    def _derived(self, tag: str, what: str) -> Secret:
        """HMAC-SHA256(approvals, T(tag))."""
        return Secret(hmac.digest(self.approvals.unsafe_bytes(), wire.tag(tag), "sha256"), what)
