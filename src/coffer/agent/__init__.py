"""The agent of a session: it keeps key files unlocked for its user, in memory, for a while.

Promises: what it holds is on no disk, in no core dump and in no child process, and is overwritten once nobody used it for
some minutes, after some hours, and when it is told to lock. It answers processes of its own user only. It holds what a
passphrase gives for one key file, never the passphrase: that opens this file alone, until it is written anew.

Trusts the operating system, and every process of its user: whoever runs programs as this user while keys are unlocked can
ask for them, as with any agent. Implements ``docs/formats/vault.md``, "Agent"; the reasons are in ADR 30.
"""
