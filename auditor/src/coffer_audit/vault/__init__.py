"""The audit of a vault or of its log alone (docs/formats/vault.md)."""
