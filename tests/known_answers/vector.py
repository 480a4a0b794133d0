"""A vector as read, and the register of the readers that check one. The form is told in the package."""

import json

import coffer_audit.errors
from coffer.errors import MalformedInput, NotProven

LAYERS = {
    "ok": (),
    "parse": (MalformedInput, coffer_audit.errors.MalformedInput),
    "verify": (NotProven, coffer_audit.errors.NotProven),
    "state": (),
}
RUNNERS = {}


class Vector:
    """One file; every key must be read by its runner, and none beyond."""

    def __init__(self, raw):
        head, separator, body = raw.partition(b"\n\n")
        lines = [
            line.partition(": ")
            for line in (head if separator else head.removesuffix(b"\n")).decode("ascii").split("\n")
        ]
        assert [line for line, colon, _ in lines if not colon] == [], "a line without a key"
        assert [key for key, _, _ in lines[:2]] == ["expect", "test"], "line 1 is expect, line 2 is test"
        self.expect, self.test = lines[0][2], lines[1][2]
        self.body = body if separator else None
        self.fields = {}
        for key, _, value in lines[2:]:
            self.fields.setdefault(key, []).append(value)
        assert self.expect in LAYERS, f"unknown layer {self.expect}"
        assert self.test in RUNNERS, f"unknown test {self.test}"

    def many(self, key, read=lambda value: b"" if value == "-" else bytes.fromhex(value)):
        return [read(value) for value in self.fields.get(key, [])]

    def _one(self, key):
        (value,) = self.fields[key]
        return value

    def bytes(self, key):
        return self.many(key)[0]

    def int(self, key):
        return int(self._one(key))

    def text(self, key):
        return json.loads(self._one(key))

    def word(self, key):
        return self._one(key)

    def __contains__(self, key):
        return key in self.fields

    def is_refused(self, action):
        """True if ``action`` was refused by the layer that the vector names; False if it is one that must work, after doing it.

        The family of the error is compared and not its words: the product and the auditor word the same refusal differently.
        """
        if self.expect == "ok":
            action()
            return False
        try:
            action()
        except LAYERS[self.expect]:
            return True
        raise AssertionError(f"expected a refusal by the layer {self.expect}, found none")


def runner(test, keys, *, found="", body=False):
    """Register a runner. ``keys`` are always there, ``found`` only where expect is ok; a ``?`` marks what may be missing."""

    def register(function):
        RUNNERS[test] = (function, keys.split(), found.split(), body)
        return function

    return register


def verify_keys(vector):
    _, keys, found, body = RUNNERS[vector.test]
    asked = [*keys, *(found if vector.expect == "ok" else [])]
    unknown = set(vector.fields) - {key.removesuffix("?") for key in asked}
    missing = {key for key in asked if not key.endswith("?")} - set(vector.fields)
    assert not unknown, f"unknown keys {unknown}"
    assert not missing, f"missing keys {missing}"
    assert (vector.body is not None) == body, "a body missing or too much"


def load(path):
    vector = Vector(path.read_bytes())
    verify_keys(vector)
    return vector
