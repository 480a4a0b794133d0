"""What the desk does with a case, from the request to the letter.

It makes a request, sends it, takes in signatures, opens, hands over, and tells the person.

The shell around ``case``, ``review`` and ``steps``: it reads the vault, calls its procedures, and writes the outcome into
the case. Each method may be called again after a crash and goes on where it stopped. Rights are the caller's to prove
first (``rights``). Nothing here decides whether records may be opened: custodians do.
"""
