"""coffer_audit: the independent auditor of a vault and of an answer.

Promises: exit 0 only if everything that docs/formats/ lets an outsider recompute was recomputed and agreed.
Trusts: the log key and genesis hash that the caller pins (whoever controls them can show another history), Python's
standard library, and Ed25519 and AES of `cryptography`. Values read from the audited folder prove consistency only.
Never: imports `coffer`, reads a private key, prints an identifier of a person. Opens no socket but to the address of a log
that it was given (`log.remote`), and writes no file but the log that `fetch` was asked to store.
Implements: notes.md, log.md, entries.md, segment.md, authorization.md, identity.md (sids), exchange.md, answer.md,
vault.md, disclosure.md, visible.md.
"""

__version__ = "0.1.0"
