"""The transparency log: an append-only tree of entries whose checkpoints anyone can verify.

Promises: what is under a durable checkpoint stays, and a changed, removed or reordered entry shows. Trusts: the log's signing key only to speak for
its operator; consistency is always recomputed. Knows nothing of what an entry means. Implements ``docs/formats/log.md``.
"""
