"""coffer_audit: the independent auditor of a vault and of an answer.

Promises: exit 0 only if everything that docs/formats/ lets an outsider recompute was recomputed and agreed. Trusts: the
log key and genesis hash that the caller pins (whoever controls them can show another history), Python's standard
library, and the signatures and ciphers of `cryptography`. Values read from the audited folder prove only consistency.
Never imports `coffer`, reads a private key, or prints an identifier of a person. Opens a socket only to the address of
a log that it was given (`log.remote`), and writes only the log that `fetch` was asked to store. Implements: notes.md,
log.md, entries.md, segment.md, authorization.md, identity.md (sids), exchange.md, answer.md, vault.md, disclosure.md,
visible.md.
"""

__version__ = "0.1.0"
