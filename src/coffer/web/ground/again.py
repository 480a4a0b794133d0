"""How the desk may come again after a refusal, in words. Pure."""

from coffer.custody.again import Again, AgainWord
from coffer.web.ground.wording import Wording


def again_words(again: Again, words: Wording) -> str:
    """How the desk may come again, as a sentence."""
    _ = words.gettext
    if again.later is not None:
        return _("The desk may ask again from %(day)s on.") % {"day": words.day(again.later)}
    return {
        AgainWord.NO: _("The desk was told not to ask again."),
        AgainWord.NARROWER: _("The desk may ask again for less."),
        AgainWord.REASONS: _("The desk may ask again with better reasons."),
    }[again.word]
