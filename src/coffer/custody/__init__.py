"""Custody: what a custodian is asked, what it decides, and how several answers become one.

Promises: a custodian answers only for an authorization that it approved itself, for cells of authorised subjects, days and kinds, within the budget
that the log shows, and the same question always gets the same answer. Trusts: the log, only as far as the custodian's own mirror proves it; neither the
requester, nor the operator, nor the other custodians. Every file here is pure but ``client``, which asks a custodian on another machine.
``coffer.custodian`` is the party that acts on these decisions. Implements ``docs/formats/exchange.md``.
"""
