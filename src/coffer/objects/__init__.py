"""Immutable objects by key: in the vault's folder, or in an object store.

Promises: an object is whole or not there, and its key never gets other bytes. Whoever lists a store may be shown too
little or too much, so only sweeping, ``coffer fsck`` and ``coffer replicate`` list; all else asks for keys that the log
names. Trusts: that a store keeps what it acknowledged. Whatever it hands out is proven by the reader, so that somebody
who controls the store can withhold objects and learn which are read, and no more. Never touches: the log's head, keys
and locks, which stay in the vault's folder.

Implements ``docs/formats/vault.md``, "Object stores".
"""
