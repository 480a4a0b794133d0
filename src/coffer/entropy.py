"""The source of random bytes, an argument wherever they are needed.

Test vectors can fix the bytes in this way.
"""

from collections.abc import Callable

Entropy = Callable[[int], bytes]
"""Cryptographically strong random bytes: ``os.urandom``, or fixed ones in test vectors."""
