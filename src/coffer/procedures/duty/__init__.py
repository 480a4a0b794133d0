"""What whoever operates a vault has to know and do now: pure in ``decide``, and the look around in ``look``."""
