"""The public window: what is kept and what was opened of it, for anyone, without a sign-in."""
