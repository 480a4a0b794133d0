"""The Merkle tree, its tiles, entry bundles and checkpoints (docs/formats/log.md)."""
