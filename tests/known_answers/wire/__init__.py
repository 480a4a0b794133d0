"""Decimals, hex, base64, days and times (docs/formats/README.md)."""
