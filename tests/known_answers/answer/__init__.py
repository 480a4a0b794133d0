"""What an answer commits to, what a vault remembers of files, and its pins (docs/formats/answer.md, docs/formats/vault.md)."""
