"""The pages about people: who works here, invitations, and what everybody says of themselves."""

from dataclasses import replace
from typing import Final

from fastapi import Response

from coffer.authority.typed import parse_zone
from coffer.desk.people import Person, PersonId, Role, parse_name
from coffer.desk.rights import Action
from coffer.errors import CofferError, MalformedInput, NotProven, Refused
from coffer.notify.message import Language
from coffer.web.desk.door import Act, invited
from coffer.web.desk.frame import Frame, to, trouble
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
        _, store = visit.words.gettext, self._frame.office.store
        people = sorted(store.people().values(), key=lambda one: (not one.is_active, one.name))
        rows = [
            {
                "id": one.id,
                "name": one.name,
                "role": _(ROLES[one.role]),
                "passkeys": len(one.passkeys),
                "added": one.added,
                "by": self._inviter(visit, one.invited_by),
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
            open=[
                {
                    "id": one.person,
                    "name": one.name,
                    "role": _(ROLES[one.role]),
                    "by": self._inviter(visit, one.by),
                    "ends": one.ends,
                    "is_recovery": one.is_recovery,
                }
                for one in store.invitations(visit.now)
            ],
            code=code,
            refused=refused,
            roles=[(role.value, _(ROLES[role])) for role in _ROLES],
            may_invite=self._frame.may(visit, Action.INVITE),
            may_revoke=self._frame.may(visit, Action.REVOKE),
        )

    def _inviter(self, visit: Visit, person: PersonId | None) -> str:
        """Who invited somebody."""
        return visit.words.gettext("the machine") if person is None else self._frame.name_of(person, visit.words)

    def challenge_invite(self, visit: Visit) -> Response:
        """The passkey is asked for this invitation of somebody new."""
        try:
            name, role = _typed(visit)
            return self._frame.ask_passkey(visit, Act.INVITE, invited(name, role.value))
        except CofferError as error:
            return trouble(error)

    def invite(self, visit: Visit) -> Response:
        """A code for somebody new. It is shown once and kept nowhere."""
        try:
            name, role = _typed(visit)
            self._frame.proven(visit, Act.INVITE, invited(name, role.value))
            code = self._frame.office.store.invite(name, role, by=visit.person.id, now=visit.now)
        except (MalformedInput, Refused, NotProven) as error:
            return self._show(visit, refused=error)
        return self._show(visit, code=code)

    def challenge_invite_again(self, visit: Visit) -> Response:
        """The passkey is asked for this invitation of somebody who lost theirs."""
        try:
            person = self._in_force(visit)
            return self._frame.ask_passkey(visit, Act.INVITE, invited(person.name, person.role.value, person.id))
        except CofferError as error:
            return trouble(error)

    def invite_again(self, visit: Visit) -> Response:
        """A code for somebody who lost their passkeys, which stop once it is used."""
        try:
            person = self._in_force(visit)
            self._frame.proven(visit, Act.INVITE, invited(person.name, person.role.value, person.id))
            code = self._frame.office.store.invite(
                person.name, person.role, by=visit.person.id, now=visit.now, person=person.id
            )
        except (MalformedInput, Refused, NotProven) as error:
            return self._show(visit, refused=error)
        return self._show(visit, code=code)

    def uninvite(self, visit: Visit) -> Response:
        """The codes that somebody was given serve no more. This needs no passkey: it lets nobody in."""
        self._frame.office.store.take_back_invitations(PersonId(visit.request.path_params["person"]), visit.now)
        return to("/people")

    def _in_force(self, visit: Visit) -> Person:
        """The person of an address. Raises ``Refused``: nobody here, or revoked."""
        person = self._frame.office.store.people().get(PersonId(visit.request.path_params["person"]))
        if person is None or not person.is_active:
            raise Refused("person: nobody here", code="form")
        return person

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


def _typed(visit: Visit) -> tuple[str, Role]:
    """Name and role of somebody new."""
    return parse_name(visit.form.text("name")), _parse_role(visit.form.text("role"))


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
