"""A passkey as it is kept: the public half of what an authenticator holds."""

import datetime as dt
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class RelyingParty:
    """The site that a passkey belongs to (WebAuthn Level 3, section 5.4.2).

    ``id``: the site's host name, without scheme and port. ``origin``: what the browser says it is on, for example
    ``https://desk.telco.example``. ``name``: shown by the authenticator.
    """

    id: str
    origin: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Passkey:
    """One registered passkey.

    ``id``: the credential's id, 16 to 1,023 bytes. ``key``: its public key as COSE (RFC 9052). ``count``: the
    authenticator's signature counter at its last use, 0 if it keeps none. ``label``: what the person calls it.
    """

    id: bytes = field(repr=False)
    key: bytes = field(repr=False)
    count: int
    label: str = field(repr=False)
    added: dt.datetime
