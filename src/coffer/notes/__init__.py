"""Signed notes (C2SP ``signed-note``): the one text form of log entries, checkpoints and authorizations.

Promises: a note that verifies was signed, byte for byte, by the named key. Trusts: the caller to hold the right public key. Touches no disk, clock or
network; the only randomness is in ``SigningKey.generate``. Implements ``docs/formats/notes.md``.
"""
