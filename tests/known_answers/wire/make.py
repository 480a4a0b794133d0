def make(out):
    for name, text, expect in (
        ("zero", "0", "ok"),
        ("one", "1", "ok"),
        ("fifteen-digits", "9" * 15, "ok"),
        ("sixteen-digits", "1" + "0" * 15, "parse"),
        ("leading-zero", "01", "parse"),
        ("two-zeros", "00", "parse"),
        ("plus", "+1", "parse"),
        ("minus", "-1", "parse"),
        ("underscore", "1_0", "parse"),
        ("inner-space", "1 0", "parse"),
        ("empty", "", "parse"),
        ("line-end", "1\n", "parse"),
        ("non-ascii-digit", "\uff11", "parse"),
        ("twenty-digits", "9" * 20, "parse"),
    ):
        out.add(
            f"wire/decimal-{name}",
            expect,
            "decimal",
            text=text,
            high=10**15 - 1,
            **({"value": int(text)} if expect == "ok" else {}),
        )
    for name, text, expect in (
        ("lower", "00ff", "ok"),
        ("upper", "00FF", "parse"),
        ("odd", "00f", "parse"),
        ("long", "00ff00", "parse"),
        ("prefix", "0x00", "parse"),
        ("non-ascii", "0\u0661ff", "parse"),
    ):
        out.add(
            f"wire/hex-{name}",
            expect,
            "hex",
            text=text,
            size=2,
            **({"value": bytes.fromhex(text)} if expect == "ok" else {}),
        )
    for name, text, expect in (
        ("one-byte", "AA==", "ok"),
        ("not-canonical", "AB==", "parse"),
        ("unpadded", "AA", "parse"),
        ("half-padded", "AA=", "parse"),
        ("url-alphabet", "-_==", "parse"),
        ("line-end", "AA==\n", "parse"),
        ("space", "A A==", "parse"),
        ("non-ascii", "A\u0041\u0301==", "parse"),
    ):
        out.add(
            f"wire/base64-{name}", expect, "base64", text=text, size=1, **({"value": b"\0"} if expect == "ok" else {})
        )
    for name, text, expect in (
        ("ordinary", "2016-09-01", "ok"),
        ("leap", "2016-02-29", "ok"),
        ("leap-of-no-year", "2015-02-29", "parse"),
        ("century-no-leap", "1900-02-29", "parse"),
        ("one-digit-month", "2016-9-01", "parse"),
        ("month-13", "2016-13-01", "parse"),
        ("compact", "20160901", "parse"),
        ("week", "2016-W01-1", "parse"),
        ("year-zero", "0000-01-01", "parse"),
        ("last", "9999-12-31", "ok"),
        ("non-ascii", "2016-09-0\u0661", "parse"),
    ):
        out.add(f"wire/day-{name}", expect, "day", text=text)
    for name, text, expect in (
        ("ordinary", "2016-09-01T00:00:00Z", "ok"),
        ("last-second", "2016-09-01T23:59:59Z", "ok"),
        ("leap-second", "2016-12-31T23:59:60Z", "parse"),
        ("hour-24", "2016-09-01T24:00:00Z", "parse"),
        ("offset", "2016-09-01T00:00:00+00:00", "parse"),
        ("fraction", "2016-09-01T00:00:00.0Z", "parse"),
        ("small-z", "2016-09-01T00:00:00z", "parse"),
        ("space", "2016-09-01 00:00:00Z", "parse"),
        ("year-999", "0999-01-01T00:00:00Z", "ok"),
    ):
        out.add(f"wire/time-{name}", expect, "time", text=text)
