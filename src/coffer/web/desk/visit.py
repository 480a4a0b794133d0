"""One request of one signed-in person: who asks, for which case, with which form.

It also writes an edit of theirs.

Promises: a page that was made from an older text of a case changes nothing, and the form's text is not lost; a form that
is sent twice is done once; what others do meanwhile to other parts of the case is no conflict.
"""

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

import msgspec
from fastapi import Request

from coffer import wire
from coffer.desk.case import Case, DocumentKind, Edit, Place
from coffer.desk.people import Person
from coffer.desk.port import Cases, Conflict, Post, Written
from coffer.desk.steps import NextStep
from coffer.errors import MalformedInput, Refused
from coffer.web.desk.typed import parse_number
from coffer.web.ground.forms import Form
from coffer.web.ground.render import Reader
from coffer.web.ground.wording import Wording

_TRIES: Final = 8
"""Another writer takes milliseconds, so that more in a row means that something is wrong."""
MARK_DIGITS: Final = 32
POST_KEY_BYTES: Final = 16
_POST_KEY: Final = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """``case``: None where the page is about none. ``form``: empty for a page that is only looked at."""

    request: Request
    person: Person
    reader: Reader
    words: Wording
    now: dt.datetime
    form: Form = field(default_factory=lambda: Form({}))
    case: Case | None = None

    @property
    def the_case(self) -> Case:
        """The case of a page that is about one."""
        assert self.case is not None, "routes with a case load it"
        return self.case

    @property
    def post(self) -> Post:
        """The form as the store knows it again.

        Raises:
            MalformedInput: it has no key of its own: two such forms would be taken for one.
        """
        key = self.form.text("post")
        if not _POST_KEY.fullmatch(key):
            raise MalformedInput("form: without the key of its page", hint="load the page again, then fill it in")
        return Post(person=self.person.id, key=key)


def request_of(visit: Visit, step: NextStep) -> int:
    """The number of the request that a page or form is about; 0 for none.

    That is the one that it names, else the one that ``step`` is about, else the newest.
    """
    count = len(visit.the_case.requests)
    named = parse_number(visit.form.text("request") or visit.request.query_params.get("request", ""))
    if 1 <= named <= count:
        return named
    return step.request if step.request is not None and 1 <= step.request <= count else count


def place_of(visit: Visit, step: NextStep) -> Place:
    """The note that a form is about: the request, or the amendment of it that the form names.

    Raises:
        Refused: the case has no request.
    """
    number = request_of(visit, step)
    if not number:
        raise Refused("case: it has no request yet", code="form")
    return Place(request=number, amendment=parse_number(visit.form.text("amendment")))


def asked_again(visit: Visit) -> str:
    """What leads back to the request that a form was about, where the case has several."""
    number = parse_number(visit.form.text("request"))
    return f"?request={number}" if number and len(visit.the_case.requests) > 1 else ""


def mark_of(case: Case) -> str:
    """Stands for what a page shows of a case for people to decide on.

    That is draft, requests, holds, files of the order, deadline, stage and who has the case: a note names each file.

    Other documents, readings, notes and signatures that arrive are no reason to ask somebody to look again.
    """
    requests = [
        (one.number, one.sent_at, one.withdrawn, len(one.delivered), len(one.amendments)) for one in case.requests
    ]
    files = [one.id for one in case.documents if one.kind in {DocumentKind.HOLD, DocumentKind.ORDER}]
    shown = (case.stage.value, case.due, case.assigned, case.drafts, requests, files)
    return wire.digest(wire.tag("desk-page"), msgspec.msgpack.encode(shown)).hex()[:MARK_DIGITS]


def written_before(cases: Cases, visit: Visit, post: Post) -> Case | None:
    """The case as it is now, if this form was written before; else None. Nothing is written."""
    case = visit.the_case
    nothing = Edit(case=replace(case, version=case.version - 1), events=())
    try:
        return cases.write(nothing, by=visit.person.id, now=visit.now, post=post).case
    except Conflict:
        return None


def write(cases: Cases, visit: Visit, make: Callable[[Case], Edit]) -> Written:
    """Write what somebody did to the case that their page showed.

    Raises:
        Conflict: what the page showed has changed since. Nothing was written.
    """
    case, shown = visit.the_case, visit.form.text("version")
    for _ in range(_TRIES):
        edit = make(case)
        is_stale = shown != mark_of(case)
        if is_stale:  # written under a version that is none: a repeated form is found, all else is a conflict
            edit = replace(edit, case=replace(edit.case, version=case.version - 1))
        try:
            return cases.write(edit, by=visit.person.id, now=visit.now, post=visit.post)
        except Conflict as conflict:
            if is_stale or mark_of(conflict.theirs) != shown:
                raise
            case = conflict.theirs
    raise AssertionError("somebody writes to the case without end")
