"""Codes for entries that tests make by hand, as a roster of the default level shows them."""

from coffer.ledger.codes import HIDDEN, OrderCodes

COARSE = OrderCodes(order_class="produce", kinds="call,text,email")
REFUSED = {"order_class": "produce", "urgency": HIDDEN}
NOTHING = {"outcome": "none", "took": HIDDEN}
SOMETHING = {"outcome": "part", "took": HIDDEN}
LINES = "class: produce\nurgency: -\ndue: -\nkinds: call,text,email\nage: -\nissued-by: -\nissued-in: -\n"
"""Those of an intent."""
