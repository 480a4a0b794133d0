"""FreeSWITCH's ``json_cdr`` and ``xml_cdr`` files. Pure.

A file holds one call, or many behind one another, in lines or in an array. These readers go record by record, some
thousand a second: a record is 10 to 40 KB of which a dozen values are wanted. XML is parsed by ``defusedxml``, which
refuses document types, so that no entity can be declared; lxml would be faster, and would bring a C parser whose safe
settings are easy to lose. A record is bounded to ``MAX_RECORD_BYTES`` before it is parsed, and no byte is parsed more
than a few times, whatever a file holds: see ``_Objects``.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from xml.etree.ElementTree import Element, ParseError

import numpy as np
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from coffer.records.draft import Window
from coffer.records.feed import Feed
from coffer.records.readers.account import Account
from coffer.records.readers.calls.freeswitch_calls import (
    PROFILE,
    VARIABLES,
    Values,
    calls_of,
    legs_of,
    newest_first,
    values_of,
)
from coffer.records.readers.calls.freeswitch_plain import plain_records
from coffer.records.readers.port import MAX_OPEN, Found, Piece
from coffer.records.readers.text.head import is_utf8
from coffer.records.readers.text.lines import BOM
from coffer.records.readers.waiting import Waiting
from coffer.records.rejects import Reason, some_rejects

MAX_RECORD_BYTES: Final = 1 << 20
"""Many times a record with long application logs; a larger one is rejected, and reading goes on behind it."""
_BETWEEN: Final = re.compile(rb"[ \t\r\n,\[\]]*")
_NEXT_OBJECT: Final = re.compile(rb"\n,?(?=\{)")
"""Where a record may begin behind a damaged one: an object at the very start of a line."""
_SPACE: Final = re.compile(rb"\s*")
_XML_END: Final = b"</cdr>"
_NO_XML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def recognise_json(head: bytes, _name: str) -> str | None:
    """Whether a JSON call record of FreeSWITCH begins there; the reason in words."""
    is_object = head.removeprefix(BOM).lstrip(b" \t\r\n[")[:1] == b"{"
    has_keys = re.search(rb'"(?:core-uuid|channel_data|app_log)"\s*:', head) and b'"variables"' in head
    return "a JSON object with core-uuid, channel_data or variables" if is_object and has_keys else None


def recognise_xml(head: bytes, _name: str) -> str | None:
    """Whether an XML call record of FreeSWITCH begins there; the reason in words."""
    text = rb"\s*(?:<\?xml[^>]{0,100}\?>\s*)?<cdr[\s>]"
    is_one = re.match(text, head.removeprefix(BOM)) and (b"<channel_data>" in head or b"<variables>" in head)
    return "an XML element cdr with channel_data or variables" if is_one else None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class _Next:
    """Records that stand next in a buffer: the values of each, or why there are none.

    They begin at ``places``; what follows them begins at ``end``.
    """

    places: Sequence[int]
    end: int
    values: Sequence[Values] = ()
    reason: Reason = Reason.BAD_RECORD


class _FreeswitchReader:
    """What both readers share: a buffer, legs that wait, and the accounting."""

    def __init__(self, feed: Feed, window: Window, *, max_open: int = MAX_OPEN) -> None:
        self._account = Account(feed, window)
        self._waiting = Waiting(self._account, partial(calls_of, feed=feed), max_open)
        self._buffer = b""
        self._offset = 0

    def take(self, piece: Piece) -> Sequence[Found]:
        """Read the records that end in this piece."""
        data = piece.data.removeprefix(BOM) if piece.first == 0 else piece.data
        self._offset += len(piece.data) - len(data)
        head = data.find(b"\n") + 1
        if self._buffer and head:
            self._buffer += data[:head]
            self._read(piece.file, is_end=False)
        else:
            head = 0
        # Most lines end a record. Then the rest of a piece is read where it stands, and many megabytes are not copied.
        if self._buffer:
            self._buffer += data[head:]
            head = 0
        else:
            self._buffer, self._offset = data, self._offset - head
        self._read(piece.file, is_end=False, at=head)
        return self._account.told()

    def end_file(self, file: int) -> Sequence[Found]:
        """What is left of a record was cut off."""
        self._read(file, is_end=True)
        self._buffer, self._offset = b"", 0
        return self._account.told()

    def finish(self) -> Sequence[Found]:
        """Calls of which no more legs come."""
        self._waiting.finish()
        return self._account.told()

    def _records(self, buffer: bytes, at: int, *, is_end: bool) -> Iterator[_Next]:
        """Records of the buffer from this place on, as far as they are whole."""
        raise NotImplementedError

    def _read(self, file: int, *, is_end: bool, at: int = 0) -> None:
        places: list[int] = []
        values: list[Values] = []
        bad: defaultdict[Reason, list[int]] = defaultdict(list)
        for records in self._records(self._buffer, at, is_end=is_end):
            at = records.end
            if records.values:
                places += records.places
                values += records.values
            elif records.reason is not Reason.KEPT:
                bad[records.reason] += records.places
        legs = legs_of(file, [self._offset + place for place in places], values)
        is_call = legs["uuid"] != ""
        self._account.reject(file, some_rejects(legs["offset"].filter(~is_call).to_numpy(), Reason.BAD_RECORD))
        for reason, starts in bad.items():
            self._account.reject(file, some_rejects(np.array(starts, np.int64) + self._offset, reason))
        self._buffer, self._offset = self._buffer[at:], self._offset + at
        self._waiting.add(legs.filter(is_call))


class FreeswitchJsonReader(_FreeswitchReader):
    """One ingest of ``json_cdr`` files: an object a call.

    Objects may follow one another or stand in an array.
    """

    def __init__(self, feed: Feed, window: Window, *, max_open: int = MAX_OPEN) -> None:
        super().__init__(feed, window, max_open=max_open)
        self._damaged_until = 0
        self._is_overlong = False

    def end_file(self, file: int) -> Sequence[Found]:
        """What is left of a record was cut off."""
        found = super().end_file(file)
        self._damaged_until, self._is_overlong = 0, False
        return found

    def _records(self, buffer: bytes, at: int, *, is_end: bool) -> Iterator[_Next]:
        objects, barren = _Objects(buffer), at
        if self._is_overlong:
            # The tail of a record that was rejected already.
            following = objects.following(at - 1)
            self._is_overlong = following is None
            at = _end_of_lines(buffer) if following is None else following
            yield _Next(places=(), end=at, reason=Reason.KEPT)
            if following is None:
                return
        while True:
            at = _end_of_match(_BETWEEN, buffer, at)
            if at == len(buffer):
                return
            if at >= barren:
                plain = plain_records(buffer, at, MAX_RECORD_BYTES)
                barren = buffer.find(b"\n", plain.end) + 1 or len(buffer)
                if plain.values:
                    yield _Next(places=plain.places, end=plain.end, values=plain.values)
                    at = plain.end
                    continue
            is_damaged = self._offset + at < self._damaged_until
            document, end = objects.decode(at, is_alone=is_damaged)
            if isinstance(document, dict) and end - at <= MAX_RECORD_BYTES:
                # Once a record, and not for each of its values: there may be thousands.
                is_text = is_utf8(buffer[at:end])
                variables = _texts(document.get("variables"), VARIABLES, is_text=is_text)
                profiles = _json_profiles(document, is_text=is_text)
                yield _Next(places=(at,), end=end, values=(values_of(variables, profiles),))
                at = end
                continue
            following = objects.following(at)
            is_told = is_end or len(buffer) - at > MAX_RECORD_BYTES
            if not is_told and (following is None or not is_damaged):
                return
            if not is_damaged:
                self._damaged_until = self._offset + at + MAX_RECORD_BYTES
            self._is_overlong = following is None and not is_end
            behind = _end_of_lines(buffer) if following is None else following
            is_long = (behind if document is None else end) - at > MAX_RECORD_BYTES
            is_cut = following is None and document is None
            reason = Reason.ROW_TOO_LONG if is_long else Reason.CUT_OFF if is_cut else Reason.BAD_RECORD
            yield _Next(places=(at,), end=behind, reason=reason)
            at = behind


class _Objects:
    """JSON values in a buffer, each parsed once or twice.

    They are read as Latin-1, which keeps byte offsets: JSON's own signs are ASCII, and ``_texts`` decodes the few values
    that are wanted again.

    A record that cannot be read may hold thousands of places where one could begin. If each were tried to the end of
    the text, one megabyte would take minutes. So the places within ``MAX_RECORD_BYTES`` behind such a record are tried
    alone: only up to the next of these places.
    """

    def __init__(self, buffer: bytes) -> None:
        self._buffer = buffer
        self._start = self._stop = 0
        self._part = ""
        self._is_alone = False
        self._searched = -1
        self._following: int | None = None

    def following(self, at: int) -> int | None:
        """Where the next record behind this place may begin."""
        is_known = 0 <= self._searched <= at and (self._following is None or at < self._following)
        if not is_known:
            match = _NEXT_OBJECT.search(self._buffer, at + 1)
            self._searched, self._following = at, match.end() if match else None
        return self._following

    def decode(self, at: int, *, is_alone: bool) -> tuple[object, int]:
        """The value that begins there, and where it ends; None if it cannot be read.

        It is read within twice ``MAX_RECORD_BYTES``. ``is_alone``: only up to the place where the next record may begin.
        """
        if is_alone != self._is_alone or not self._start <= at < self._stop:
            self._cut(at, is_alone=is_alone)
        try:
            document, end = _DECODER.raw_decode(self._part, at - self._start)
        except (ValueError, RecursionError):
            return None, at
        return document, self._start + end

    def _cut(self, at: int, *, is_alone: bool) -> None:
        """Copy a part of the buffer, so that no value is parsed beyond it.

        Values may begin in its first half, or anywhere in it if they are alone.
        """
        following = self.following(at) if is_alone else None
        end = min(at + 2 * MAX_RECORD_BYTES, len(self._buffer) if following is None else following)
        self._part, self._start, self._is_alone = self._buffer[at:end].decode("latin-1"), at, is_alone
        self._stop = end if end in (len(self._buffer), following) else at + MAX_RECORD_BYTES


class FreeswitchXmlReader(_FreeswitchReader):
    """One ingest of ``xml_cdr`` files: an element ``cdr`` a call; several may follow one another."""

    def __init__(self, feed: Feed, window: Window, *, max_open: int = MAX_OPEN) -> None:
        super().__init__(feed, window, max_open=max_open)
        self._is_overlong = False

    def _records(self, buffer: bytes, at: int, *, is_end: bool) -> Iterator[_Next]:
        while True:
            match = _SPACE.match(buffer, at)
            at = match.end() if match else at
            if at == len(buffer):
                break
            stop = buffer.find(_XML_END, at)
            end = len(buffer) if stop < 0 else stop + len(_XML_END)
            if self._is_overlong:
                # The tail of a record that was rejected already.
                self._is_overlong = stop < 0
                yield _Next(places=(), end=end, reason=Reason.KEPT)
            elif end - at > MAX_RECORD_BYTES:
                self._is_overlong = stop < 0
                yield _Next(places=(at,), end=end, reason=Reason.ROW_TOO_LONG)
            elif stop < 0:
                if is_end:
                    yield _Next(places=(at,), end=end, reason=Reason.CUT_OFF)
                return
            else:
                yield _xml_record(buffer, at, end)
            at = end
        self._is_overlong = self._is_overlong and not is_end


_DECODER: Final = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str)
"""Numbers stay as written: a digit string of any length costs nothing, and is judged where it is used."""


def _end_of_lines(buffer: bytes) -> int:
    """Where a buffer ends without a last line end, behind which the next record may begin."""
    return len(buffer) - (2 if buffer.endswith(b"\n,") else buffer.endswith(b"\n"))


def _end_of_match(pattern: re.Pattern[bytes], buffer: bytes, at: int) -> int:
    match = pattern.match(buffer, at)
    return match.end() if match else at


def _texts(values: object, wanted: Sequence[str], *, is_text: bool) -> Mapping[str, str]:
    """The wanted values of an object that are text or numbers.

    ``is_text``: the record in which it stands is UTF-8.
    """
    if not isinstance(values, dict):
        return {}
    found = {name: text for name in wanted if isinstance(text := values.get(name), str)}
    return {name: text if text.isascii() else _utf8(text, is_text=is_text) for name, text in found.items()}


def _utf8(text: str, *, is_text: bool) -> str:
    """A value that was decoded as Latin-1, as the UTF-8 that it is.

    ``UNREADABLE`` stands for bytes that are none.
    """
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeEncodeError:
        # An escape may name half of a pair, which is no character.
        return text.encode("utf-8", "replace").decode("utf-8")
    except UnicodeDecodeError:
        # If the whole record is UTF-8, the character was written as an escape, and is right as it stands.
        return text if is_text else text.encode("latin-1").decode("utf-8", "replace")


def _json_profiles(document: dict[str, Any], *, is_text: bool) -> Sequence[Mapping[str, str]]:
    flows = document.get("callflow")
    flows = flows if isinstance(flows, list) else [flows]
    flows = [flow for flow in flows if isinstance(flow, dict)]
    return newest_first(
        [(flow.get("profile_index"), _texts(flow.get("caller_profile"), PROFILE, is_text=is_text)) for flow in flows]
    )


def _xml_record(buffer: bytes, start: int, end: int) -> _Next:
    text = _NO_XML.sub("", buffer[start:end].decode("utf-8", "replace"))
    try:
        root = fromstring(text, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        return _Next(places=(start,), end=end)
    variables = root.find("variables")
    flows = [(flow.get("profile_index"), _elements(flow.find("caller_profile"))) for flow in root.findall("callflow")]
    return _Next(places=(start,), end=end, values=(values_of(_elements(variables), newest_first(flows)),))


def _elements(parent: Element | None) -> Mapping[str, str]:
    if parent is None:
        return {}
    wanted = {*VARIABLES, *PROFILE}
    return {child.tag: child.text for child in parent if child.tag in wanted and child.text}
