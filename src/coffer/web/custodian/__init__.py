"""A custodian's own page: what waits for its people, one request at a time, and how its machine is.

Promises: what a page says of a request is made from the note that this custodian's own machine received. Nothing is
decided here: every decision is a call of ``coffer.custodian``, which judges it again, also after the page was shown. A
request is approved from its own page alone, never from a list. No page waits for the log. A form that was shown before
something changed decides nothing.

Trusts: this custodian's machine, and its people's browsers with their passkeys. Whoever controls a browser while its
owner reads can show another text; the check words, which two people compare on the phone, do not pass through it.

Never shown: a number, name, case or authority in an address or title; rows of the protected list.

Implements ``docs/formats/custodian.md``, "Page".
"""
