"""Whether the signatures on an authorization suffice. Pure.

Custodians decide by these rules, and the client checks them early.

Source: ``docs/formats/authorization.md``, "Signatures"; ``docs/procedures/opening.md``, step 5.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import Enum

from coffer.authority.authorization import Authorization, Named, Terms
from coffer.authority.hold import Hold, Requested
from coffer.authority.ordered import Urgency
from coffer.errors import NotProven, Refused
from coffer.identity.identifier import Identifier, IdentityType
from coffer.ledger.roster import Roster
from coffer.ledger.rules import Rule, mask_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Countersigned:
    """An authorization that is proven to be countersigned by enough custodians.

    Its requester signed it, and so did custodians that satisfy every subject's rule.
    Only ``verify_countersigned`` makes one. ``is_emergency``: of some rule, only those who may open in an emergency have
    signed, so that the opening must be ratified.
    """

    authorization: Authorization
    roster: Roster
    signers: tuple[str, ...]
    is_emergency: bool


def subject_rule(subject: Identifier, roster: Roster) -> Rule:
    """The rule of a subject's country by the roster's numbering tables, or ``base``; of a handset.

    Raises:
        Unavailable: this release does not have those tables.
    """
    if subject.type is IdentityType.IMEI:
        return roster.handset_rule
    return roster.rule_for_country(subject.country(roster.numbering))


class Footing(Enum):
    """What signatures satisfy of a rule."""

    RULE = "rule"
    EMERGENCY = "emergency rule"
    NONE = "neither"


def may_open_at_once(terms: Named) -> bool:
    """Whether an emergency rule may count for a note.

    It may for an emergency that is neither a hub nor an amendment. Those who ratify an emergency agree to what its note
    allows. If the emergency rule could raise the limit afterwards, a debt that is paid would cover any number of records.
    """
    is_amendment = isinstance(terms, Terms) and terms.amends is not None
    return terms.ordered.urgency is Urgency.EMERGENCY and not terms.is_hub and not is_amendment


def footing_of(rule: str, roster: Roster, signers: Collection[str], terms: Named) -> Footing:
    """What these signatures of custodians satisfy; the emergency rule counts where ``may_open_at_once``.

    ``rule``: the name of one of the roster's.
    """
    mask = mask_of(signers, roster.names)
    if roster.rules[rule].is_satisfied_by(mask):
        return Footing.RULE
    emergency = roster.emergency_rules.get(rule)
    is_enough = may_open_at_once(terms) and emergency is not None and emergency.is_satisfied_by(mask)
    return Footing.EMERGENCY if is_enough else Footing.NONE


def expected_of(rule: str, roster: Roster, terms: Named) -> str:
    """Which signatures are expected of a rule, in words."""
    emergency = roster.emergency_rules.get(rule)
    is_counted = emergency is not None and may_open_at_once(terms)
    at_once = f", or in an emergency {emergency.expression}" if emergency is not None and is_counted else ""
    return f"{roster.rules[rule].expression}{at_once}"


def rules_of(subjects: Iterable[Identifier], roster: Roster) -> tuple[str, ...]:
    """The names of the subjects' rules as an authorization lists them: each once, ascending."""
    return tuple(sorted({subject_rule(subject, roster).name for subject in subjects}))


def signers_of(authorization: Requested, roster: Roster) -> tuple[str, ...]:
    """The custodians that countersigned, in the roster's order.

    Raises:
        NotProven: a signature that claims to be a custodian's does not verify.
    """
    return tuple(c.name for c in roster.custodians if authorization.note.is_signed_by(c.auth))


def all_signed(requested: Requested, roster: Roster) -> list[bool]:
    """For each subject line, whether every custodian of its rule signed (the heightened approval).

    Of an authorization that was amended, both notes.
    """
    notes = (requested,) if isinstance(requested, Hold) else requested.notes
    signed = set(roster.names).intersection(*(signers_of(note, roster) for note in notes))
    rules = [subject_rule(subject, roster) for subject in requested.terms.subjects]
    return [{*rule.members, *rule.indispensable} <= signed for rule in rules]


def verify_requested(authorization: Requested, roster: Roster) -> None:
    """Prove that a requester of the roster signed this text, and that it names its subjects' rules.

    Raises:
        NotProven: no requester signed it, it names a key that is not in the roster, or its rules are not those of its
            subjects.
    """
    key = authorization.terms.requester
    if authorization.terms.rules != rules_of(authorization.terms.subjects, roster):
        raise NotProven("authorization: its rules are not those of its subjects", hint="ask for a new request")
    if roster.requesters.get(key.name) != key:
        raise NotProven("authorization: its requester is not in the roster")
    authorization.note.verify_signed_by(key)


def called(terms: Terms) -> str:
    """What a message calls a note: an amendment can lack signatures that its authorization has."""
    return "authorization" if terms.amends is None else "amendment"


def verify_countersigned(authorization: Authorization, roster: Roster) -> Countersigned:
    """Prove that its requester signed it, and that enough custodians countersigned it.

    The same of the note that amends it, for which no emergency rule counts.

    Raises:
        NotProven: a signature is wrong or the requester is unknown.
        Refused: too few custodians have signed (code scope); the hint names those who still could.
    """
    verify_requested(authorization, roster)
    signers, terms, is_emergency = signers_of(authorization, roster), authorization.terms, False
    for number, subject in enumerate(authorization.terms.subjects, 1):
        rule = subject_rule(subject, roster)
        everyone = {*rule.members, *rule.indispensable}
        footing = footing_of(rule.name, roster, signers, terms)
        is_emergency |= footing is Footing.EMERGENCY
        if not (everyone <= set(signers) if terms.is_hub else footing is not Footing.NONE):
            emergency = roster.emergency_rules.get(rule.name) if may_open_at_once(terms) else None
            could = everyone if emergency is None else {*everyone, *emergency.members, *emergency.indispensable}
            missing = [name for name in roster.names if name in could and name not in signers]
            asked = (
                f"all of {','.join(sorted(everyone))}, since it says hub: yes"
                if terms.is_hub
                else expected_of(rule.name, roster, terms)
            )
            without = "; until then give the request without this amendment" if terms.amends is not None else ""
            signed = ",".join(signers) or "no custodian"
            raise Refused(
                f"{called(terms)}: subject {number} falls under rule {rule.name}: signed by {signed}, expected {asked}",
                code="scope",
                hint=f"not yet signed by: {', '.join(missing)}{without}",
            )
    if authorization.amendment is not None:
        verify_countersigned(authorization.amendment, roster)
    return Countersigned(authorization=authorization, roster=roster, signers=signers, is_emergency=is_emergency)
