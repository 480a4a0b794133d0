"""A custodian's people, what they agreed to, and how it is shown (docs/formats/authorization.md, docs/formats/custodian.md)."""
