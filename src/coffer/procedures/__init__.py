"""The procedures: what people do with a vault, with a room for each.

A room's ``decide`` is pure; its ``run`` reads, writes and calls.

Promises: no path to plaintext leaves out a numbered step, and a failure changes nothing that was logged. Implements
``docs/procedures/``.
"""
