"""Rosters: founding a vault, and changing who its custodians, rules and witnesses are.

Promises: a roster counts only with the signatures that the roster before it demands. Implements
``docs/procedures/roster.md``.
"""
