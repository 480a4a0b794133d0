"""Whether an authority is known to the reader's own office, in words beside its name. Pure."""

from dataclasses import dataclass

from coffer.authority.authorization import Terms
from coffer.authority.hold import HoldTerms
from coffer.authority.known import Authorities, Standing, said_of
from coffer.web.ground.wording import Wording


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """What stands beside an authority's name. ``is_doubtful``: nobody here called it back."""

    sentences: tuple[str, ...]
    is_doubtful: bool


def mark_authority(
    terms: Terms | HoldTerms, known: Authorities | None, words: Wording, *, custodian: str = ""
) -> Marked:
    """The mark of a request by a list.

    ``known``: None without a list. ``custodian``: whose list it is, if it is a custodian's.
    """
    _ = words.gettext
    about = said_of(terms, known)
    authority, sentences = about.authority, []
    match about.standing:
        case Standing.VERIFIED if authority and authority.verified_on:
            said = {"who": authority.verified_by, "day": words.day(authority.verified_on)}
            sentences.append(_("On the list here: called back by %(who)s on %(day)s.") % said)
        case Standing.UNVERIFIED:
            sentences.append(_("On the list here, but nobody has called it back."))
        case Standing.UNKNOWN:
            sentences.append(_("Not on the list here. Call it back, by a number that is not from the order."))
        case _:
            sentences.append(
                _("There is no list of authorities here. Call it back, by a number that is not from the order.")
            )
    if about.other is not None:
        sentences.append(_("The list has it as another kind of authority than the request."))
    if about.needs_everybody:
        sentences.append(
            _("An emergency: %(custodian)s answers only if every custodian of the rule signs.")
            % {"custodian": custodian}
            if custodian
            else _(
                "An emergency: a custodian that has not called it back answers only if every custodian of the rule signs."
            )
        )
    return Marked(sentences=tuple(sentences), is_doubtful=about.standing is not Standing.VERIFIED)
