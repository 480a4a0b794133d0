"""The order among machines that write one log: whose turn it is, and which checkpoint is the newest.

Promises: of two machines that would extend the same checkpoint, one does. The other has signed nothing that leaves it,
and is told. A machine that died or was stopped is replaced after ``turns.LEASE_S``, and what it had decided and not
written is completed. No clock of two machines is ever compared. Trusts: the checkpoint store for the order alone. It
cannot forge a checkpoint, since each is signed and proven against the entries. Whoever puts an older copy of it back is
noticed by each machine and each shared log that has seen more; where nobody has, witnesses and custodians notice.
Never knows what an entry means.

Implements ``docs/procedures/sequencing.md`` and ``docs/formats/vault.md``, "Several machines".
"""
