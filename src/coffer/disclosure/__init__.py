"""Disclosure: opened rows and their evidence, as files that people and programs read.

Values go in, bytes come out. Promises: no file is made from an answer unless its records are those that the log's close
entry commits to; equal inputs give equal bytes. Trusts the log's key: whoever holds it can show another history, so a
caller that knows the key passes it for comparison. Trusts the desk for what ``answer.json`` alone says, which is how
each custodian answered; ``coffer-audit`` proves that too. Touches no network, clock or randomness, and no disk but its
own package's templates.
Implements ``docs/formats/answer.md``, ``docs/formats/disclosure.md`` and ``docs/formats/etsi.md``.
"""
