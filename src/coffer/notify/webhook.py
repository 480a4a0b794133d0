"""Sends a message to a webhook: one POST, signed, without redirects, within a bound."""

import datetime as dt
import hmac
import json
import ssl
from collections.abc import Collection
from typing import Final

from coffer import deadline
from coffer.entropy import Entropy
from coffer.errors import Refused, Unavailable
from coffer.extras import extra
from coffer.notify.address import Hook
from coffer.notify.message import Message, Party

with extra("web"):
    import httpx

FORMAT: Final = "coffer.notification/v2"
SIGNATURE: Final = "Coffer-Signature"
TIMEOUT_S: Final = 5.0
DEADLINE_S: Final = 15.0
"""For one POST in all, however slowly the host answers."""


def format_hook_body(message: Message, *, party: Party, now: dt.datetime, entropy: Entropy) -> bytes:
    """The body: format, party, news, time left, class.

    A random id lets a receiver know a repetition.
    """
    document = {
        "format": FORMAT,
        "id": entropy(16).hex(),
        "time": now.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "party": party.value,
        "news": message.news.value,
        "hours": message.hours,
        "minutes": message.minutes,
        "class": message.urgency,
    }
    return json.dumps(document, separators=(",", ":")).encode("ascii")


def format_signature(secret: bytes, body: bytes) -> str:
    """``sha256=`` and HMAC-SHA-256 of the body, in hex.

    The body holds time and id, so that it cannot be sent again.
    """
    return f"sha256={hmac.digest(secret, body, 'sha256').hex()}"


def send_hook(
    hook: Hook, body: bytes, *, allowed: Collection[str], ca_file: str | None = None, deadline_s: float = DEADLINE_S
) -> None:
    """POST a body to a webhook.

    ``allowed``: the hosts, with port where the URL has one, that the operator allows. Otherwise people of the desk
    could make this machine speak to any other.

    Raises:
        Refused: its host is not among ``allowed`` (code scope).
        Unavailable: no status of 200 to 299 came within the deadline. The error does not name the URL.
    """
    if hook.host not in allowed:
        raise Refused(
            "webhook: its host is not allowed here",
            code="scope",
            hint="the operator lists the hosts that may be told, in notify.toml",
        )
    try:
        status = deadline.within(deadline_s, lambda: _post(hook, body, ca_file))
    except TimeoutError:
        raise Unavailable("webhook: no answer in time") from None
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        raise Unavailable(f"webhook: {type(error).__name__}") from None
    if not 200 <= status < 300:
        raise Unavailable(f"webhook: answers {status}, expected 200 to 299")


def _post(hook: Hook, body: bytes, ca_file: str | None) -> int:
    headers = {"content-type": "application/json", SIGNATURE: format_signature(hook.secret, body)}
    context = ssl.create_default_context(cafile=ca_file)
    # Proxies and .netrc of the environment are not for this: trust_env would send the body through them.
    with (
        httpx.Client(verify=context, follow_redirects=False, trust_env=False, timeout=TIMEOUT_S) as client,
        client.stream("POST", hook.url, content=body, headers=headers) as response,
    ):
        return response.status_code  # the body of the answer is never read
