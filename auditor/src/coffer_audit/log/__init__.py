"""The log: its tree, checkpoints and tiles, read from a folder or fetched from a server (docs/formats/log.md)."""
