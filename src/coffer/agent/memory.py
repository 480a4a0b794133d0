"""Memory for secrets: never swapped out, in no core dump, and not there in a forked process.

Implements what mlock(2) and madvise(2) promise on Linux. Elsewhere, and where the system allows no locked memory, it is
plain memory, and ``is_locked`` says so.
"""

import ctypes
import mmap

from coffer.agent.protocol import MAX_HELD, SECRET_BYTES


class SecretMemory:
    """Slots of 32 bytes, all zero at first."""

    def __init__(self) -> None:
        self._map = mmap.mmap(-1, MAX_HELD * SECRET_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self._view = memoryview(self._map)
        for advice in ("MADV_DONTDUMP", "MADV_DONTFORK"):
            if hasattr(mmap, advice):
                self._map.madvise(getattr(mmap, advice))
        address = ctypes.addressof(ctypes.c_char.from_buffer(self._map))
        self.is_locked = ctypes.CDLL(None).mlock(ctypes.c_void_p(address), ctypes.c_size_t(len(self._map))) == 0

    def slot(self, number: int) -> memoryview:
        """The bytes of a slot, to be read from and written to without a copy."""
        return self._view[number * SECRET_BYTES : (number + 1) * SECRET_BYTES]

    def wipe(self, number: int) -> None:
        """Overwrite a slot."""
        self.slot(number)[:] = bytes(SECRET_BYTES)

    def wipe_all(self) -> None:
        """Overwrite every slot."""
        self._view[:] = bytes(len(self._map))
