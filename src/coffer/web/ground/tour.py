"""The tour of a demonstration: what to do next at each party's page, as the page says it. Pure.

Sentences are message ids. No page leads to another party's page: the terminal has the addresses
(``coffer.cli.demonstration.tour``).
"""

from collections.abc import Mapping
from typing import Final

from coffer.web.ground.app import N_
from coffer.web.ground.site import Party

NOTICES: Final[Mapping[Party, str]] = {
    "window": N_(
        "In the tour: look at the month, then work at the desk. At the end, drop the package of the answer at “Verify an answer”."
    ),
    "desk": N_(
        "In the tour: make a request from the file order.xml and send it; open it once enough custodians have signed."
    ),
    "operator": N_("In the tour: look at what the operator would do now. There is nothing to sign here."),
    "custodian": N_(
        "In the tour: read the request that waits, compare its check words with those of the desk, and approve it."
    ),
}
"""What a page says above everything."""
