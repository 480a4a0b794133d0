"""What an order says besides its draft, in words. Pure."""

import datetime as dt
from collections.abc import Mapping
from typing import Final

from coffer.desk.proposal import Besides, Line
from coffer.web.ground.times import show_time
from coffer.web.ground.wording import N_, Wording

_WORDS: Final[Mapping[Besides, str]] = {
    Besides.LACKING: N_("Identifier %(id)s: it cannot be answered here (%(reason)s)"),
    Besides.ELSEWHERE: N_("Identifier %(id)s: ask the customer systems for %(what)s"),
    Besides.OWN_TIMES: N_("Identifier %(id)s is not in this draft, because its times are others"),
    Besides.OWN_NOTE: N_("Identifier %(id)s is not in this draft, because it needs one of its own"),
    Besides.MORE_NOTES: N_("Notes that the order needs in all: %(count)s"),
    Besides.UNSUPPORTED: N_("Action %(id)s of the message (%(what)s) is not done here"),
    Besides.EMERGENCY: N_("It is an emergency: eight hours from its receipt"),
    Besides.TEN_DAYS: N_("It is due ten days after its receipt"),
    Besides.DUE: N_("It is due on %(moment)s"),
    Besides.UNTIL: N_("It is to be kept until %(moment)s, and no longer"),
    Besides.NOTIFIED: N_(
        "An enforcing authority may refuse: hand nothing over before the deadline, unless it says that it will not"
    ),
    Besides.DELAY: N_("The person must not be told yet"),
}
_PART: Final = N_("Identifier %(id)s: %(what)s cannot be answered here (%(reason)s)")


def besides_words(line: Line, words: Wording) -> str:
    """One line. Codes of the order's own form stay as they are."""
    values = {
        name: show_time(value, words.language, words.zone) if isinstance(value, dt.datetime) else value
        for name, value in line.values.items()
    }
    text = _PART if line.says is Besides.LACKING and "what" in values else _WORDS[line.says]
    return words.gettext(text) % values
