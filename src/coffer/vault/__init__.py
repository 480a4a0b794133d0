"""The folder of a vault: what lies where, and the operator's own keys. Implements ``docs/formats/vault.md``.

Promises: what is read of the log is proven against its checkpoint before anyone acts on it; leftovers of a crash are removed. Trusts: ``vault.toml``
for the pins (who can change it can show a different vault, not open this one).
"""
