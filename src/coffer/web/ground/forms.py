"""What people typed and dropped, read strictly. Bodies were bounded by the gate before.

Nothing touches a disk: a file that a person uploads stays in memory until it is sealed.
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Final

from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import FormParser, MultiPartException, MultiPartParser
from starlette.requests import Request

from coffer.errors import MalformedInput

MAX_FIELDS: Final = 400
MAX_FILES: Final = 8
MAX_FIELD_CHARACTERS: Final = 8_192


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file as the browser sent it.

    ``name`` is a stranger's text: it is shown, and never used as a path.
    """

    name: str = field(repr=False)
    raw: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a form, each with its values in order.

    Names that a page does not ask for are of no effect.
    """

    values: dict[str, tuple[str, ...]] = field(repr=False)
    files: dict[str, tuple[Upload, ...]] = field(repr=False, default_factory=dict)

    def text(self, name: str) -> str:
        """The value of a field without outer spaces; empty if it was not sent.

        Raises:
            MalformedInput: it was sent twice.
        """
        values = self.values.get(name, ())
        if len(values) > 1:
            raise MalformedInput(f"form: {name} was sent {len(values)} times, expected once")
        return values[0].strip() if values else ""

    def all(self, name: str) -> tuple[str, ...]:
        """Every value of a field that may stand many times."""
        return self.values.get(name, ())

    def is_ticked(self, name: str) -> bool:
        """Whether a box was ticked."""
        return bool(self.values.get(name))

    def file(self, name: str) -> Upload | None:
        """The file of a field; None if none was chosen.

        Raises:
            MalformedInput: several were.
        """
        chosen = [upload for upload in self.files.get(name, ()) if upload.name or upload.raw]
        if len(chosen) > 1:
            raise MalformedInput(f"form: {name} holds {len(chosen)} files, expected one")
        return chosen[0] if chosen else None


class _InMemory(MultiPartParser):
    """The library's parser, which would put a large file on the disk."""

    spool_max_size = 2**62


async def _at_once(raw: bytes) -> AsyncGenerator[bytes, None]:
    yield raw


async def read_form(request: Request) -> Form:
    """The form in the body of a request.

    Raises:
        MalformedInput: it is none, or one with too many fields or with a field too long.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        if kind == "multipart/form-data":
            raw = await request.body()
            if not raw.rstrip(b"\r\n").endswith(b"--"):
                raise MalformedInput("form: cut short on its way", hint="go back and send it again")
            parser = _InMemory(
                request.headers,
                _at_once(raw),
                max_files=MAX_FILES,
                max_fields=MAX_FIELDS,
                max_part_size=4 * MAX_FIELD_CHARACTERS,
            )
            data = await parser.parse()
        elif kind == "application/x-www-form-urlencoded":
            data = await FormParser(request.headers, request.stream()).parse()
        else:
            raise MalformedInput("form: expected the fields of a form")
    except (MultiPartException, ValueError, KeyError) as error:
        raise MalformedInput("form: damaged on its way", hint="go back and send it again") from error
    try:
        return await _checked(data)
    finally:
        await data.close()


async def _checked(data: FormData) -> Form:
    values: dict[str, tuple[str, ...]] = {}
    uploads: dict[str, tuple[Upload, ...]] = {}
    items = data.multi_items()
    if len(items) > MAX_FIELDS:
        raise MalformedInput(f"form: {len(items)} fields, expected at most {MAX_FIELDS}")
    for name, value in items:
        if isinstance(value, UploadFile):
            upload = Upload(name=value.filename or "", raw=await value.read())
            uploads[name] = (*uploads.get(name, ()), upload)
        elif len(value) > MAX_FIELD_CHARACTERS:
            raise MalformedInput(f"form: {len(value)} characters in a field, expected at most {MAX_FIELD_CHARACTERS}")
        else:
            values[name] = (*values.get(name, ()), value)
    return Form(values, uploads)
