"""The public window with this machine's clock, as ``coffer serve`` serves it."""

import datetime as dt
import time
from collections.abc import Callable

from coffer.cli.demonstration.banner import demonstration_of
from coffer.extras import extra
from coffer.identity.numbering import home_plan
from coffer.serving.crowd import OPEN_HOUSE, Crowd
from coffer.vault.folder import Vault

with extra("pages"):
    from starlette.types import ASGIApp

    from coffer.web.ground.site import Site, parse_site_origin
    from coffer.web.window.app import window_app
    from coffer.web.window.window import Window


def make_window(
    vault: Vault, *, origin: str, operator: str, clock: Callable[[], dt.datetime], home: str = ""
) -> tuple[Window, ASGIApp, Crowd]:
    """The window on a vault, which does not look yet; its application, and the crowd that this counts.

    Raises:
        MalformedInput: ``origin`` is none, or ``home`` is no country.
    """
    if home:
        home_plan(home, "--home")
    site = Site(
        party="window",
        operator=operator,
        origin=parse_site_origin(origin, "--window-origin"),
        tag="window",
        log=vault.pins.origin,
        demonstration=demonstration_of("window"),
    )
    window, crowd = Window(vault, site, clock, home=home), Crowd(time.monotonic, allowance=OPEN_HOUSE)
    return window, window_app(window, crowd), crowd
