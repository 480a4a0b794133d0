"""From values to a page: templates, and what every page knows of its reader."""

import http
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from coffer.web.ground import times
from coffer.web.ground.assets import Assets
from coffer.web.ground.languages import COOKIE, LANGUAGES, PARAMETER, choose_language, preload, translations
from coffer.web.ground.site import Site
from coffer.web.ground.wording import Wording

_A_YEAR_S: Final = 31_536_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Who looks at a page: their language, their zone, and their name if they signed in."""

    language: str
    zone: ZoneInfo
    person: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NavItem:
    """One entry of a site's navigation. ``label``: a message id."""

    path: str
    label: str


class Pages:
    """The pages of a site. ``rooms``: those of ``coffer.web`` whose templates, words and assets it uses.

    ``nav``: the navigation of a reader. ``foot``: the lines at the foot of each page, made anew for each. ``assets``: those
    that the listener serves, where another site's pages stand on it too.
    """

    def __init__(
        self,
        site: Site,
        rooms: Sequence[str],
        *,
        nav: Sequence[NavItem],
        foot: Callable[[Wording], Sequence[str]] = lambda _words: (),
        assets: Assets | None = None,
    ) -> None:
        self.site = site
        self.rooms = ("ground", *rooms)
        self.assets = assets or Assets(self.rooms)
        self._nav = nav
        self._foot = foot
        preload(self.rooms)
        self._environments = {language: self._environment(language) for language in LANGUAGES}

    def _environment(self, language: str) -> Environment:
        environment = Environment(
            loader=ChoiceLoader([PackageLoader(f"coffer.web.{room}", "templates") for room in self.rooms]),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n"],
        )
        words = translations(language, self.rooms)
        environment.install_gettext_translations(words, newstyle=True)  # type: ignore[attr-defined]
        environment.filters |= {
            "number": partial(times.show_number, language=language),
            "day": partial(times.show_day, language=language),
            "utc": times.show_utc,
            "machine": times.machine_time,
        }
        environment.globals |= {
            "site": self.site,
            "languages": LANGUAGES,
            "asset": self.assets.address,
            "language": language,
        }
        return environment

    def reader(self, request: Request, person: str = "") -> Reader:
        """What a request says of its reader."""
        return Reader(
            language=choose_language(
                cookie=request.cookies.get(COOKIE), accepted=request.headers.get("accept-language", "")
            ),
            zone=times.choose_zone(request.cookies.get(times.COOKIE), self.site.zone),
            person=person,
        )

    def gettext(self, reader: Reader) -> Callable[[str], str]:
        """Translates a sentence for a reader."""
        return translations(reader.language, self.rooms).gettext

    def wording(self, reader: Reader) -> Wording:
        """Words, numbers, days and times for a reader, outside templates."""
        return Wording(reader.language, reader.zone, self.rooms)

    def render(self, name: str, reader: Reader, path: str, **values: Any) -> str:  # noqa: ANN401 - a template's own
        """The text of a page at ``path``, from the template ``<room>/<page>.html``."""
        zone = reader.zone
        path = _local(path)
        return (
            self._environments[reader.language]
            .get_template(name)
            .render(
                path=path,
                reader=reader,
                nav=values.pop("nav", self._nav),
                foot=self._foot(self.wording(reader)),
                local=lambda time: times.show_time(time, reader.language, zone),
                clock=lambda time: times.show_clock(time, zone),
                **values,
            )
        )

    def respond(
        self,
        request: Request,
        name: str,
        *,
        person: str = "",
        status: int = 200,
        **values: Any,  # noqa: ANN401
    ) -> Response:
        """A page for a request."""
        rest = _without_language(request)
        text = self.render(
            name, self.reader(request, person), request.url.path, rest=f"{rest}&" if rest else "", **values
        )
        return HTMLResponse(text, status, {"vary": "cookie, accept-language"})

    def refuse(
        self, request: Request, status: int, what: str, hint: str, *, details: str = "", advice: str = ""
    ) -> Response:
        """A page that says what was refused and what the reader can do.

        ``what`` and ``hint``: message ids. ``details`` and ``advice``: an error's own words, shown as they are.
        """
        _ = self.gettext(self.reader(request))
        values = {"what": _(what), "hint": _(hint), "details": details, "advice": advice}
        return self.respond(
            request, "ground/refused.html", status=status, code=f"{status} {http.HTTPStatus(status).phrase}", **values
        )


def chosen_language(request: Request) -> Response | None:
    """A reader who followed a language's link comes back to the same page in it; None if this was none."""
    language = request.query_params.get(PARAMETER)
    if request.method != "GET" or language not in LANGUAGES:
        return None
    rest = _without_language(request)
    path = quote(_local(request.scope["path"]), safe="/")
    response = RedirectResponse(f"{path}?{rest}" if rest else path, 303)
    response.set_cookie(COOKIE, language, max_age=_A_YEAR_S, path="/", secure=True, samesite="strict", httponly=True)
    return response


def _without_language(request: Request) -> str:
    """The query of a request as it is written in an address, but the choice of a language."""
    return urlencode([(name, value) for name, value in request.query_params.multi_items() if name != PARAMETER])


def _local(path: str) -> str:
    """A path that no browser reads as the name of another host, as it does with two slashes."""
    return "/" + path.lstrip("/\\")
