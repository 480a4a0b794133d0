"""The invented vault, its parties and their keys, each from a seed of its name."""

import reference as ref

ORIGIN = "vector.example/vault"
NAMES = ("judge", "dpo", "regulator")
TIME = "2016-09-05T12:00:00Z"


def later(minutes, seconds=0):
    """A time that is so much later than ``TIME``."""
    hours, minutes = divmod(minutes, 60)
    return f"2016-09-05T{12 + hours:02d}:{minutes:02d}:{seconds:02d}Z"


def seeded(name):
    return ref.h(b"vector seed " + name.encode())


def key(name):
    return ref.Key(name, seeded(name))


LOG, INGESTER, DESK = key(ORIGIN), key("ingester"), key("desk")
AUTH = {name: key(f"{name}/auth") for name in (*NAMES, "cnctr")}
RESP = {name: key(f"{name}/resp") for name in (*NAMES, "cnctr")}
