"""Ingest spread over the tasks of a cluster. ``spark`` is the adapter for Apache Spark."""
