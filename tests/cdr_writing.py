"""Writes charging records by hand for the tests, from the tables of TS 32.298; it shares no code with the reader.

record("mo", imsi="262...", called=number("4930..."), seizure=stamp("261030080000"))
"""

TAGS = {
    "mo": (0, {"imsi": 1, "imei": 2, "msisdn": 3, "calling": 4, "called": 5, "entity": 9, "location": 12, "service": 14, "services": 17,
               "seizure": 22, "answer": 23, "release": 24, "duration": 25, "cause": 30, "reference": 32, "sequence": 33, "network": 38,
               "msc": 39, "camel": 40}),
    "mt": (1, {"imsi": 1, "imei": 2, "msisdn": 3, "calling": 4, "entity": 6, "location": 9, "service": 11, "seizure": 19, "answer": 20,
               "duration": 22, "cause": 27, "reference": 29, "sequence": 30, "network": 33, "msc": 34}),
    "roaming": (2, {"imsi": 1, "msisdn": 2, "calling": 3, "entity": 5, "seizure": 12, "answer": 13, "duration": 15, "cause": 17,
                    "reference": 19, "network": 22, "msc": 23}),
    "gateway": (3, {"calling": 1, "called": 2, "entity": 3, "seizure": 6, "answer": 7, "duration": 9, "cause": 11, "reference": 13}),
    "transit": (5, {"calling": 4, "called": 5, "entity": 1, "seizure": 7, "answer": 8, "duration": 10, "cause": 12, "reference": 14}),
    "mo_text": (6, {"imsi": 1, "imei": 2, "msisdn": 3, "centre": 5, "entity": 6, "location": 7, "reference": 8, "seizure": 9, "result": 10,
                    "called": 12}),
    "mt_text": (7, {"centre": 1, "imsi": 2, "imei": 3, "msisdn": 4, "entity": 6, "location": 7, "seizure": 8, "result": 9}),
    "update": (12, {"imsi": 1}),
    "forward": (100, {"imsi": 1, "msisdn": 3, "calling": 4, "called": 5, "entity": 9, "seizure": 22, "answer": 23, "duration": 25, "cause": 30,
                      "reference": 32, "network": 38, "msc": 39}),
}  # fmt: skip
CONSTRUCTED = {"location", "service", "services", "result"}


def tlv(tag, contents, *, constructed=False, indefinite=False):
    """A context-tagged element."""
    first = 0xA0 if constructed else 0x80
    high = bytes([0x80 | tag >> 7]) if tag > 127 else b""
    head = bytes([first | tag]) if tag < 31 else bytes([first | 31]) + high + bytes([tag & 127])
    if indefinite:
        return head + b"\x80" + contents + b"\0\0"
    size = len(contents)
    return head + (bytes([size]) if size < 128 else b"\x82" + size.to_bytes(2, "big")) + contents


def tbcd(digits):
    values = ["0123456789*#abc".index(digit) for digit in digits] + [15] * (len(digits) % 2)
    return bytes(low | high << 4 for low, high in zip(values[::2], values[1::2], strict=True))


def number(digits, ton=1, octet_3a=None):
    first = ton << 4 | 1
    return (bytes([0x80 | first]) if octet_3a is None else bytes([first, octet_3a])) + tbcd(digits)


def stamp(text, offset="+0000"):
    return bytes.fromhex(text) + offset[0].encode() + bytes.fromhex(offset[1:])


def location(area, cell, network=None):
    parts = tlv(0, area.to_bytes(2, "big")) + tlv(1, cell.to_bytes(2, "big"))
    return parts + (tlv(2, network) if network else b"")


def services(*codes):
    return b"".join(b"\x30\x03\x80\x01" + bytes([code]) for code in codes)


def record(choice, *, extra=b"", indefinite=False, **fields):
    """One ``CSRecord``: ``extra`` bytes stand behind the fields; ``indefinite`` lengths outside and in constructed fields."""
    outer, tags = TAGS[choice]
    body = tlv(0, bytes([outer]))
    for name, value in fields.items():
        raw = value
        if isinstance(value, int):
            raw = value.to_bytes(max(1, (value.bit_length() + 8) // 8), "big")
        if isinstance(value, str):
            raw = number(value) if name in ("msisdn", "entity", "msc", "calling", "called") else tbcd(value)
        is_open = indefinite and name in CONSTRUCTED
        body += tlv(tags[name], raw, constructed=name in CONSTRUCTED, indefinite=is_open)
    return tlv(outer, body + extra, constructed=True, indefinite=indefinite)


def framed(records, *, release=6, ts=6, form=1, count=None, lost=0, padding=b"", private=b""):
    """A TS 32.297 file; ``release`` is the code of three bits, 7 with an extension octet."""
    ext = b"\x08" if release == 7 else b""
    body = b"".join(
        len(one).to_bytes(2, "big") + bytes([release << 5 | 1, form << 5 | ts]) + ext + one for one in records
    )
    head = bytes([release << 5 | 1]) * 2 + bytes(8) + (len(records) if count is None else count).to_bytes(4, "big")
    head += (
        bytes(4)
        + b"\0"
        + b"\xff" * 4
        + bytes(16)
        + bytes([lost])
        + b"\0\0"
        + len(private).to_bytes(2, "big")
        + private
        + ext * 2
    )
    size = 8 + len(head)
    return (size + len(body) + len(padding)).to_bytes(4, "big") + size.to_bytes(4, "big") + head + body + padding


def wrapped(records, *, count=None, indefinite=False):
    """Huawei's ``CallEventDataFile``."""
    trailer = tlv(4, (len(records) if count is None else count).to_bytes(2, "big"))
    inner = (
        tlv(0, tlv(0, stamp("261030080000")), constructed=True)
        + tlv(1, b"".join(records), constructed=True, indefinite=indefinite)
        + tlv(2, trailer, constructed=True)
    )
    return b"\x30\x80" + inner + b"\0\0" if indefinite else b"\x30\x84" + len(inner).to_bytes(4, "big") + inner
