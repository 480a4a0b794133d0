"""The agreements of a custodian's people, verified again.

Implements docs/formats/authorization.md, "Agreements".
"""
