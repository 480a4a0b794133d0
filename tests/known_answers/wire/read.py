import coffer_audit.notes
import coffer_audit.segments
import coffer_audit.wire
from coffer import wire
from known_answers.vector import runner


@runner("decimal", "text high", found="value")
def run_decimal(vector, _):
    text, high = vector.text("text"), vector.int("high")
    if not vector.is_refused(lambda: wire.parse_decimal(text, "x", high=high)):
        assert wire.parse_decimal(text, "x", high=high) == vector.int("value")
    if not vector.is_refused(lambda: coffer_audit.wire.parse_decimal(text, "x", high=high)):
        assert coffer_audit.wire.parse_decimal(text, "x", high=high) == vector.int("value")


@runner("hex", "text size", found="value")
def run_hex(vector, _):
    text, size = vector.text("text"), vector.int("size")
    if not vector.is_refused(lambda: wire.parse_hex(text, "x", size=size)):
        assert wire.parse_hex(text, "x", size=size) == vector.bytes("value")
    vector.is_refused(lambda: coffer_audit.wire.parse_hex(text, size, "x"))


@runner("base64", "text size", found="value")
def run_base64(vector, _):
    text, size = vector.text("text"), vector.int("size")
    for parse in (
        lambda: wire.parse_base64(text, "x", size=size),
        lambda: coffer_audit.wire.parse_base64(text, size, "x"),
    ):
        if not vector.is_refused(parse):
            assert parse() == vector.bytes("value")


@runner("day", "text")
def run_day(vector, _):
    text = vector.text("text")
    for parse in (wire.parse_day, coffer_audit.wire.parse_day):
        if not vector.is_refused(lambda parse=parse: parse(text, "x")):
            assert str(parse(text, "x")) == text


@runner("time", "text")
def run_time(vector, _):
    text = vector.text("text")
    for parse in (wire.parse_time, coffer_audit.wire.parse_time):
        if not vector.is_refused(lambda parse=parse: parse(text, "x")):
            assert parse(text, "x").isoformat() == text.replace("Z", "+00:00")
            assert wire.format_time(parse(text, "x")) == text
