"""Serving strangers: who may connect and ask, how much, how long, and what is written about it.

Promises: connections are counted before TLS, per address and in all. A client that reads or writes slowly is cut. All
strangers together cannot make a server write more than one line a minute. Trusts: nobody who connects; an address that
proved something before is only served first. Never knows what is served.

Implements ``docs/formats/custodian.md``, "Bounds".
"""
