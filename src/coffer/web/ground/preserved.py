"""What a hold asks to keep, in plain words beside the lines that are signed. Pure."""

from coffer import wire
from coffer.authority.hold import HoldTerms
from coffer.web.ground.asked import (
    MAX_SHORT_NAME,
    Asked,
    asked_facts,
    kinds_named,
    lede_of,
    rules_fact,
    secret_fact,
    subjects_counted,
    time_counted,
)
from coffer.web.ground.ordered import Fact
from coffer.web.ground.standing import Marked
from coffer.web.ground.wording import Wording


def read_hold(terms: HoldTerms, words: Wording, *, marked: Marked | None = None) -> Asked:
    """A hold in words. ``marked``: what the list of the reader's office says of the authority."""
    _ = words.gettext
    values = {
        "subjects": subjects_counted(terms.subjects, words),
        "time": time_counted(terms, words),
        "kinds": kinds_named(terms.kinds, words),
        "authority": terms.authority if len(terms.authority) <= MAX_SHORT_NAME else _("An authority"),
        "end": words.time(terms.until),
    }
    if terms.extends is None:
        sentence = _("%(authority)s asks to keep records of %(subjects)s, for %(time)s, until %(end)s")
    else:
        sentence = _("%(authority)s asks to keep records of %(subjects)s, for %(time)s, longer: until %(end)s")
    return Asked(
        sentence=sentence % values,
        lede=(*lede_of(terms, words), _("Nobody reads them for it. Only an ordinary request can open them later.")),
        short=_("%(kinds)s of %(subjects)s, %(time)s") % values,
        facts=tuple(_facts(terms, words, marked)),
        is_doubtful=marked is not None and marked.is_doubtful,
    )


def _facts(terms: HoldTerms, words: Wording, marked: Marked | None) -> list[Fact]:
    _ = words.gettext
    until = Fact(
        key="until",
        label=_("Kept"),
        words=(_("until %(end)s (%(zone)s)") % {"end": words.time(terms.until), "zone": words.zone.key},),
        exact=(f"until: {wire.format_time(terms.until)}",),
        notes=(_("Then it is destroyed, unless the hold is extended."),),
    )
    hub = Fact(
        key="hub",
        label=_("Many callers"),
        words=(
            _("Yes: more is kept, and every custodian of its rule must sign.")
            if terms.is_hub
            else _("No: as much is kept as an ordinary request may open."),
        ),
        exact=(f"hub: {'yes' if terms.is_hub else 'no'}",),
    )
    facts = [*asked_facts(terms, words, marked), hub, rules_fact(terms, words), until]
    if terms.extends is not None:
        said = _("The same persons, times and kinds as the hold that it extends.")
        facts.append(Fact(key="extends", label=_("Extends"), words=(said,), exact=(f"extends: {terms.extends.hex()}",)))
    return [*facts, secret_fact(terms, words)]
