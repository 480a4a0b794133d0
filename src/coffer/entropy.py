"""Where random bytes come from: an argument wherever they are needed, so that test vectors can fix them."""

from collections.abc import Callable

Entropy = Callable[[int], bytes]
"""Cryptographically strong random bytes: ``os.urandom``, or fixed ones in test vectors."""
