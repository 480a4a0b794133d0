"""What the pages of a demonstration say above everything; nothing in earnest."""

import os

from coffer.cli.demonstration.plan import DEMONSTRATION
from coffer.extras import extra

with extra("pages"):
    from coffer.web.ground.site import Party
    from coffer.web.ground.tour import NOTICES


def demonstration_of(party: Party) -> str:
    """The notice of a party's pages; empty unless a demonstration started this process."""
    return NOTICES[party] if os.environ.get(DEMONSTRATION) == "1" else ""
