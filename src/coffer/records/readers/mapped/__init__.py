"""Formats whose columns a feed names: CSV, JSON lines, Parquet. Implements ``docs/formats/feed.md``."""
