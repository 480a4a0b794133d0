"""A custodian's own machine: folder, server, certificate, and what it does every minute unasked.

Promises: strangers' input is bounded before it is read; no stranger can keep an honest request from its answer. Trusts: the pins in
``custodian.toml``, and the machine's clock as far as the log confirms it. Implements ``docs/formats/custodian.md``, "HTTP".
"""
