"""What logging systems put around a line, taken off in one place. Pure.

These are journals, containers, collectors, RFC 5424, Solaris, and stamps of other shapes. Only lines that a reader's
own pattern does not take come here, so that a usual log pays nothing. ``unwrapped`` is for logs whose lines have a
syslog's form: every line leaves as ``STAMP HOST PROGRAM[PID]: MESSAGE``, or as it came. ``carried`` is for lines of any
form: it gives what stands behind all that. Source: RFC 5424 section 6, RFC 3164, ``systemd.journal-fields``,
``journalctl --output``, the kubelet's CRI format, Docker's json-file.
"""

import re
from typing import Final

import polars as pl

_CLASSIC: Final = r"[A-Z][a-z]{2} [ 0-9][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2}"
_ISO: Final = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]{1,9})?(?:Z| ?[+-][0-9]{2}:?[0-9]{2})?"
)
_WITH_YEAR: Final = (
    r"[0-9]{4} [A-Z][a-z]{2} [ 0-9][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?"
    r"|[A-Z][a-z]{2} [ 0-9][0-9] [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?"
)
ANY_STAMP: Final = rf"(?:{_CLASSIC}(?:\.[0-9]{{1,9}})?|{_ISO}|{_WITH_YEAR})"
"""As logs write the time; ``unwrapped`` gives ``STAMP``."""
STAMP: Final = rf"(?:{_CLASSIC}|[0-9]{{4}} {_CLASSIC}|[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T[^ ]+)"
"""What ``unwrapped`` leaves: a classic stamp, with its year in front if the log has it, or one of RFC 3339, perhaps without a zone."""
IN_JSON: Final = rf"^(?:data: |\x1e|{_ISO}\t[^\t]*\t)?\{{"
"""An object of JSON alone, as server-sent event, in a sequence (RFC 7464), or behind the time and tag that Fluentd writes."""
_WEEKDAY: Final = rf"^[A-Z][a-z]{{2}} ({_ISO})(?:( UTC)| [A-Z][A-Za-z]{{1,4}}| [+-][0-9]{{2,4}})? "
"""``journalctl -o short-full``. Other names of zones than UTC mean nothing for certain: the feed's zone counts."""
_EPOCH: Final = r"^[0-9]{10}\.[0-9]{6} "
"""``journalctl -o short-unix``."""
_ASCTIME: Final = r"^[A-Z][a-z]{2} ([A-Z][a-z]{2} [ 0-9][0-9]) ([0-9]{2}:[0-9]{2}:[0-9]{2}) ([0-9]{4}) "
"""As ``asctime`` of the C library writes the time."""
_ONE_DIGIT: Final = r"^([0-9]{4} )?([A-Z][a-z]{2}) ([0-9] [0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?) "
"""A day of one digit without the second blank in front."""
_PRI: Final = r"^<[0-9]{1,3}>"
_RFC_5424: Final = (
    rf"^(?:(?:[0-9]{{1,5}} )?<[0-9]{{1,3}}>[0-9]{{1,2}} )?({_ISO}) ([^ ]+) ([^ ]+) (?:([0-9]+)|-) [^ ]+ "
    r'(?:-|(?:\[(?:[^\]"\\]|"(?:[^"\\]|\\.)*"|\\.)*\])+) +\ufeff?(.*)$'
)
_CONTAINER: Final = (
    rf"^(?:{ANY_STAMP} [^ ]+ (?:docker|dockerd|containerd|podman|conmon|kubelet|[0-9a-f]{{12}}|[0-9a-f]{{64}})(?:/[^ :\[]+)?(?:\[[0-9]+\])?: "
    rf"|[A-Za-z0-9_.-]+ +\| |\[pod/[^\] ]+\] |@4000[0-9a-f]{{20}} |{_ISO} (?:(?:stdout|stderr) [FP] )?)({ANY_STAMP} [^ ]+ [^ ]+: .*)$"
)
"""The log line of a container, behind what its runtime puts in front.

Only runtimes are named, because any other program may quote what strangers write.
"""
_SOLARIS: Final = rf"^({ANY_STAMP} [^ ]+ [^ ]+: )\[ID [0-9]+ [a-z0-9]+\.[a-z]+\] "
_FACILITY: Final = rf"^({ANY_STAMP}) (?:<[a-z0-9]+\.[a-z]+> ([^ ]+)|([^ ]+) [a-z0-9]+\.[a-z]+) ([^ ]+: )"
"""FreeBSD's ``<mail.info>`` in front of the host, BusyBox's ``mail.info`` behind it."""
_HOST: Final = r"[^ \"',;|]+"
_CARRIED: Final = (
    rf"^(?:{STAMP} {_HOST} (?P<syslog>[^ \[\]:\"',;|]+)(?:\[[0-9]+\])?: "
    r"|(?P<compose>[A-Za-z0-9_.-]+?)(?:[-_][0-9]+)? +\| "
    r"|(?P<pod>\[pod/[^\] ]+\] )"
    r"|(?P<runtime>@4000[0-9a-f]{20} |[0-9-]{10}T[0-9:]{8}(?:[.,][0-9]{1,9})?(?:Z|[+-][0-9:]{5,6}) (?:(?:stdout|stderr) F )?))"
    r"(?P<line>.*)$"
)
"""Who put something in front of a line, and the line. A syslog is asked first: its stamp could be that of a container."""
_COLOUR: Final = r"\x1b\[[0-9;]*m"
_LINE_KEYS: Final = ("log", "message", "line", "textPayload", "_raw", "result._raw")
"""Where runtimes and collectors keep the line as it was written: Docker, Fluent Bit, Filebeat, Loki, Google's logging, Splunk."""
_JOURNAL: Final = {
    "at": "__REALTIME_TIMESTAMP",
    "host": "_HOSTNAME",
    "program": "SYSLOG_IDENTIFIER",
    "pid": "SYSLOG_PID",
    "message": "MESSAGE",
}


def is_wrapped(text: pl.Series) -> pl.Series:
    """Whether a line begins like one that has more in front. Cheap, and not the real check.

    ``text`` may also be the message of another program's line.
    """
    return text.str.contains(
        rf"^(?:<[0-9]{{1,3}}>|\{{|\[ID |{ANY_STAMP} |[A-Z][a-z]{{2}} {_ISO}|[0-9]{{10}}\.[0-9]{{6}} )"
    )


def unwrapped(text: pl.Series) -> pl.Series:
    """Each line of a syslog without what was put around it."""
    text = _from_json(text)
    text = text.str.replace(_RFC_5424, "${1} ${2} ${3}[${4}]: ${5}").str.replace("[]: ", ": ", literal=True)
    text = text.str.replace(_PRI, "")
    # A line may be wrapped twice, as a container's syslog in a journal that is sent on.
    for _ in range(2):
        text = text.str.replace(_CONTAINER, "${1}")
    return _with_usual_stamp(text.str.replace(_SOLARIS, "${1}").str.replace(_FACILITY, "${1} ${2}${3} ${4}"))


def carried(text: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Who carried each line, and the line as it was written; both null where nothing stands in front.

    A syslog's carrier is named by the program, so that what another program quotes can be told from it.
    """
    is_json = text.str.contains(IN_JSON)
    inner = _from_json(text)
    is_inner = is_json & (inner != text)
    is_journal = text.str.contains(_JOURNAL["at"], literal=True)
    text = inner.str.replace(_RFC_5424, "${1} ${2} ${3}[${4}]: ${5}").str.replace("[]: ", ": ", literal=True)
    text = text.str.replace(_PRI, "").str.replace(_SOLARIS, "${1}").str.replace(_FACILITY, "${1} ${2}${3} ${4}")
    found = _with_usual_stamp(text.str.replace_all(_COLOUR, "")).str.extract_groups(_CARRIED).struct.unnest()
    # The object of a journal became a line of a syslog; that of a runtime is done with.
    is_done = is_inner & ~is_journal
    by = found.select(
        pl.coalesce(
            pl.lit("syslog ") + pl.col("syslog"),
            pl.lit("container ") + pl.col("compose"),
            pl.when(pl.col("pod").is_not_null() | pl.col("runtime").is_not_null()).then(pl.lit("container")),
        )
    ).to_series()
    done = pl.Series(["json"]).new_from_index(0, len(text))
    return done.zip_with(is_done, by), inner.zip_with(is_done, found["line"])


def plainly_carried(text: pl.Series, carrier: str) -> pl.Series:
    """What this carrier brought, of lines in the usual form of it; null for others.

    It is what ``carried`` gives for them, a dozen patterns earlier.
    """
    kind, _, name = carrier.partition(" ")
    if kind == "syslog":
        form = rf"^{ANY_STAMP} {_HOST} {re.escape(name)}(?:\[[0-9]+\])?: "
    elif kind == "container" and name:
        form = rf"^{re.escape(name)}(?:[-_][0-9]+)? +\| "
    else:
        return pl.Series([None], dtype=pl.String).new_from_index(0, len(text))
    bare = text.str.replace(form, "")
    return bare.set((bare == text) | bare.str.contains(r"^\[ID |\x1b\["), None)


def _with_usual_stamp(text: pl.Series) -> pl.Series:
    """Stamps of other shapes as ``STAMP``."""
    is_epoch = text.str.contains(_EPOCH)
    if is_epoch.any():
        text = text.zip_with(~is_epoch, _from_epoch(text.set(~is_epoch, "0000000000.000000 ")))
    text = text.str.replace(_WEEKDAY, "${1}${2} ").str.replace(rf"^({_ISO}) UTC ", "${1}Z ")
    text = text.str.replace(_ASCTIME, "${3} ${1} ${2} ").str.replace(_ONE_DIGIT, "${1}${2}  ${3} ")
    text = text.str.replace(rf"^([0-9]{{4}} )?({_CLASSIC})\.[0-9]{{1,9}} ", "${1}${2} ")
    text = text.str.replace(r"^([A-Z][a-z]{2} [ 0-9][0-9]) ([0-9]{4}) ([0-9:]{8})(?:\.[0-9]{1,9})? ", "${2} ${1} ${3} ")
    return text.str.replace(
        r"^([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:[.,]([0-9]{1,6})[0-9]*)? ?(Z|[+-][0-9]{2}:?[0-9]{2})? ",
        "${1}T${2}.${3}${4} ",
    ).str.replace(r"^([0-9T:-]{19})\.(Z|[+-][0-9:]+)? ", "${1}${2} ")


def _from_epoch(text: pl.Series) -> pl.Series:
    at = (text.str.head(17).cast(pl.Float64) * 1e6).round().cast(pl.Int64).cast(pl.Datetime("us"))
    return at.dt.strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00") + text.str.slice(17)


def _from_json(text: pl.Series) -> pl.Series:
    """Objects of JSON as the lines that they hold, others as they are."""
    is_json = text.str.contains(IN_JSON)
    if not is_json.any():
        return text
    at = is_json.arg_true()
    objects = text.gather(at).str.slice(text.gather(at).str.find("{", literal=True))
    lines = _from_journal(objects)
    for key in _LINE_KEYS:
        is_left = lines.str.starts_with("{")
        if is_left.any():
            found = objects.str.json_path_match(f"$.{key}").str.strip_chars_end("\r\n")
            lines = lines.zip_with(~is_left | found.is_null() | (found == ""), found)
    return text.clone().scatter(at, lines.str.replace_all("[\r\n]+", " "))


def _from_journal(text: pl.Series) -> pl.Series:
    """Lines of ``journalctl -o json`` as log lines.

    One that lacks a field, or whose message is no text, stays as it is.
    """
    parts = pl.DataFrame({own: text.str.json_path_match(f"$.{name}") for own, name in _JOURNAL.items()})
    is_bytes = parts["message"].str.contains(r"^\[[0-9]{1,3}(?:, ?[0-9]{1,3})*\]$").fill_null(value=False)
    if is_bytes.any():
        # A journal writes a message with bytes that are no UTF-8 as their numbers; there are few.
        numbers = parts["message"].filter(is_bytes).str.strip_chars("[]").str.split(",").to_list()
        raw = [bytes(min(int(number), 255) for number in line) for line in numbers]
        words = pl.Series([line.decode("utf-8", "replace").replace("\n", " ") for line in raw], dtype=pl.String)
        parts = parts.with_columns(message=parts["message"].scatter(is_bytes.arg_true(), words))
    at = pl.col("at").str.extract("^([0-9]{15,17})$").cast(pl.Int64).cast(pl.Datetime("us"))
    line = pl.concat_str(
        at.dt.strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00"),
        pl.lit(" "),
        pl.col("host"),
        pl.lit(" "),
        pl.col("program"),
        pl.when(pl.col("pid").str.contains("^[0-9]+$")).then(pl.format("[{}]", "pid")).otherwise(pl.lit("")),
        pl.lit(": "),
        pl.col("message"),
    )
    return parts.select(line=line).to_series().fill_null(text)
