"""The log: its tree, checkpoints and tiles, in a folder or on a server (docs/formats/log.md)."""
