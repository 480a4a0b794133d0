"""The pages about people: who works here, invitations, and what everybody says of themselves."""

from dataclasses import replace
from typing import Final

from fastapi import Response

from coffer.authority.typed import parse_zone
from coffer.desk.people import Person, PersonId, Role, parse_name
from coffer.desk.rights import Action
from coffer.errors import CofferError, MalformedInput, Refused
from coffer.notify.message import Language
from coffer.web.desk.frame import Frame, to
from coffer.web.desk.saying import ROLES
from coffer.web.desk.visit import Visit

_ROLES: Final = (Role.CLERK, Role.HEAD, Role.AUDITOR, Role.OPERATOR)


class PeoplePages:
    """Pages about people."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def people(self, visit: Visit) -> Response:
        """Who works here."""
        return self._show(visit)

    def _show(self, visit: Visit, *, code: str = "", refused: CofferError | None = None) -> Response:
        _ = visit.words.gettext
        people = sorted(self._frame.office.store.people().values(), key=lambda one: (not one.is_active, one.name))
        rows = [
            {
                "id": one.id,
                "name": one.name,
                "role": _(ROLES[one.role]),
                "passkeys": len(one.passkeys),
                "added": one.added,
                "revoked": not one.is_active,
                "is_self": one.id == visit.person.id,
            }
            for one in people
        ]
        return self._frame.respond(
            visit,
            "people",
            here="/people",
            status=200 if refused is None else refused.http_status,
            people=rows,
            code=code,
            refused=refused,
            roles=[(role.value, _(ROLES[role])) for role in _ROLES],
            may_invite=self._frame.may(visit, Action.INVITE),
            may_revoke=self._frame.may(visit, Action.REVOKE),
        )

    def invite(self, visit: Visit) -> Response:
        """A code for somebody new. It is shown once and kept nowhere."""
        try:
            name, role = parse_name(visit.form.text("name")), _parse_role(visit.form.text("role"))
            code = self._frame.office.store.invite(name, role, by=visit.person.id, now=visit.now)
        except (MalformedInput, Refused) as error:
            return self._show(visit, refused=error)
        return self._show(visit, code=code)

    def invite_again(self, visit: Visit) -> Response:
        """A code for somebody who lost their passkeys, which stop once it is used."""
        store, wanted = self._frame.office.store, PersonId(visit.request.path_params["person"])
        person = store.people().get(wanted)
        if person is None or not person.is_active:
            return self._show(visit, refused=Refused("person: nobody here", code="form"))
        try:
            code = store.invite(person.name, person.role, by=visit.person.id, now=visit.now, person=person.id)
        except Refused as error:
            return self._show(visit, refused=error)
        return self._show(visit, code=code)

    def revoke(self, visit: Visit) -> Response:
        """Somebody may do nothing from now on, and is signed out everywhere."""
        store = self._frame.office.store
        person = store.people().get(PersonId(visit.request.path_params["person"]))
        if person is None or person.id == visit.person.id:
            return self._show(visit, refused=Refused("person: nobody here, or yourself", code="form"))
        if person.is_active:
            store.change(person.id, lambda current: replace(current, revoked=visit.now), visit.now)
        return to("/people")

    def me(self, visit: Visit) -> Response:
        """What somebody says of themselves: language, zone, where notifications go."""
        return self._frame.respond(visit, "me", here="/me", me=visit.person, refused=None, is_kept=False)

    def edit_me(self, visit: Visit) -> Response:
        """Keep it."""
        form, person, refused = visit.form, visit.person, None
        try:
            zone = parse_zone(form.text("zone"), "zone").key
            language = _parse_language(form.text("in"))
            mailbox = form.text("mailbox") or None

            def edited(current: Person) -> Person:
                return replace(current, zone=zone, language=language, mailbox=mailbox)

            person = self._frame.office.store.change(person.id, edited, visit.now)
        except MalformedInput as error:
            refused = error
        return self._frame.respond(
            visit,
            "me",
            here="/me",
            status=200 if refused is None else 400,
            me=person,
            refused=refused,
            is_kept=refused is None,
        )


def _parse_role(text: str) -> Role:
    try:
        return Role(text)
    except ValueError:
        raise MalformedInput("role: expected one of the list") from None


def _parse_language(text: str) -> Language:
    try:
        return Language(text)
    except ValueError:
        raise MalformedInput("language: expected one of the list") from None
