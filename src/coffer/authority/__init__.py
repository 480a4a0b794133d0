"""Authorizations: the text that people read and sign, and what it allows.

Promises: what a person reads is exactly what is enforced, because a text has one spelling and every limit stands in it.
Trusts the identity tables for a subject's country. Touches no disk, clock, network or randomness. Implements
``docs/formats/authorization.md``.
"""
