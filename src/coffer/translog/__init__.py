"""The transparency log: an append-only tree of entries whose checkpoints anyone can verify.

Promises: entries under a durable checkpoint stay, and a changed, removed or reordered entry shows. Trusts: the log's
signing key speaks for the log's operator, and for nothing else; consistency is always recomputed. Never knows what an
entry means. Implements ``docs/formats/log.md``.
"""
