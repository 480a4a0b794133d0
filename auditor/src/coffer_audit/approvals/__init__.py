"""The agreements of a custodian's people, verified again (docs/formats/authorization.md, "Agreements")."""
