"""Documents of a case: kept sealed, and handed out as files with neutral names.

The answer is looked at and packed here, and letters are written.
"""

import re
from typing import Final

from fastapi import Response

from coffer.authority.ordered import MAX_FILE_BYTES
from coffer.authority.typed import parse_zone
from coffer.desk.case import (
    Case,
    Document,
    DocumentId,
    DocumentKind,
    Edit,
)
from coffer.desk.edits import add_documents, new_document
from coffer.desk.port import Conflict
from coffer.desk.preview import Preview, preview_of, unpack_answer
from coffer.errors import CofferError, MalformedInput, Refused
from coffer.identity.identifier import parse_subject
from coffer.visible import UNSEEN
from coffer.web.desk.frame import Frame, case_path, to
from coffer.web.desk.saying import DOCUMENTS, PAPER_LANGUAGES
from coffer.web.desk.visit import Visit
from coffer.web.ground.asked import show_subject
from coffer.web.ground.wording import N_, Wording

MAX_ORDER_MIB: Final = MAX_FILE_BYTES // 2**20
"""A scanned order of some fifty pages; a longer one is made smaller by whoever scans."""
MAX_NAME: Final = 120
SHOWN_ROWS: Final = 30
"""Rows of a preview: as many as somebody looks through before they decide on the form."""
_ENDINGS: Final = ((b"%PDF-", "pdf"), (b"PK\x03\x04", "zip"), (b"<", "xml"), (b"coffer.", "note"))
_COUNTRY: Final = re.compile("[A-Z]{2}")


def neutral(name: str) -> str:
    """A stranger's file name as it is kept and shown.

    It is the last part, without what cannot be seen, and never a path.
    """
    last = re.split(r"[/\\]", name)[-1]
    shown = UNSEEN.sub("", last).strip()[:MAX_NAME].strip()
    return shown or "document"


def file_name(about: Document, number: int, content: bytes) -> str:
    """The name of a file that is handed out.

    It says what the file is and its number in the case, and nothing of the case itself.
    """
    begins = content.removeprefix(b"\xef\xbb\xbf").lstrip()[:8]
    ending = next((ending for start, ending in _ENDINGS if begins.startswith(start)), "bin")
    return f"{DOCUMENTS[about.kind][1]}-{number}.{ending}"


class PaperPages:
    """Pages of documents."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def add_document(self, visit: Visit) -> Response:
        """Keep a file that somebody brought."""
        upload = visit.form.file("file")
        if upload is None:
            raise MalformedInput("document: no file was chosen", hint="go back and choose one")
        document = new_document(
            upload.raw,
            id=DocumentId(self._frame.office.entropy(16).hex()),
            kind=DocumentKind.ORDER if visit.form.is_ticked("kind") else DocumentKind.OTHER,
            name=neutral(upload.name),
            by=visit.person.id,
            now=visit.now,
        )

        def add(case: Case) -> Edit:
            return add_documents(case, [document])

        try:
            self._frame.write(visit, add)
        except Conflict as conflict:
            return self._frame.show_case(visit, conflict=conflict)
        return to(case_path(visit.the_case.id))

    def _document(self, visit: Visit) -> tuple[Document, int, bytes]:
        """A document of the case, its number there, and its content. That it was read is written first."""
        case = visit.the_case
        about = case.document(_parse_document_id(visit.request.path_params["document"]))
        content = self._frame.office.read_document(case.id, about.id, by=visit.person.id, now=visit.now)
        return about, case.documents.index(about) + 1, content

    def document(self, visit: Visit) -> Response:
        """Hand a document out."""
        about, number, content = self._document(visit)
        headers = {"content-disposition": f'attachment; filename="{file_name(about, number, content)}"'}
        return Response(content, headers=headers, media_type="application/octet-stream")

    def preview(self, visit: Visit) -> Response:
        """The first rows of an answer. The package holds all."""
        about, _number, content = self._document(visit)
        if about.kind is not DocumentKind.ANSWER:
            raise Refused("document: not an answer", code="form")
        case, ngettext = visit.the_case, visit.words.ngettext
        shown = preview_of(unpack_answer(content), most=SHOWN_ROWS)
        delivered = next(
            (one for request in case.requests for one in request.delivered if one.document == about.id), None
        )
        sentence = ngettext("%(num)s record was opened", "%(num)s records were opened", shown.records)
        return self._frame.respond(
            visit,
            "preview",
            here="/",
            case=case,
            sentence=sentence % {"num": visit.words.number(shown.records)},
            close="" if delivered is None else delivered.close,
            columns=_columns(shown, visit.words),
            numbers=[at for at, place in enumerate(_kept(shown)) if shown.columns[place] == "duration_s"],
            rows=[
                [_cell(shown.columns[place], row[place], visit.words) for place in _kept(shown)] for row in shown.rows
            ],
        )

    def package(self, visit: Visit) -> Response:
        """The forms that were chosen, in a signed package that becomes a document of the case."""
        form, case = visit.form, visit.the_case
        document = _parse_document_id(visit.request.path_params["document"])
        formats = form.all("formats")
        country = form.text("country").upper()
        if not formats:
            raise MalformedInput("forms: none was chosen", hint="go back and tick at least one")
        if "etsi" in formats and country and not _COUNTRY.fullmatch(country):
            raise MalformedInput("country: expected two letters", hint="like FR")
        self._frame.office.make_package(
            visit,
            case.document(document),
            formats=formats,
            language=_parse_language(form.text("in")),
            zone=parse_zone(form.text("clock"), "local times") if form.text("clock") else None,
            country=country,
        )
        return to(f"{case_path(case.id)}#answer")

    def letter(self, visit: Visit) -> Response:
        """Write the letter for a person who is due to be told, with its proof."""
        try:
            self._frame.office.write_letter(
                visit, _parse_request(visit), language=_parse_language(visit.form.text("in"))
            )
        except CofferError as error:
            return self._frame.show_case(visit, refused=error)
        return to(case_path(visit.the_case.id))

    def told(self, visit: Visit) -> Response:
        """Keep that the letter was sent: its person counts as told."""
        try:
            self._frame.office.mark_told(visit, _parse_request(visit))
        except CofferError as error:
            return self._frame.show_case(visit, refused=error)
        return to("/letters")


_COLUMNS: Final = {
    "subject": N_("Asked for"),
    "kind": N_("Kind"),
    "direction": N_("Direction"),
    "peer": N_("Other side"),
    "start_utc": N_("Start (UTC)"),
    "duration_s": N_("Seconds"),
    "answered": N_("Answered"),
    "cell": N_("Cell"),
    "repeat": N_("Repeated"),
}
"""The columns of an answer as people call them; others keep their name."""


def _kept(shown: Preview) -> list[int]:
    """The places of columns that hold anything in the first rows."""
    return [place for place in range(len(shown.columns)) if any(row[place] for row in shown.rows)]


def _columns(shown: Preview, words: Wording) -> list[str]:
    return [words.gettext(_COLUMNS.get(shown.columns[place], shown.columns[place])) for place in _kept(shown)]


_VALUES: Final = {
    ("kind", "call"): N_("call"),
    ("kind", "text"): N_("text"),
    ("kind", "email"): N_("e-mail"),
    ("direction", "in"): N_("in"),
    ("direction", "out"): N_("out"),
    ("direction", "forwarded"): N_("forwarded"),
    ("direction", "other"): N_("other"),
    ("answered", "true"): N_("yes"),
    ("answered", "false"): N_("no"),
    ("repeat", "true"): N_("yes"),
    ("repeat", "false"): N_("no"),
}
"""The fixed values of an answer as people read them; others are shown as they are."""


def _cell(column: str, value: str, words: Wording) -> str:
    """A value of an answer as people read it. The files of the package keep the exact one."""
    if (column, value) in _VALUES:
        return words.gettext(_VALUES[column, value])
    match column:
        case "duration_s" if value.isascii() and value.isdigit():
            return words.number(int(value))
        case "start_utc":
            return value.replace("T", " ").removesuffix("Z")
        case "subject" | "peer":
            try:
                return show_subject(parse_subject(value, column))
            except MalformedInput:
                return value
        case _:
            return value


def _parse_request(visit: Visit) -> int:
    number = visit.form.text("request")
    if not (number.isascii() and number.isdigit() and len(number) < 4):
        raise MalformedInput("letter: of which request?")
    return int(number)


def _parse_document_id(text: str) -> DocumentId:
    if len(text) != 32 or not set(text) <= set("0123456789abcdef"):
        raise MalformedInput("document: not an id of 32 hex digits")
    return DocumentId(text)


def _parse_language(text: str) -> str:
    if text not in PAPER_LANGUAGES:
        raise MalformedInput("language: expected one of the list")
    return text
