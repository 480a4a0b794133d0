"""What the log says.

The text of every entry, rosters and rules, and ``State``, from which every other conclusion follows.

Promises: ``State`` is a function of origin, pinned genesis and entries; an entry that breaks a rule has no effect. Trusts: the hash of the genesis
roster that its caller pins (a party that controls that pin controls everything). Touches no disk, clock, network or randomness. Implements
``docs/formats/entries.md``.
"""
