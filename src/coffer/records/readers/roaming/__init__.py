"""Records of roaming: what a visited network tells of the calls and texts of its guests.

Promises: one canonical record an event, and no location. Trusts the network that wrote the file; whoever controls the
file chooses its numbers. Never touches amounts, taxes or places. Page: ``docs/formats/readers-roaming.md``.
"""
