"""Numbers and addresses as they come, their canonical form and their sid (docs/formats/identity.md)."""
