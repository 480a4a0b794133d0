"""A custodian's own machine: its folder, its server, its certificate, and what it does every minute without being asked.

Promises: what strangers send is bounded before it is read; one stranger cannot keep an honest request from its answer. Trusts: the pins in
``custodian.toml`` and the clock of the machine, as far as the log confirms it. Implements ``docs/formats/custodian.md``, "HTTP".
"""
