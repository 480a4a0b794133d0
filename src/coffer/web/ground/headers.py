"""The headers that every page carries. One place, so that no page forgets one."""

from typing import Final

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
"""Nothing inline, nothing from elsewhere, in no frame, and no script text made from strings."""

NO_STORE: Final = "no-store"
_ALWAYS: Final = (
    ("content-security-policy", CONTENT_SECURITY_POLICY),
    # Not "no-referrer": with it browsers hide the origin of a form that this very site sends, and the gate refuses it.
    ("referrer-policy", "same-origin"),
    ("x-content-type-options", "nosniff"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    (
        "permissions-policy",
        "camera=(), geolocation=(), microphone=(), usb=(), publickey-credentials-get=(self), publickey-credentials-create=(self)",
    ),
)
_A_YEAR_S: Final = 31_536_000


def page_headers(*, is_tls: bool) -> tuple[tuple[bytes, bytes], ...]:
    """The headers of every response of a site, as ASGI wants them."""
    secure = (("strict-transport-security", f"max-age={_A_YEAR_S}"),) if is_tls else ()
    return tuple((name.encode("ascii"), value.encode("ascii")) for name, value in (*_ALWAYS, *secure))
