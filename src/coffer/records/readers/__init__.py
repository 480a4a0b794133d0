"""Readers: bytes in, canonical Arrow batch and rejects out. Pure."""
