"""Every page of the desk, with the one action of ``coffer.desk.rights`` that it needs.

The site asks it before the page.

A route that is not in this table does not exist. A test goes through all of it with every role.
"""

from dataclasses import dataclass
from typing import Final

from coffer.desk.rights import Action


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """``page``: the group of pages and its method that answer.

    A path with ``{case}`` is about a case, which is loaded first.
    """

    method: str
    path: str
    action: Action
    page: str

    @property
    def is_about_case(self) -> bool:
        """Whether the right is for one case."""
        return "{case}" in self.path


def _get(path: str, action: Action, page: str) -> Route:
    return Route(method="GET", path=path, action=action, page=page)


def _post(path: str, action: Action, page: str) -> Route:
    return Route(method="POST", path=path, action=action, page=page)


ROUTES: Final = (
    _get("/", Action.COUNT_CASES, "listing.home"),
    _get("/closed", Action.LIST_CASES, "listing.closed"),
    _get("/letters", Action.LIST_CASES, "listing.letters"),
    _get("/people", Action.SEE_PEOPLE, "people.people"),
    _post("/people/invite", Action.INVITE, "people.invite"),
    _post("/people/invite/challenge", Action.INVITE, "people.challenge_invite"),
    _post("/people/{person}/invite", Action.INVITE, "people.invite_again"),
    _post("/people/{person}/invite/challenge", Action.INVITE, "people.challenge_invite_again"),
    _post("/people/{person}/uninvite", Action.INVITE, "people.uninvite"),
    _post("/people/{person}/revoke", Action.REVOKE, "people.revoke"),
    _get("/me", Action.EDIT_OWN, "people.me"),
    _post("/me", Action.EDIT_OWN, "people.edit_me"),
    _get("/new", Action.MAKE_CASE, "requests.new"),
    _post("/new", Action.MAKE_CASE, "requests.make_case"),
    _get("/not-held", Action.MAKE_CASE, "requests.not_held"),
    _get("/cases/{case}", Action.READ_CASE, "case.case"),
    _get("/cases/{case}/history", Action.READ_HISTORY, "listing.history"),
    _get("/cases/{case}/request", Action.EDIT_CASE, "requests.request"),
    _post("/cases/{case}/request", Action.EDIT_CASE, "requests.edit_request"),
    _post("/cases/{case}/request/validate", Action.EDIT_CASE, "requests.validate"),
    _post("/cases/{case}/request/challenge", Action.SEND_REQUEST, "requests.challenge_request"),
    _post("/cases/{case}/request/send", Action.SEND_REQUEST, "requests.send_request"),
    _get("/cases/{case}/hold", Action.EDIT_CASE, "holds.request"),
    _post("/cases/{case}/hold", Action.EDIT_CASE, "holds.edit_request"),
    _post("/cases/{case}/hold/validate", Action.EDIT_CASE, "holds.validate"),
    _post("/cases/{case}/hold/challenge", Action.SEND_REQUEST, "holds.challenge_request"),
    _post("/cases/{case}/hold/send", Action.SEND_REQUEST, "holds.send_request"),
    _post("/cases/{case}/holds/{document}/extend/challenge", Action.SEND_REQUEST, "holds.challenge_extend"),
    _post("/cases/{case}/holds/{document}/extend", Action.SEND_REQUEST, "holds.extend"),
    _post("/cases/{case}/holds/{document}/release/challenge", Action.WITHDRAW, "holds.challenge_release"),
    _post("/cases/{case}/holds/{document}/release", Action.WITHDRAW, "holds.release"),
    _post("/cases/{case}/holds/{document}/send", Action.SEND_REQUEST, "holds.send"),
    _post("/cases/{case}/holds/{document}/open", Action.EDIT_CASE, "holds.open_held"),
    _post("/cases/{case}/send/challenge", Action.SEND_REQUEST, "acts.challenge_send"),
    _post("/cases/{case}/send", Action.SEND_REQUEST, "acts.send_again"),
    _post("/cases/{case}/open/challenge", Action.OPEN_RECORDS, "acts.challenge_open"),
    _post("/cases/{case}/open", Action.OPEN_RECORDS, "acts.open"),
    _get("/cases/{case}/amend", Action.SEND_REQUEST, "amendments.form"),
    _post("/cases/{case}/amend", Action.SEND_REQUEST, "amendments.check"),
    _post("/cases/{case}/amend/validate", Action.SEND_REQUEST, "amendments.validate"),
    _post("/cases/{case}/amend/challenge", Action.SEND_REQUEST, "amendments.challenge"),
    _post("/cases/{case}/amend/send", Action.SEND_REQUEST, "amendments.send"),
    _post("/cases/{case}/take-in", Action.TAKE_IN, "acts.take_in"),
    _post("/cases/{case}/remind", Action.SEND_REQUEST, "acts.remind"),
    _post("/cases/{case}/explain", Action.SEND_REQUEST, "questions.explain"),
    _post("/cases/{case}/withdraw", Action.WITHDRAW, "acts.withdraw"),
    _post("/cases/{case}/close", Action.CLOSE, "acts.close"),
    _post("/cases/{case}/reopen", Action.CLOSE, "acts.reopen"),
    _post("/cases/{case}/assign", Action.ASSIGN, "acts.assign"),
    _post("/cases/{case}/due", Action.EDIT_CASE, "acts.due"),
    _post("/cases/{case}/note", Action.EDIT_CASE, "acts.note"),
    _post("/cases/{case}/documents", Action.EDIT_CASE, "papers.add_document"),
    _get("/cases/{case}/documents/{document}", Action.DOWNLOAD, "papers.document"),
    _get("/cases/{case}/documents/{document}/preview", Action.DOWNLOAD, "papers.preview"),
    _post("/cases/{case}/documents/{document}/package", Action.DOWNLOAD, "papers.package"),
    _post("/cases/{case}/letter", Action.WRITE_LETTERS, "papers.letter"),
    _post("/cases/{case}/told", Action.WRITE_LETTERS, "papers.told"),
    _post("/cases/{case}/shred/challenge", Action.SHRED, "acts.challenge_shred"),
    _post("/cases/{case}/shred", Action.SHRED, "acts.shred"),
)
