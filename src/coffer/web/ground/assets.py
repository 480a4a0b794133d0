"""Style sheets and scripts, under an address that changes when any of them does.

An address holds a digest over all assets of the site, so that browsers keep a file for good and relative imports of
modules stay within one version.
"""

from collections.abc import Iterator, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from starlette.responses import PlainTextResponse, Response

from coffer import wire

_TYPES: Final = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
_FOR_GOOD: Final = "public, max-age=31536000, immutable"


class Assets:
    """The assets of some rooms of ``coffer.web``, in memory."""

    def __init__(self, rooms: Sequence[str]) -> None:
        self.files = {
            f"{room}/{path}": raw
            for room in rooms
            for path, raw in sorted(_walk(files(f"coffer.web.{room}").joinpath("assets"), ""))
        }
        whole = b"".join(wire.lp(name.encode("utf-8")) + wire.digest(raw) for name, raw in self.files.items())
        self.digest = wire.digest(whole).hex()[:16]

    def address(self, name: str) -> str:
        """Where a page finds an asset, by room and path: ``ground/coffer.css``.

        Raises:
            KeyError: there is none of that name: a template is wrong.
        """
        if name not in self.files:
            raise KeyError(name)
        return f"/assets/{self.digest}/{name}"

    def respond(self, digest: str, name: str) -> Response:
        """The asset of a name; under an older digest it is the file as it is now, to be asked for again."""
        raw = self.files.get(name)
        if raw is None:
            return PlainTextResponse("there is no such file", 404)
        headers = {"cache-control": _FOR_GOOD if digest == self.digest else "no-cache"}
        return Response(raw, headers=headers, media_type=_TYPES[name[name.rindex(".") :]])


def _walk(folder: Traversable, within: str) -> Iterator[tuple[str, bytes]]:
    if not folder.is_dir():
        return
    for item in folder.iterdir():
        if item.is_dir():
            yield from _walk(item, f"{within}{item.name}/")
        elif item.name[item.name.rfind(".") :] in _TYPES:
            yield f"{within}{item.name}", item.read_bytes()
