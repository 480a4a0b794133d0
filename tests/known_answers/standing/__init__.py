"""Cells, requests and replies between a desk and a custodian (docs/formats/exchange.md)."""
