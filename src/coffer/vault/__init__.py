"""The folder of a vault: its files, its log, and the operator's own keys.

Implements ``docs/formats/vault.md``.

Promises: the log is proven against its checkpoint before anyone acts on it, and leftovers of a crash are cleared.
Trusts: ``vault.toml`` for the pins. Someone who can change that file can show a different vault, but cannot open this
one.
"""
