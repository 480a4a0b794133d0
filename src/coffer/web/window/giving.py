"""Answers to requests: looked up, or made in a thread and kept until the log grows."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import Request, Response
from starlette.responses import PlainTextResponse

from coffer import wire
from coffer.custodian.machine.bodies import client_of
from coffer.errors import CofferError, MalformedInput
from coffer.serving.lanes import Busy, Lane
from coffer.translog.checkpoint import Checkpoint
from coffer.web.ground.languages import translations
from coffer.web.ground.render import Pages, Reader
from coffer.web.window.kept import Answer, Answers, answer
from coffer.web.window.saying import Saying
from coffer.web.window.sentences import Sentences
from coffer.web.window.window import Window

_MOST_VALUE: Final = 64
"""Characters of a field of a query; a longer value names nothing that there is."""
HTML: Final = "text/html; charset=utf-8"

Fields = Mapping[str, str]
Make = Callable[[Reader, Fields, Checkpoint], Answer]
MakeAlways = Callable[[Reader, Checkpoint | None, str], Answer]
"""Gets no checkpoint if the log was not read yet or does not hold, and in the second case what was found."""


class Giver:
    """Gives pages and downloads. ``lane``: the threads that make them."""

    def __init__(self, window: Window, pages: Pages, lane: Lane) -> None:
        self.window = window
        self.pages = pages
        self._lane = lane
        self._answers = Answers()
        self._rests_on: object = None

    async def give(self, request: Request, fields: Sequence[str], make: Make, *, is_timed: bool = False) -> Response:
        """The answer to a request.

        ``fields``: those of its query that matter. ``is_timed``: it shows times, so the reader's zone matters too.

        Raises:
            NotProven, MalformedInput, Unavailable: as ``Window.head`` and as ``make``.
        """
        checkpoint = self.window.head()
        query = {name: request.query_params.get(name, "") for name in fields}
        if any(len(value) > _MOST_VALUE for value in query.values()):
            raise MalformedInput("query: a value that is too long")
        query = {name: value for name, value in query.items() if value}
        reader = self.pages.reader(request)
        of_reader = (reader.zone.key if is_timed else "", *sorted(query.items()))
        return await self._kept(request, reader, checkpoint.head, of_reader, lambda: make(reader, query, checkpoint))

    async def give_always(self, request: Request, make: MakeAlways) -> Response:
        """The answer to a request that needs no log.

        So a damaged log keeps nobody from verifying it.
        """
        checkpoint: Checkpoint | None
        trouble = ""
        try:
            checkpoint = self.window.head()
        except CofferError as error:
            checkpoint = None
            if self.window.health == "damaged":
                trouble = error.message
        reader, rests_on = self.pages.reader(request), trouble if checkpoint is None else checkpoint.head
        return await self._kept(request, reader, rests_on, (), lambda: make(reader, checkpoint, trouble))

    async def _kept(
        self,
        request: Request,
        reader: Reader,
        rests_on: object,
        of_reader: Sequence[object],
        make: Callable[[], Answer],
    ) -> Response:
        """The answer that is kept of what it rests on, or a new one."""
        key = (rests_on, self.window.today, request.url.path, reader.language, *of_reader)

        if self._rests_on != key[:2]:
            self._answers.forget()
            self._rests_on = key[:2]

        async def made() -> Answer:
            return await self._lane.run(client_of(request), make)

        try:
            kept = await self._answers.get(key, made)
        except Busy:
            return PlainTextResponse("busy: try again", 503, {"retry-after": "1"})
        return kept.respond(request.headers)

    def sentences(self, reader: Reader) -> Sentences:
        """The sentences about entries, for a reader."""
        return Sentences(reader.language, translations(reader.language, self.pages.rooms))

    def page(
        self,
        name: str,
        reader: Reader,
        path: str,
        checkpoint: Checkpoint | None,
        *,
        query: Fields | None = None,
        **values: Any,  # noqa: ANN401 - a template's own
    ) -> Answer:
        """A page as an answer. Without a checkpoint its foot names no log.

        ``query``: the fields that it was asked with. The links to other languages keep them.
        """
        rest = urlencode(sorted((query or {}).items()))
        pins = self.window.reading.vault.pins
        if checkpoint is not None:
            values |= {"head": checkpoint.head, "root": wire.format_base64(checkpoint.head.root)}
        text = self.pages.render(
            f"window/{name}",
            reader,
            path,
            rest=f"{rest}&" if rest else "",
            say=Saying(reader.language),
            told=self.sentences(reader),
            pins={"origin": pins.origin, "log": pins.log_key.format(), "genesis": pins.genesis.hex()},
            **values,
        )
        return answer(text.encode("utf-8"), HTML)
