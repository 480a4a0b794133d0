"""Bundles, requests and replies sealed with HPKE (docs/formats/segment.md, docs/formats/exchange.md)."""
