"""How often a call to a store is made again, and after which pause. Pure.

Only idempotent calls are repeated: reads, deletions, and puts of bytes that are compared if the object is there already.
"""

from collections.abc import Iterator
from typing import Final

from coffer.entropy import Entropy

TRIES: Final = 6
"""A store that is throttling or restarting is back within seconds. After these tries a person has to look."""
_FIRST_S: Final = 0.1
_LONGEST_S: Final = 5.0


def pauses(entropy: Entropy) -> Iterator[float]:
    """Seconds to wait before each further try: random below a bound that doubles.

    Random, because many threads that fail together would otherwise ask again together.
    """
    for number in range(TRIES - 1):
        share = int.from_bytes(entropy(4), "big") / 2**32
        yield share * min(_LONGEST_S, _FIRST_S * 2**number)
