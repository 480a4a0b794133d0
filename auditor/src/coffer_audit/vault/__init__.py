"""The audit of a vault or of its log alone, and what the log says of a period (docs/formats/vault.md)."""
