# cython: language_level=3, boundscheck=True, wraparound=False, initializedcheck=False, cdivision=True, show_performance_hints=False
"""Kernels of reading: lines of CSV to packed rows and cells of the tally, in one pass.

The bytes are a stranger's: each index is checked against its array. A line is taken only if it is understood wholly:
its columns, its time, its numbers, and every word among those that were learnt. All others are odd, and left to
``coffer.records``, whose results these must equal; so are all lines of a row that has several, and such a row ends
where ``coffer.records.readers.text.quoting`` says. ``coffer.procedures.ingest.fused`` makes the tables and calls this.
"""

cimport cython
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

cdef extern from *:
    int ctz "__builtin_ctzll"(unsigned long long) nogil  # zeros below the lowest bit that is set

cpdef enum:
    # What stops the kernel before a line, so that its caller makes room or fills in what is missing.
    DONE, NEEDS_GROUP, NEEDS_DAY, FULL_ROWS, FULL_ODD, FULL_TALLY

cdef enum:
    # What becomes of a line or of a value.
    TAKEN = 100
    ODD = 101
    UNKNOWN = 102  # a word that may be learnt

cdef enum:
    PLAIN, DELIMITER, QUOTE, RETURN, NEWLINE, HIGH  # classes of bytes

cdef enum:
    # Instructions of a time; below 128 stands the byte that must be there.
    YEAR = 128
    MONTH = 129
    DAY = 130
    HOUR = 131
    MINUTE = 132
    SECOND = 133
    SHORT_YEAR = 134
    MONTH_NAME = 135
    HALF_HOUR = 136
    HALF = 137
    FRACTION = 138
    OFFSET = 139
    EPOCH = 140
    EPOCH_MS = 141

cdef enum:
    CALL = 1
    EMAIL = 3
    ANSWERED = 4
    SATURATED = 2
    MAX_DURATION = (1 << 20) - 1
    MAX_LINE = 65536
    WORD = 40  # bytes of a word that can be learnt
    SEVERAL = 0xFFFFFFFF
    UNASKED = -2147483648  # the offset of a day that was not looked up
    MIXED = 2147483647  # the offset of a day that has several

# Bits of a note: what is known of an identity besides its sid.
cdef enum:
    HAS_ROW = 1
    IS_PRESENT = 2
    IS_DIALLED = 4
    IS_LISTED = 8
    IS_TEXT = 16
    IS_LONG = 32
    IS_ODD = 64

cdef uint64_t MIX = 0x9E3779B97F4A7C15
cdef uint64_t ONES = 0x0101010101010101
cdef uint64_t SEVENS = 0x7F7F7F7F7F7F7F7F
cdef uint64_t NEWLINES = 0x0A0A0A0A0A0A0A0A
cdef uint64_t E164 = <uint64_t>1 << 56
cdef uint64_t FREE = 0xFFFFFFFFFFFFFFFF
cdef uint64_t TEN_DIGITS = 10000000000
cdef uint64_t DIGITS_14 = 10000000000000  # the first number of 14 digits
cdef int64_t MOST_MILLISECONDS = 9000000000000  # more microseconds than a float holds exactly


cdef struct Identity:
    uint64_t high  # the sid's halves
    uint64_t low
    uint64_t head  # peer type and peer, as they stand in a row's first word
    uint64_t note  # the bits above, the country << 16, the place of its string << 32


cdef struct Text:
    const uint8_t *at  # within the data, or within a joined time
    int64_t size


cdef inline uint64_t swapped(uint64_t x) noexcept nogil:
    """The bytes of a word in the other order."""
    x = (x & 0x00FF00FF00FF00FFU) << 8 | (x >> 8) & 0x00FF00FF00FF00FFU
    x = (x & 0x0000FFFF0000FFFFU) << 16 | (x >> 16) & 0x0000FFFF0000FFFFU
    return x << 32 | x >> 32


cdef inline uint64_t zeros_of(uint64_t word) noexcept nogil:
    """The top bit of each byte of a word that is zero."""
    return ~(((word & SEVENS) + SEVENS) | word | SEVENS)


cdef inline int64_t days_before(int64_t year, int64_t month, int64_t day) noexcept nogil:
    """Days from 1970-01-01 to a date; years begin with March, so that a leap day is the last."""
    cdef int64_t shifted = year - (month <= 2), age, of_age
    age = shifted // 400
    of_age = shifted - age * 400
    return (
        age * 146097 + of_age * 365 + of_age // 4 - of_age // 100 + (153 * ((month + 9) % 12) + 2) // 5 + day - 1 - 719468
    )


cdef inline bint digits_of(Text text, uint64_t *value) noexcept nogil:
    """The value of up to 19 digits; whether there are only digits, and one at least."""
    cdef uint64_t total = 0
    cdef uint8_t digit, worst = 0
    cdef int64_t at
    if not 1 <= text.size <= 19:
        return False
    for at in range(text.size):
        digit = text.at[at] - 48
        worst = max(worst, digit)
        total = total * 10 + digit
    value[0] = total
    return worst <= 9


cdef inline bint number_of(Text text, int64_t *at, int digits, int64_t *value) noexcept nogil:
    """The next digits of a time, exactly so many; whether they are there."""
    cdef int64_t total = 0, i
    cdef uint8_t digit, worst = 0
    if text.size - at[0] < digits:
        return False
    for i in range(at[0], at[0] + digits):
        digit = text.at[i] - 48
        worst = max(worst, digit)
        total = total * 10 + digit
    at[0] += digits
    value[0] = total
    return worst <= 9


@cython.final  # so that its functions are called directly, and the compiler can join them
cdef class Scanner:
    """What a feed makes of a line, and the rows of the lines that were read.

    Its caller sets the tables, calls ``run``, and takes what it made. Used by one thread.
    """

    # The feed
    cdef public int columns, delimiter, kind, zone_is_utc, national, coded, is_plain, may_be_zero, home_short
    cdef public int64_t code, code_digits, trunk, trunk_digits, idd, idd_digits
    cdef public int64_t earliest, latest, first_day
    cdef public const uint8_t[::1] classes, instructions
    cdef public const int32_t[::1] starts  # the columns of the time
    cdef public const int32_t[::1] places  # columns of: kind, a, b, f, duration, answered, then cell, IMEI, IMSI of each; -1 none
    cdef public const uint8_t[:, ::1] values  # words of the kind, then of whether it was answered: size, value, bytes
    cdef public Py_ssize_t kind_words  # how many of them are of the kind
    cdef public const int32_t[:, ::1] formats  # of each way to write a time, where its instructions begin and end
    cdef public const uint8_t[:, ::1] months
    cdef public const uint64_t[:, ::1] outside  # prefix and digits
    cdef public const int32_t[::1] most_digits, cell_bits  # of the four parts of a cell
    cdef public const int32_t[::1] owns  # which of cell, IMEI and IMSI rows carry: 1 or 0
    cdef public const int32_t[::1] finds  # by which of the three rows are found too: 1 or 0
    cdef public const int32_t[::1] own_at  # by kind, the word of a row with its own number; 0 none
    cdef public const int32_t[::1] short_at, long_at  # by kind, the word of a row where a string stands; 0 none
    cdef public const int32_t[::1] widths  # by kind, the words of a row
    # Numbers
    cdef public const uint64_t[::1] powers, valid_starts, plan_starts, plan_ends, listed
    cdef public const uint16_t[::1] valid_lengths, plan_countries, rules
    cdef public const uint32_t[::1] leading  # by the first five digits: lengths << 16, country; SEVERAL: look them up
    # What was learnt
    cdef public const uint64_t[::1] multipliers  # six of them, by which words are spread
    cdef public uint64_t[:, ::1] words
    cdef public const uint64_t[:, ::1] strings
    cdef public int32_t[::1] offsets  # by local day, seconds to UTC
    cdef public int32_t[:, :, ::1] groups  # by day, kind and rule; -1 where there is none yet
    # What is made
    cdef public uint64_t[:, ::1] rows
    cdef public int32_t[::1] row_groups
    cdef public int64_t[:, ::1] odd  # runs of whole rows: begin, end, the number of the first line, how many lines
    cdef public int64_t[:, ::1] unknown  # begin, end, kind
    cdef public uint64_t[::1] tally_keys
    cdef public int64_t[::1] tally_counts
    cdef public int64_t position, line, kept, made, odd_runs, unknown_words, unindexed, dialled, tallied
    cdef public int64_t needed_day, needed_kind, needed_rule
    # Of the lines at work
    cdef const uint8_t[::1] data
    cdef public int64_t[::1] begins, ends  # of its columns
    cdef public uint8_t[::1] text  # its time, joined from several columns

    def run(self, const uint8_t[::1] data, bint is_plain):
        """Read rows from ``position`` on, until all are read or something is needed; what that is.

        ``is_plain``: there is no quote, carriage return, NUL or byte above 127, so that each line is cut at delimiters.
        """
        cdef int64_t begin, after, lines, size = data.shape[0]
        cdef int outcome = DONE
        self.data = data
        with nogil:
            while self.position < size:
                begin = self.position
                lines = 1
                outcome = self._cut(begin, &after) if is_plain else self._split(begin, &after, &lines)
                if outcome == TAKEN:
                    outcome = self._record()
                if outcome == ODD and not self._put_aside(begin, after, lines):
                    outcome = FULL_ODD
                if outcome < TAKEN:
                    break
                self.position = after
                self.line += lines
            else:
                outcome = DONE
        self.data = None
        return outcome

    cdef bint _put_aside(self, int64_t begin, int64_t end, int64_t lines) except -1 nogil:
        """List the lines of an odd row, in one run with the odd ones just before it; whether there was room."""
        cdef int64_t last = self.odd_runs - 1
        if last >= 0 and self.odd[last, 1] == begin:
            self.odd[last, 1] = end
            self.odd[last, 3] += lines
            return True
        if self.odd_runs == self.odd.shape[0]:
            return False
        self.odd[self.odd_runs, 0] = begin
        self.odd[self.odd_runs, 1] = end
        self.odd[self.odd_runs, 2] = self.line
        self.odd[self.odd_runs, 3] = lines
        self.odd_runs += 1
        return True

    cdef inline int _text(self, int column, Text *text) except -1 nogil:
        """The text of a column. Its place was compared with the data, so what reads within its size reads the data."""
        cdef int64_t begin = self.begins[column], end = self.ends[column]
        if not 0 <= begin <= end <= self.data.shape[0]:
            raise IndexError
        text.at = &self.data[0] + begin
        text.size = end - begin
        return 0

    cdef int _cut(self, int64_t begin, int64_t *after) except -1 nogil:
        """As ``_split``, for lines that hold nothing but text and delimiters: eight bytes at a time."""
        cdef int64_t size = self.data.shape[0], at = begin, field = begin, place
        cdef uint64_t delimiters = ONES * <uint64_t>self.delimiter, word, marks
        cdef const uint8_t *data = &self.data[0]
        cdef int column = 0, columns = self.columns
        while at < size:
            word = 0
            if at + 8 <= size:
                memcpy(&word, data + at, 8)
            else:
                memcpy(&word, data + at, size - at)  # zeros behind it are neither
            marks = zeros_of(word ^ delimiters) | zeros_of(word ^ NEWLINES)
            while marks:
                place = at + (ctz(marks) >> 3)
                marks &= marks - 1
                if column < columns:
                    self.begins[column] = field
                    self.ends[column] = place
                column += 1
                field = place + 1
                if data[place] == 10:
                    after[0] = field
                    return TAKEN if column == columns and place - begin <= MAX_LINE else ODD
            at += 8
        after[0] = size
        if column < columns:
            self.begins[column] = field
            self.ends[column] = size
        return TAKEN if column + 1 == columns and size - begin <= MAX_LINE else ODD

    cdef int _split(self, int64_t begin, int64_t *after, int64_t *lines) except -1 nogil:
        """Find the columns of a row, where the next row begins, and how many lines it has: it is odd if it has several."""
        cdef int64_t at = begin, size = self.data.shape[0], field = begin
        cdef int column = 0, outcome = TAKEN, found, columns = self.columns
        cdef bint is_quoted = False, is_closed = False
        while at < size:
            found = self.classes[self.data[at]]
            if found == PLAIN:
                at += 1
                continue
            if found == NEWLINE:
                if not is_quoted:
                    break
                outcome = ODD
                if at + 1 < size:
                    lines[0] += 1
            elif found == DELIMITER and not is_quoted:
                if column >= columns:
                    outcome = ODD
                else:
                    self.begins[column] = field
                    self.ends[column] = at - is_closed
                    column += 1
                field = at + 1
                is_closed = False
            elif found == QUOTE:
                if not is_quoted and at == field:
                    is_quoted = True
                    field = at + 1
                elif is_quoted and at + 1 < size and self.classes[self.data[at + 1]] == QUOTE:
                    outcome = ODD
                    at += 1
                elif is_quoted:
                    is_quoted, is_closed = False, True
                    if at + 1 < size and self.classes[self.data[at + 1]] not in (DELIMITER, NEWLINE, RETURN):
                        outcome = ODD
                else:
                    outcome = ODD
            elif found == RETURN:
                if at + 1 == size or self.data[at + 1] != 10:
                    outcome = ODD
            elif found == HIGH:
                outcome = ODD
            at += 1
        after[0] = min(at + 1, size)
        if column >= columns or is_quoted or at - begin > MAX_LINE:
            return ODD
        if at < size and at > field and self.data[at - 1] == 13:
            at -= 1
        self.begins[column] = field
        self.ends[column] = at - is_closed
        return outcome if column + 1 == columns else ODD

    cdef int _record(self) except -1 nogil:
        """Make the rows of a line whose columns were found."""
        cdef int64_t start, duration = -1, seconds, day, second, rule
        cdef int kind = self.kind, answered = 2, outcome, party, role, has_unknown = 0
        cdef Identity[3] parties
        cdef int32_t[3] group
        cdef uint64_t[9] own
        cdef uint64_t flags
        if self.made + 4 > self.rows.shape[0]:
            return FULL_ROWS
        if self.tallied * 2 > self.tally_keys.shape[0]:
            return FULL_TALLY
        if self.places[0] >= 0:
            kind = self._word(self.places[0], 0, self.kind_words)
            if kind <= 0:
                return ODD
        outcome = self._start(&start)
        if outcome != TAKEN:
            return outcome
        if start < self.earliest or start > self.latest:
            return ODD
        if self.places[4] >= 0 and not self._duration(self.places[4], &duration):
            return ODD
        if self.places[5] >= 0 and self.ends[self.places[5]] > self.begins[self.places[5]]:
            answered = self._word(self.places[5], self.kind_words, self.values.shape[0])
            if answered < 0:
                return ODD
        for party in range(9):
            own[party] = 0
            if self.places[6 + party] >= 0 and not self._own(party % 3, self.places[6 + party], &own[party]):
                return ODD
        for party in range(3):
            outcome = self._identity(self.places[1 + party], kind, &parties[party])
            if outcome == ODD:
                return ODD
            has_unknown |= outcome == UNKNOWN
            if not parties[party].note & IS_PRESENT and self._is_device(&own[3 * party]):
                return ODD  # a row that is found by its device alone
        if has_unknown or not parties[1].note & IS_PRESENT:
            return ODD
        seconds = floor_divided(start, 1000000)
        day = floor_divided(seconds, 86400)
        second = seconds - day * 86400
        for party in range(3):
            group[party] = -1
            if parties[party].note & HAS_ROW:
                rule = self.rules[parties[party].note >> 16 & 0xFFFF]
                group[party] = self.groups[day - self.first_day, kind, rule]
                if group[party] < 0:
                    self.needed_day, self.needed_kind, self.needed_rule = day, kind, rule
                    return NEEDS_GROUP
        if answered == 2:
            answered = kind != CALL or duration != 0
        flags = ANSWERED if answered else 0
        if duration > MAX_DURATION:
            flags |= SATURATED
        self._count(seconds, kind, duration, parties[0].note, parties[1].note)
        duration = min(max(duration, 0), MAX_DURATION)
        if group[0] >= 0:
            self._row(group[0], kind, &parties[0], &parties[1], second, duration, flags, &own[0])
        if group[1] >= 0:
            self._row(group[1], kind, &parties[1], &parties[0], second, duration, flags | 8, &own[3])
        if parties[2].note & IS_PRESENT:
            if group[1] >= 0:
                self._row(group[1], kind, &parties[1], &parties[2], second, duration, flags | 16, &own[3])
            if group[2] >= 0:
                self._row(group[2], kind, &parties[2], &parties[0], second, duration, flags | 8, &own[6])
        self.kept += 1
        self.unindexed += (parties[0].note | parties[1].note | parties[2].note) & IS_LISTED != 0
        self.dialled += (parties[0].note | parties[1].note | parties[2].note) & IS_DIALLED != 0
        return TAKEN

    cdef int _row(
        self, int32_t group, int kind, Identity *own, Identity *peer, uint64_t second, uint64_t duration, uint64_t flags, uint64_t *owned
    ) except -1 nogil:
        """Write one row, seen from ``own``. ``owned``: its cell, IMEI and IMSI."""
        cdef int64_t at = self.made, place
        cdef int word = 4, which, width = self.widths[kind], string
        self.rows[at, 0] = own.high
        self.rows[at, 1] = own.low
        self.rows[at, 2] = swapped(peer.head | second >> 7)
        self.rows[at, 3] = swapped((second & 127) << 57 | duration << 37 | flags << 32)
        for which in range(3):
            if self.owns[which]:
                self.rows[at, word] = swapped(owned[which])
                word += 1
        while word < width:
            self.rows[at, word] = 0
            word += 1
        if self.own_at[kind] and not own.note & IS_TEXT:
            self.rows[at, self.own_at[kind]] = swapped(own.head)
        if peer.note & IS_TEXT:
            place = peer.note >> 32
            string = self.long_at[kind] if peer.note & IS_LONG else self.short_at[kind]
            for word in range(8 if peer.note & IS_LONG else 2):
                self.rows[at, string + word] = self.strings[place, word]
        self.row_groups[at] = group
        self.made += 1
        return 0

    cdef int _count(self, int64_t seconds, int kind, int64_t duration, uint64_t origin, uint64_t destination) except -1 nogil:
        """Count a record in its cell of the tally."""
        cdef uint64_t bucket = 7, key, at, mask = self.tally_keys.shape[0] - 1
        if duration >= 0:
            bucket = (duration >= 1) + (duration >= 60) + (duration >= 300) + (duration >= 1800)
        key = <uint64_t>(floor_divided(seconds, 3600) - self.first_day * 24) << 32
        key |= <uint64_t>kind << 30 | bucket << 27
        key |= (0 if origin & IS_DIALLED else (origin >> 16 & 0xFFF)) << 12
        key |= 0 if destination & IS_DIALLED else destination >> 16 & 0xFFF
        at = key * MIX >> 32 & mask
        while self.tally_keys[at] != key:
            if self.tally_keys[at] == FREE:
                self.tally_keys[at] = key
                self.tallied += 1
                break
            at = (at + 1) & mask
        self.tally_counts[at] += 1
        return 0

    cdef int _word(self, int column, Py_ssize_t first, Py_ssize_t last) except -2 nogil:
        """The value of the word in a column; -1 if it is none of ``values`` from ``first`` to ``last``."""
        cdef Py_ssize_t word, i
        cdef Text text
        self._text(column, &text)
        for word in range(first, last):
            if self.values[word, 0] == text.size:
                for i in range(text.size):
                    if self.values[word, 2 + i] != text.at[i]:
                        break
                else:
                    return self.values[word, 1]
        return -1

    cdef bint _duration(self, int column, int64_t *duration) except -1 nogil:
        """Whole seconds, or h:mm:ss; -1 for none. Whether it is either."""
        cdef int64_t at, value = 0, parts = 0, part_begin = 0
        cdef uint8_t digit
        cdef Text text
        self._text(column, &text)
        if text.size > 9:
            return False
        duration[0] = -1 if text.size == 0 else 0
        for at in range(text.size):
            digit = text.at[at] - 48
            if digit <= 9:
                value = value * 10 + digit
            elif text.at[at] == 58 and parts < 2 and 1 <= at - part_begin <= (2 if parts else 3) and (at - part_begin == 2 or not parts):
                if parts and value > 59:
                    return False
                duration[0] = (duration[0] + value) * 60
                value, parts, part_begin = 0, parts + 1, at + 1
            else:
                return False
        if parts and (parts != 2 or text.size - part_begin != 2 or value > 59):
            return False
        if text.size:
            duration[0] += value
        return True

    cdef bint _own(self, int what, int column, uint64_t *value) except -1 nogil:
        """A cell, IMEI or IMSI; 0 for none. Whether it is one."""
        cdef Text text
        cdef int64_t at
        cdef int part = 0, digits = 0
        cdef uint64_t number = 0, packed = 0
        cdef uint8_t digit  # 253 is what a hyphen gives
        self._text(column, &text)
        if text.size == 0:
            return True
        if what == 1:
            if not 14 <= text.size <= 16 or not digits_of(text, value):
                return False
            if self.finds[what]:
                value[0] += self.powers[text.size]
            return not self.finds[what] or (text.size >= self.finds[what] and is_handset(text))
        if what == 2:
            return 6 <= text.size <= 15 and digits_of(text, value) and (not self.finds[what] or is_subscription(value[0]))
        for at in range(text.size + 1):
            digit = text.at[at] - 48 if at < text.size else 253
            if digit <= 9 and digits < 9:
                number = number * 10 + digit
                digits += 1
                continue
            if digit != 253 or not 0 < digits <= self.most_digits[part] or (at < text.size) != (part < 3):
                return False
            if (part == 0 and (digits != 3 or number == 0)) or (part == 2 and number >= 1 << 16) or number >= 1 << 28:
                return False
            packed = packed << self.cell_bits[part] | number
            number, digits, part = 0, 0, part + 1
        value[0] = packed
        return True

    cdef bint _is_device(self, uint64_t *owned) except -1 nogil:
        """Whether a party has a handset or a subscription by which rows are found. ``owned``: its cell, IMEI and IMSI."""
        return (self.finds[1] and owned[1] != 0) or (self.finds[2] and owned[2] != 0)

    cdef int _start(self, int64_t *start) except -1 nogil:
        """Microseconds since 1970 in UTC."""
        cdef int64_t size = 0, local, day, end, i
        cdef bint has_offset = False
        cdef Py_ssize_t part
        cdef Text text
        self._text(self.starts[0], &text)
        if self.starts.shape[0] > 1:
            for part in range(self.starts.shape[0]):
                self._text(self.starts[part], &text)
                if size + text.size + 1 > self.text.shape[0]:
                    return ODD
                if part:
                    self.text[size] = 32
                    size += 1
                for i in range(text.size):
                    self.text[size] = text.at[i]
                    size += 1
            text.at, text.size = &self.text[0], size
        if not self._time(text, &local, &has_offset):
            return ODD
        if has_offset or self.zone_is_utc:
            start[0] = local
            return TAKEN
        day = floor_divided(local, 86400000000)
        if not 0 <= day - self.first_day + 1 < self.offsets.shape[0]:
            return ODD
        end = self.offsets[day - self.first_day + 1]
        if end == UNASKED:
            self.needed_day = day
            return NEEDS_DAY
        if end == MIXED:
            return ODD
        start[0] = local - end * 1000000
        return TAKEN

    cdef bint _time(self, Text text, int64_t *result, bint *has_offset) except -1 nogil:
        """Read the time by the first format that fits; microseconds, in local time unless it has an offset."""
        cdef Py_ssize_t form
        for form in range(self.formats.shape[0]):
            has_offset[0] = False
            if self._in_format(self.formats[form, 0], self.formats[form, 1], text, result, has_offset):
                return True
        return False

    cdef bint _in_format(self, int begin, int end, Text text, int64_t *result, bint *has_offset) except -1 nogil:
        """Read the time by the instructions from ``begin`` to ``end``."""
        cdef int64_t[7] fields  # year, month, day, hour, minute, second, microsecond
        cdef int64_t at = 0, size = text.size, offset = 0, last, seconds, number
        cdef int half = -1
        cdef uint8_t step
        cdef Py_ssize_t i
        for i in range(7):
            fields[i] = i == 1 or i == 2
        for i in range(begin, end):
            step = self.instructions[i]
            if step < 128:
                if at >= size or text.at[at] != step:
                    return False
                at += 1
            elif step <= SECOND:
                if not number_of(text, &at, 4 if step == YEAR else 2, &fields[step - YEAR]):
                    return False
            elif step == SHORT_YEAR:
                if not number_of(text, &at, 2, &fields[0]):
                    return False
                fields[0] += 2000 if fields[0] < 70 else 1900
            elif step == MONTH_NAME:
                fields[1] = self._month(text, at)
                at += 3
            elif step == HALF_HOUR:
                if not number_of(text, &at, 2, &fields[3]) or not 1 <= fields[3] <= 12:
                    return False
            elif step == HALF:
                if at + 2 > size or text.at[at + 1] != 77 or text.at[at] not in (65, 80):
                    return False
                half = text.at[at] == 80
                at += 2
            elif step == FRACTION:
                last = at
                while at < size and at < last + 6 and 48 <= text.at[at] <= 57:
                    fields[6] = fields[6] * 10 + text.at[at] - 48
                    at += 1
                if at == last:
                    return False
                fields[6] *= self.powers[6 - (at - last)]
            elif step == OFFSET:
                has_offset[0] = True
                if not self._offset(text, &at, &offset):
                    return False
            else:  # seconds or milliseconds since 1970
                last = 10 if step == EPOCH else 13
                if not 0 < size - at <= last or not number_of(text, &at, <int>(size - at), &number):
                    return False
                has_offset[0] = True
                result[0] = number * (1000000 if step == EPOCH else 1000)
                return number <= (MOST_MILLISECONDS // 1000 if step == EPOCH else MOST_MILLISECONDS)
        if half >= 0:
            fields[3] = fields[3] % 12 + 12 * half
        if at != size or fields[0] < 1 or not 1 <= fields[1] <= 12 or fields[3] > 23 or fields[4] > 59 or fields[5] > 59:
            return False
        last = 30 + (fields[1] + fields[1] // 8) % 2
        if fields[1] == 2:
            last = 28 + (fields[0] % 4 == 0 and (fields[0] % 100 != 0 or fields[0] % 400 == 0))
        if not 1 <= fields[2] <= last:
            return False
        seconds = days_before(fields[0], fields[1], fields[2]) * 86400 + fields[3] * 3600 + fields[4] * 60 + fields[5]
        result[0] = (seconds - offset) * 1000000 + fields[6]
        return True

    cdef int64_t _month(self, Text text, int64_t at) except -1 nogil:
        """The month whose short English name stands there; 0 for none."""
        cdef Py_ssize_t name
        if at + 3 <= text.size:
            for name in range(12):
                if (
                    text.at[at] == self.months[name, 0]
                    and text.at[at + 1] == self.months[name, 1]
                    and text.at[at + 2] == self.months[name, 2]
                ):
                    return name + 1
        return 0

    cdef bint _offset(self, Text text, int64_t *at, int64_t *offset) except -1 nogil:
        """Z, or hours and minutes from UTC; whether either is there."""
        cdef int64_t hours, minutes, sign
        if at[0] >= text.size or text.at[at[0]] not in (43, 45, 90):
            return False
        sign = 44 - <int64_t>text.at[at[0]]
        at[0] += 1
        if sign < -1:
            return True
        if not number_of(text, at, 2, &hours):
            return False
        if at[0] < text.size and text.at[at[0]] == 58:
            at[0] += 1
        if not number_of(text, at, 2, &minutes) or hours > 23 or minutes > 59:
            return False
        offset[0] = sign * (hours * 3600 + minutes * 60)
        return True

    cdef int _identity(self, int column, int kind, Identity *out) except -1 nogil:
        """Whose number or address stands in a column; nobody's for column -1."""
        cdef int64_t digits
        cdef uint64_t value, number = 0
        cdef int country = -1
        cdef bint has_plus
        cdef Text text, rest
        out.high = out.low = out.head = out.note = 0
        if column < 0:
            return TAKEN
        self._text(column, &text)
        if text.size == 0:
            return TAKEN
        if kind != EMAIL:
            has_plus = text.at[0] == 43
            rest.at, rest.size = text.at + has_plus, text.size - has_plus
            digits = rest.size
            if digits > 2 and digits_of(rest, &value):
                if has_plus:
                    country = self._country(value, digits)
                    number = value if country >= 0 else 0
                else:
                    number = self._bare(value, digits)
                    country = self._country(number, self._size(number)) if number else -1
        if number == 0:
            return self._learnt(self.begins[column], self.ends[column], kind, out)
        out.note = <uint64_t>country << 16 | IS_PRESENT
        if self.listed.shape[0] and self._is_listed(number):
            out.note |= IS_LISTED
            return TAKEN
        out.note |= HAS_ROW
        out.high, out.low = E164, number
        out.head = <uint64_t>1 << 60 | number << 10
        return TAKEN

    cdef int _size(self, uint64_t number) except -1 nogil:
        """How many digits a number has."""
        cdef int size = 8 if number >= self.powers[8] else 1
        while self.powers[size] <= number:
            size += 1
        return size

    cdef bint _is_listed(self, uint64_t number) except -1 nogil:
        cdef Py_ssize_t low = 0, high = self.listed.shape[0], middle
        while low < high:
            middle = (low + high) // 2
            if self.listed[middle] < number:
                low = middle + 1
            else:
                high = middle
        return low < self.listed.shape[0] and self.listed[low] == number

    cdef int _country(self, uint64_t value, int64_t digits) except -2 nogil:
        """The country of a number that can exist; -1 if it cannot."""
        cdef uint64_t aligned
        cdef uint32_t known
        cdef Py_ssize_t at
        if not 1 <= digits <= 15 or value < self.powers[digits - 1] or value >= self.powers[digits]:
            return -1
        aligned = value * self.powers[15 - digits]
        known = self.leading[aligned // TEN_DIGITS]
        if known != SEVERAL:
            return known & 0xFFFF if known >> 16 >> digits & 1 else -1
        at = last_up_to(self.valid_starts, aligned)
        if at < 0 or not self.valid_lengths[at] >> digits & 1:
            return -1
        at = last_up_to(self.plan_starts, aligned)
        return self.plan_countries[at] if at >= 0 and aligned <= self.plan_ends[at] else 0

    cdef bint _leads(self, uint64_t value, int64_t digits, uint64_t prefix, int64_t size) except -1 nogil:
        """Whether digits begin with a prefix and go on. An empty prefix leads nothing."""
        return 0 < size < digits and value // self.powers[digits - size] == prefix

    cdef uint64_t _bare(self, uint64_t value, int64_t digits) except 0xFFFFFFFFFFFFFFFF nogil:
        """The number that digits without a plus are read as, if there is exactly one; 0 if there is not, or it is unsure.

        Each reading is one of ``coffer.identity.readings``.
        """
        cdef uint64_t number = 0, rest
        cdef bint has_trunk = self._leads(value, digits, self.trunk, self.trunk_digits)
        cdef Py_ssize_t i
        if not self.is_plain or (digits <= self.home_short and not (has_trunk and self.trunk == 0)):
            return 0
        for i in range(self.outside.shape[0]):
            if self._leads(value, digits, self.outside[i, 0], self.outside[i, 1]):
                return 0
        if self._leads(value, digits, self.idd, self.idd_digits):
            rest = value - self.idd * self.powers[digits - self.idd_digits]
            if self._country(rest, digits - self.idd_digits) < 0:
                return 0  # perhaps with its trunk digit
            number = rest
        elif self._leads(value, digits, 0, 2):
            if self._country(value, digits - 2) < 0:
                return 0
            number = value
        if self.national == 1 or (self.national == 2 and has_trunk):
            if has_trunk:
                rest = value - self.trunk * self.powers[digits - self.trunk_digits]
                if not self._add(&number, self._national(rest, digits - self.trunk_digits)):
                    return 0
            if not self._add(&number, self._national(value, digits)):
                return 0
        if self.coded and value >= self.powers[digits - 1]:
            if self._country(value, digits) >= 0:
                if not self._add(&number, value):
                    return 0
            elif self._leads(value, digits, self.code, self.code_digits):
                return 0
        return number

    cdef bint _add(self, uint64_t *number, uint64_t reading) except -1 nogil:
        """Add a reading, 0 for none; whether there is still no second number."""
        if reading:
            if number[0] and number[0] != reading:
                return False
            number[0] = reading
        return True

    cdef uint64_t _national(self, uint64_t rest, int64_t digits) except 0xFFFFFFFFFFFFFFFF nogil:
        """The number of the home country with these national digits; 0 if it cannot exist."""
        cdef uint64_t whole
        if digits > 15 - self.code_digits or (not self.may_be_zero and rest < self.powers[max(digits - 1, 0)]):
            return 0
        whole = rest + self.code * self.powers[digits]
        return whole if self._country(whole, digits + self.code_digits) >= 0 else 0

    cdef int _learnt(self, int64_t begin, int64_t end, int kind, Identity *out) except -1 nogil:
        """What was learnt of a word; if nothing, it is listed to be learnt."""
        cdef uint64_t[5] raw
        cdef uint64_t size = end - begin, at, mask = self.words.shape[0] - 1, meta = size << 2 | kind
        cdef int i
        if size > WORD:
            return ODD
        for i in range(5):
            raw[i] = 0
        for i in range(<int>size):
            raw[i >> 3] |= <uint64_t>self.data[begin + i] << 8 * (i & 7)
        at = slot_of(self.multipliers, &raw[0], meta, mask)
        while self.words[at, 5] != 0:
            if self.words[at, 5] >> 32 == meta and is_equal(self.words, at, &raw[0]):
                out.high, out.low, out.head, out.note = self.words[at, 6], self.words[at, 7], self.words[at, 8], self.words[at, 9]
                return ODD if out.note & IS_ODD else TAKEN
            at = (at + 1) & mask
        if self.unknown_words < self.unknown.shape[0]:
            self.unknown[self.unknown_words, 0] = begin
            self.unknown[self.unknown_words, 1] = end
            self.unknown[self.unknown_words, 2] = kind
            self.unknown_words += 1
        return UNKNOWN

    def read_time(self, const uint8_t[::1] written):
        """Microseconds of a time; None if the instructions do not read it."""
        cdef int64_t result
        cdef bint has_offset = False
        cdef Text text
        if written.shape[0] == 0:
            return None
        text.at, text.size = &written[0], written.shape[0]
        return result if self._time(text, &result, &has_offset) else None

    def learn(self, const uint64_t[:, ::1] words):
        """Keep words, of which none is there: 5 u64 of bytes, size << 2 | kind, high, low, head, note. Slots must be left."""
        cdef Py_ssize_t word, i
        cdef uint64_t at, mask = self.words.shape[0] - 1
        cdef uint64_t[5] raw
        with nogil:
            for word in range(words.shape[0]):
                for i in range(5):
                    raw[i] = words[word, i]
                at = slot_of(self.multipliers, &raw[0], words[word, 5], mask)
                while self.words[at, 5] != 0:
                    at = (at + 1) & mask
                for i in range(10):
                    self.words[at, i] = words[word, i]
                self.words[at, 5] = words[word, 5] << 32 | 1


cdef inline uint64_t slot_of(const uint64_t[::1] multipliers, uint64_t *raw, uint64_t meta, uint64_t mask) except? 0 nogil:
    """Where a word of 5 u64 is looked for first. Nobody can write words that meet: the multipliers are random and odd."""
    cdef uint64_t mixed = meta * multipliers[5]
    cdef int i
    for i in range(5):
        mixed += raw[i] * multipliers[i]
    return (mixed >> 32) * (mask + 1) >> 32


cdef inline bint is_equal(const uint64_t[:, ::1] words, uint64_t at, uint64_t *raw) except -1 nogil:
    cdef int i
    for i in range(5):
        if words[at, i] != raw[i]:
            return False
    return True


cdef inline bint is_handset(Text text) noexcept nogil:
    """Whether 14 to 16 digits are an IMEI that names a handset, as ``coffer.identity.mobile_columns`` judges. The others are odd."""
    cdef int total = 0, at, digit
    cdef bint is_same = True
    for at in range(14):
        digit = text.at[at] - 48
        is_same &= at >= 8 or text.at[at] == text.at[0]
        digit <<= at & 1
        total += digit - 9 if digit > 9 else digit
    if is_same or text.at[0] == 49 or (text.at[0] == 48 and text.at[1] != 49):
        return False
    if memcmp(text.at, b"01234567", 8) == 0 or memcmp(text.at + 8, b"000000", 6) == 0:
        return False
    return text.size != 15 or text.at[14] == 48 or text.at[14] - 48 == (10 - total % 10) % 10


cdef inline bint is_subscription(uint64_t number) noexcept nogil:
    """Whether the digits of an IMSI name a subscription, as ``coffer.identity.mobile_columns`` judges. The others are odd."""
    cdef uint64_t mcc
    if number < DIGITS_14:
        return False
    mcc = number // (TEN_DIGITS * 100 if number >= DIGITS_14 * 10 else TEN_DIGITS * 10)
    return number % 1000000000 > 0 and (200 <= mcc < 800 or mcc == 901)


cdef inline int64_t floor_divided(int64_t value, int64_t by) noexcept nogil:
    """Rounded down, also below zero."""
    return value // by - (value % by < 0)


cdef Py_ssize_t last_up_to(const uint64_t[::1] starts, uint64_t value) except -2 nogil:
    """The last of ascending starts that is not above a value; -1 for none."""
    cdef Py_ssize_t low = 0, high = starts.shape[0], middle
    while low < high:
        middle = (low + high) // 2
        if starts[middle] <= value:
            low = middle + 1
        else:
            high = middle
    return low - 1


def distribute(const uint64_t[:, ::1] rows, const int32_t[::1] groups, int64_t[::1] places, const int32_t[::1] widths, uint64_t[::1] out):
    """Move rows to the places of their groups: ``places`` and ``widths`` by group, in words of ``out``."""
    cdef Py_ssize_t row, word, group, at
    with nogil:
        for row in range(groups.shape[0]):
            group = groups[row]
            at = places[group]
            for word in range(widths[group]):
                out[at + word] = rows[row, word]
            places[group] = at + widths[group]
