"""Who: numbers, addresses and local identities in one canonical form, their 16-byte sid and their country.

Promises: one identity has one form, and what cannot be made certain is rejected, never guessed. Trusts the numbering table (whoever changes it can
move a number under another country's rule). Touches no clock, network or randomness; reads its own data file once. Implements
``docs/formats/identity.md``.
"""
