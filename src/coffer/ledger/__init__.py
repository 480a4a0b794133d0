"""What the log says.

The text of every entry, rosters and rules, and ``State``, from which everything anyone concludes follows.

Promises: ``State`` is a function of origin, pinned genesis and entries; an entry that breaks a rule has no effect. Trusts: the hash of the genesis
roster that its caller pins (who controls that pin controls everything). Touches no disk, clock, network or randomness. Implements
``docs/formats/entries.md``.
"""
