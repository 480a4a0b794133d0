"""Custody: what a custodian is asked, how it decides, what it keeps, and how its answers are put together.

Promises: a custodian answers only for an authorization that it approved itself, for cells of authorised subjects, days and kinds, within the budget
that the log shows, and never twice differently. Trusts: the log only as far as its own mirror proves it; the requester, the operator and the other
custodians not at all. ``decide`` is pure; ``folder`` and ``service`` are the shell around it. Implements ``docs/formats/exchange.md``.
"""
