# cython: language_level=3, boundscheck=True, wraparound=False, initializedcheck=False, cdivision=True, show_performance_hints=False
"""Kernels of sealing: ranks, the blocks that AES is given, rows in the order of their bytes.

Each index is checked against its array. No key comes here: AES stays in the library. ``coffer.segments.fused`` calls
these in order, and ``coffer.segments.seal`` does the same without them.

A row before sealing is ``words``: sid (2), core (2), extra. Words are little-endian u64 of the bytes, but for the sid,
whose halves are numbers.
"""

from libc.stdint cimport int64_t, uint32_t, uint64_t

cdef enum:
    SID = 2  # words of a row that are its sid

cdef uint64_t E164 = <uint64_t>1 << 56  # the high half of each number's sid
cdef uint64_t OTHER = <uint64_t>1 << 63  # marks the tag of a sid that is no number
cdef uint64_t MIX = 0x9E3779B97F4A7C15  # 2^64 over the golden ratio
cdef uint64_t LAST_WORD = <uint64_t>1 << 24
cdef uint32_t IS_LAST = <uint32_t>1 << 31
cdef uint32_t RANK = IS_LAST - 1


cdef inline uint64_t swapped(uint64_t x) noexcept nogil:
    """The bytes of a word in the other order."""
    x = (x & 0x00FF00FF00FF00FFU) << 8 | (x >> 8) & 0x00FF00FF00FF00FFU
    x = (x & 0x0000FFFF0000FFFFU) << 16 | (x >> 16) & 0x0000FFFF0000FFFFU
    return x << 32 | x >> 32


cdef inline uint64_t tag_of(uint64_t high, uint64_t low) noexcept nogil:
    """Equal for equal sids. Numbers are their own tags, so that equal tags without ``OTHER`` are equal sids."""
    return low if high == E164 and low < OTHER else (low ^ high * MIX) | OTHER


cdef inline uint64_t slot_of(uint64_t tag, uint64_t multiplier, uint64_t mask) noexcept nogil:
    """Where a tag is looked for first. Nobody can choose numbers that meet: the multiplier is odd and random."""
    return (tag * multiplier >> 32) * (mask + 1) >> 32


def rank_rows(const uint64_t[:, ::1] rows, uint64_t[:, ::1] slots, uint32_t[::1] ranks, uint64_t multiplier):
    """Write the rank of each row within its sid, from 0 in the order of the rows; return the highest.

    The highest rank of each sid is marked by the top bit. ``slots``: zeros, a power of two of them and more than there
    are rows; shape (s, 2): the tag of a sid, and its count of rows below the number of its newest one. ``multiplier``:
    random and odd.
    """
    cdef Py_ssize_t start, i, stop, rows_in_all = rows.shape[0], newest
    cdef uint64_t mask = slots.shape[0] - 1, tag, slot, state
    cdef volatile uint64_t fetched  # a read that the compiler may not leave out
    cdef uint32_t highest = 0, count
    cdef uint64_t[64] tags
    if slots.shape[0] <= rows_in_all or slots.shape[0] & mask or rows_in_all >= IS_LAST:
        raise ValueError("slots: not a power of two above the number of rows")
    with nogil:
        for start in range(0, rows_in_all, 64):
            stop = min(start + 64, rows_in_all)
            for i in range(start, stop):  # all 64 slots are fetched at once: waiting for each would take most of the time
                tag = tag_of(rows[i, 0], rows[i, 1])
                tags[i - start] = tag
                fetched = slots[slot_of(tag, multiplier, mask), 1]
            for i in range(start, stop):
                tag = tags[i - start]
                slot = slot_of(tag, multiplier, mask)
                while True:
                    state = slots[slot, 1]
                    if state == 0:
                        slots[slot, 0] = tag
                        break
                    if slots[slot, 0] == tag:
                        newest = state >> 32
                        if tag < OTHER or (rows[newest, 0] == rows[i, 0] and rows[newest, 1] == rows[i, 1]):
                            break
                    slot = (slot + 1) & mask
                count = state & RANK
                highest = max(highest, count)
                ranks[i] = count
                slots[slot, 1] = <uint64_t>i << 32 | (count + 1)
        for i in range(slots.shape[0]):
            state = slots[i, 1]
            if state:
                ranks[state >> 32] |= IS_LAST
    return highest


def sid_blocks(const uint64_t[:, ::1] rows, uint64_t[:, ::1] blocks):
    """Write the sid of each row as a block."""
    cdef Py_ssize_t i
    with nogil:
        for i in range(rows.shape[0]):
            blocks[i, 0] = swapped(rows[i, 0])
            blocks[i, 1] = swapped(rows[i, 1])


def tail_blocks(const uint64_t[:, ::1] first, const uint32_t[::1] ranks, const uint64_t[:, ::1] masks, uint64_t[:, ::1] blocks):
    """Write the last CBC block of each row's message, for one lane after the other.

    ``first``: the first block of each, encrypted. ``masks``: by lane, what is added to it besides the rank.
    """
    cdef Py_ssize_t i, lane, rows = ranks.shape[0], out = 0
    with nogil:
        for lane in range(masks.shape[0]):
            for i in range(rows):
                blocks[out, 0] = first[i, 0] ^ masks[lane, 0]
                blocks[out, 1] = first[i, 1] ^ masks[lane, 1] ^ swapped(ranks[i] & RANK)
                out += 1


def pad_blocks(const uint64_t[:, ::1] secrets, uint64_t[:, ::1] blocks):
    """Write z_j of each row, for one j after the other, as many as there is room for."""
    cdef Py_ssize_t i, out, rows = secrets.shape[0]
    cdef uint64_t j
    with nogil:
        for j in range(<uint64_t>(blocks.shape[0] // max(rows, 1))):
            out = j * rows
            for i in range(rows):
                blocks[out + i, 0] = secrets[i, 0]
                blocks[out + i, 1] = secrets[i, 1] ^ j << 56


def place_rows(
    const uint64_t[:, ::1] rows,
    const uint32_t[::1] ranks,
    const uint64_t[:, ::1] labels,
    const uint64_t[:, ::1] blocks,
    const uint64_t[:, ::1] encrypted,
    uint64_t[:, ::1] out,
    int64_t[::1] filled,
):
    """Put each sealed row into the bucket of its label; return whether all found room.

    ``blocks``, ``encrypted``: z_j before and after AES. ``filled``: how many rows each bucket of ``out`` holds.
    """
    cdef Py_ssize_t i, word, block, at, count = rows.shape[0], words = rows.shape[1] - SID
    cdef Py_ssize_t room = out.shape[0] // filled.shape[0]
    cdef uint64_t pad, bucket
    cdef bint fits = True
    with nogil:
        for i in range(count):
            bucket = bucket_of(labels[i, 0], filled.shape[0])
            at = bucket * room + filled[bucket]
            if filled[bucket] >= room:
                fits = False
                break
            filled[bucket] += 1
            out[at, 0] = labels[i, 0]
            for word in range(words):
                block = (word >> 1) * count + i
                pad = blocks[block, word & 1] ^ encrypted[block, word & 1]
                out[at, 1 + word] = rows[i, SID + word] ^ pad
            if ranks[i] & IS_LAST:
                out[at, 2] ^= LAST_WORD  # a row comes without LAST
    return fits


def place_whole(const uint64_t[:, ::1] rows, uint64_t[:, ::1] out, int64_t[::1] filled):
    """Put rows that are sealed already into their buckets, as ``place_rows``."""
    cdef Py_ssize_t i, word, at, room = out.shape[0] // filled.shape[0]
    cdef uint64_t bucket
    cdef bint fits = True
    with nogil:
        for i in range(rows.shape[0]):
            bucket = bucket_of(rows[i, 0], filled.shape[0])
            at = bucket * room + filled[bucket]
            if filled[bucket] >= room:
                fits = False
                break
            filled[bucket] += 1
            for word in range(rows.shape[1]):
                out[at, word] = rows[i, word]
    return fits


cdef inline uint64_t bucket_of(uint64_t label, uint64_t buckets) noexcept nogil:
    """The bucket of a label, among a power of two up to 2^32: by its first bits."""
    return (swapped(label) >> 32) * buckets >> 32


def sort_buckets(uint64_t[:, ::1] out, const int64_t[::1] filled, uint64_t[:, ::1] spare, uint32_t[::1] counts):
    """Sort all rows by their bytes and close the gaps between buckets; return how many rows there are.

    ``spare``: room for a bucket. ``counts``: a power of two, and one more.
    """
    cdef Py_ssize_t bucket, i, word, rows, first, end = 0, at, room = out.shape[0] // filled.shape[0]
    cdef Py_ssize_t parts, most = counts.shape[0] - 1
    cdef uint64_t buckets = filled.shape[0], part
    with nogil:
        for bucket in range(filled.shape[0]):
            rows, first = filled[bucket], bucket * room
            parts = 1
            while parts < most and parts * 2 < rows:
                parts *= 2
            for i in range(parts + 1):
                counts[i] = 0
            for i in range(rows):
                for word in range(out.shape[1]):
                    spare[i, word] = out[first + i, word]
                counts[part_of(spare[i, 0], buckets, parts) + 1] += 1
            for i in range(parts):
                counts[i + 1] += counts[i]
            for i in range(rows):
                part = part_of(spare[i, 0], buckets, parts)
                at = end + counts[part]
                counts[part] += 1
                for word in range(out.shape[1]):
                    out[at, word] = spare[i, word]
            insertion_sort(out[end:end + rows], spare)
            end += rows
    return end


cdef inline uint64_t part_of(uint64_t label, uint64_t buckets, uint64_t parts) noexcept nogil:
    """The part of its bucket that a label belongs to, by the bits behind those of the bucket."""
    return ((swapped(label) >> 32) * buckets & 0xFFFFFFFFU) * parts >> 32


cdef inline bint is_less(const uint64_t[:, ::1] rows, Py_ssize_t a, const uint64_t[:, ::1] others, Py_ssize_t b) except -1 nogil:
    """Whether row ``a`` comes before row ``b`` of ``others``, by their bytes."""
    cdef Py_ssize_t word
    for word in range(rows.shape[1]):
        if rows[a, word] != others[b, word]:
            return swapped(rows[a, word]) < swapped(others[b, word])
    return False


cdef int insertion_sort(uint64_t[:, ::1] rows, uint64_t[:, ::1] spare) except -1 nogil:
    """Sort rows that are nearly in order."""
    cdef Py_ssize_t i, j, word
    for i in range(1, rows.shape[0]):
        if not is_less(rows, i, rows, i - 1):
            continue
        for word in range(rows.shape[1]):
            spare[0, word] = rows[i, word]
        j = i
        while j > 0 and is_less(spare, 0, rows, j - 1):
            for word in range(rows.shape[1]):
                rows[j, word] = rows[j - 1, word]
            j -= 1
        for word in range(rows.shape[1]):
            rows[j, word] = spare[0, word]
    return 0
