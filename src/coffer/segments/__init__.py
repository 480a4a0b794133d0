"""Segments: one event day, one kind, one feed, one rule.

Fixed-size rows that nobody can link, written once and never changed.

Promises: whoever lacks a set of subkeys that satisfies the rule learns from a segment its header's plain fields and its padded size, nothing else
(``docs/threats.md``, "The promise"). Trusts: the randomness it is given, and that a subkey is used for one segment only. Knows nothing of custodians: it is
given subkeys to seal with and partial values to open with. Implements ``docs/formats/segment.md``.
"""
