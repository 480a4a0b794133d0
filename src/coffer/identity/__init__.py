"""Identities: numbers, addresses and local identities in canonical form, their sid and their country.

Promises: one identity has one form, and an uncertain value is never guessed. Trusts the numbering tables: whoever
changes them can move a number under another country's rule. Touches no clock, network or randomness; reads its own data
files once. Implements ``docs/formats/identity.md``.
"""
