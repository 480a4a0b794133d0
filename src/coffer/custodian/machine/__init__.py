"""A custodian's own machine: folder, server, certificate, and what it does every minute unasked.

Promises: what strangers send is bounded before it is read; one stranger cannot keep an honest request from its answer. Trusts: the pins in
``custodian.toml`` and the clock of the machine, as far as the log confirms it. Implements ``docs/formats/custodian.md``, "HTTP".
"""
