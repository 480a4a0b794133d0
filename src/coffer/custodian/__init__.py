"""A custodian at work: its keys, its memory of the log, and the service that answers and signs.

Promises: nothing is answered that ``coffer.custody.decide`` did not grant; keys and approvals are on the disk before they count; keys are destroyed on
time. Trusts: its own disk. A party that can change the disk can make this custodian refuse and, with the passphrase, impersonate it. The same service
works in the operator's process and, behind ``machine``, on a machine of its own. Implements ``docs/formats/custodian.md``.
"""
