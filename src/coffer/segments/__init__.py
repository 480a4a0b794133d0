"""Segments: one event day, one kind, one feed, one rule.

Fixed-size rows that nobody can link, written once and never changed.

Promises: without a set of subkeys that satisfies the rule, a segment tells the plain fields of its header and its padded size, and nothing else. Trusts:
the randomness that it is given, and that a subkey is used for one segment only. Knows nothing of custodians: it is given subkeys to seal with and partial
values to open with. Implements ``docs/formats/segment.md``.
"""
