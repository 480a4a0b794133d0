"""Opening: an order becomes an authorization note, custodians are asked, rows are proven and delivered.

Promises: nothing is asked for that the note does not name, each step is logged before the custodians act on it, and only proven rows are delivered.
Implements ``docs/procedures/opening.md``.
"""
