"""Logs of telephone systems: calls and texts, each once, however many lines tell of it."""
