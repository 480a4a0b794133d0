"""Signed notes (C2SP ``signed-note``): the text form of log entries, checkpoints and authorizations.

Promises: a note that verifies was signed, byte for byte, by the named key. Trusts the caller to hold the right public
key. Touches no disk, clock or network; only making keys and sealing draw randomness, from the operating system.
Implements ``docs/formats/notes.md``.
"""
