"""Tells people by e-mail or webhook that something waits, without saying what or about whom.

Promises: a message is one of a fixed list, with at most a number of hours. No function here takes free text, so no
number, name, case or authority can be sent. An address never becomes a header line or another host's address. Every
sending ends within a bound.

Trusts: the mail server and the webhook's host to deliver. Whoever controls them learns when which person of a desk or
custodian has work waiting, and can drop or forge that.

Implements ``docs/formats/desk.md``, "Notifications".
"""
