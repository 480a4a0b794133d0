"""Opening: from an order to an authorization, to the custodians' replies, to proven rows.

Promises: a request asks for nothing that the note does not name, each step is logged before the custodians act on it,
and only proven rows are delivered. Implements ``docs/procedures/opening.md``.
"""
