"""A passkey as it is kept: the public half of what an authenticator holds."""

import datetime as dt
import re
from dataclasses import dataclass, field
from typing import Final

from coffer.errors import MalformedInput

_ORIGIN: Final = re.compile(r"(https?)://([a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?)(?::([1-9][0-9]{0,4}))?")
_DEFAULT_PORTS: Final = {"https": "443", "http": "80"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RelyingParty:
    """The site that a passkey belongs to (WebAuthn Level 3, section 5.4.2).

    ``id``: the site's host name, without scheme and port. ``origin``: what the browser says it is on, for example
    ``https://desk.telco.example``. ``name``: shown by the authenticator.
    """

    id: str
    origin: str
    name: str


def parse_site(origin: str, place: str, *, name: str) -> RelyingParty:
    """The site at an origin as browsers spell it: lower case, no path, no default port.

    Raises:
        MalformedInput: another form; or http anywhere but on this machine, where browsers give no passkeys.
    """
    match = _ORIGIN.fullmatch(origin)
    if match is None or match[3] == _DEFAULT_PORTS[match[1]] or int(match[3] or 1) > 65_535:
        raise MalformedInput(f"{place}: expected an origin such as https://judge.example:8444, in lower case")
    if match[1] == "http" and match[2] != "localhost":
        raise MalformedInput(f"{place}: http, expected https", hint="without TLS only http://localhost has passkeys")
    if re.fullmatch(r"[0-9.]+", match[2]):
        raise MalformedInput(f"{place}: an address, expected a host name", hint="browsers bind passkeys to names")
    return RelyingParty(id=match[2], origin=origin, name=name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Passkey:
    """One registered passkey.

    ``id``: the credential's id, 16 to 1,023 bytes. ``key``: its public key as COSE (RFC 9052). ``count``: the
    authenticator's signature counter at its last use, 0 if it keeps none. ``label``: what the person calls it.
    ``is_backed_up``: it is copied between the person's devices, so that more than one device can sign.
    """

    id: bytes = field(repr=False)
    key: bytes = field(repr=False)
    count: int
    label: str = field(repr=False)
    added: dt.datetime
    is_backed_up: bool = False
