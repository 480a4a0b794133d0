"""Coffer keeps communication records sealed and opens one person's records only when custodians countersign.

The promise and its limits are in ``docs/attacks.md``; which package does what, and who may import whom, in
``docs/architecture.md``.
"""

__version__ = "0.1.0"
