"""C2SP's files: the proof that one entry is in a log, and the policy by which its checkpoint counts."""
