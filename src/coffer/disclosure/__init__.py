"""Disclosure: opened rows and their evidence as files that people and programs read. Values in, bytes out.

Promises: nothing is written from an answer whose records are not those that the log's close entry commits to; equal
inputs give equal bytes. Trusts: the log's key (whoever holds it can show another history; a caller that knows the key
compares it) and, for what only ``answer.json`` says (which custodian answered how), the desk; ``coffer-audit`` proves
that too. Touches no disk but its own package's template, no network, clock or randomness.
Implements ``docs/formats/answer.md``, ``docs/formats/disclosure.md`` and ``docs/formats/etsi.md``.
"""
