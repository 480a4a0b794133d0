"""Authorizations and a custodian's file of approvals (docs/formats/authorization.md, docs/formats/custodian.md)."""
