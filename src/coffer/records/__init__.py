"""Records: the one canonical schema, the feed file that maps a source to it, and the readers.

Promises: a reader gives every line of its input back as a record or as a counted reject, and drops content inside.
Trusts the feed file (whoever writes it decides what a column means). Readers touch no disk, clock or network.
Implements ``docs/formats/feed.md``.
"""
