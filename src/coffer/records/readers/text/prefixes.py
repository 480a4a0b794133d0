"""What logging systems put around a line, taken off in one place. Pure.

These are journals, containers, RFC 5424, Solaris, and stamps of other shapes. Only lines that a reader's own pattern
does not take come here, so that a usual log pays nothing. Every line leaves as ``STAMP HOST PROGRAM[PID]: MESSAGE``,
or as it came. Source: RFC 5424 section 6, RFC 3164, ``systemd.journal-fields``, the kubelet's CRI format.
"""

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
SYSLOG: Final = rf"^(?:<[0-9]{{1,3}}>)?{ANY_STAMP} [^ ]+ [^ \[\]:]+(?:\[[0-9]+\])?: "
"""A syslog prefix in front of a line that has a stamp of its own."""
_PRI: Final = r"^<[0-9]{1,3}>"
_RFC_5424: Final = (
    rf"^(?:<[0-9]{{1,3}}>[0-9]{{1,2}} )?({_ISO}) ([^ ]+) ([^ ]+) (?:([0-9]+)|-) [^ ]+ "
    r'(?:-|(?:\[(?:[^\]"\\]|"(?:[^"\\]|\\.)*"|\\.)*\])+) +(.*)$'
)
_CONTAINER: Final = (
    rf"^(?:{ANY_STAMP} [^ ]+ (?:docker|dockerd|containerd|podman|conmon|kubelet|[0-9a-f]{{12}}|[0-9a-f]{{64}})(?:/[^ :\[]+)?(?:\[[0-9]+\])?: "
    rf"|[A-Za-z0-9_.-]+ +\| |{_ISO} (?:(?:stdout|stderr) [FP] )?)({ANY_STAMP} [^ ]+ [^ ]+: .*)$"
)
"""The log line of a container, behind what its runtime puts in front.

Only runtimes are named, because any other program may quote what strangers write.
"""
_SOLARIS: Final = rf"^({ANY_STAMP} [^ ]+ [^ ]+: )\[ID [0-9]+ [a-z0-9]+\.[a-z]+\] "
_FACILITY: Final = rf"^({ANY_STAMP}) (?:<[a-z0-9]+\.[a-z]+> ([^ ]+)|([^ ]+) [a-z0-9]+\.[a-z]+) ([^ ]+: )"
"""FreeBSD's ``<mail.info>`` in front of the host, BusyBox's ``mail.info`` behind it."""
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
    return text.str.contains(rf"^(?:<[0-9]{{1,3}}>|\{{|\[ID |{ANY_STAMP} )")


def unwrapped(text: pl.Series) -> pl.Series:
    """Each line without what was put around it."""
    is_json = text.str.starts_with("{")
    if is_json.any():
        text = text.zip_with(~is_json, _from_journal(text.set(~is_json, "{}")))
    text = text.str.replace(_RFC_5424, "${1} ${2} ${3}[${4}]: ${5}").str.replace("[]: ", ": ", literal=True)
    text = text.str.replace(_PRI, "")
    # A line may be wrapped twice, as a container's syslog in a journal that is sent on.
    for _ in range(2):
        text = text.str.replace(_CONTAINER, "${1}")
    text = text.str.replace(_SOLARIS, "${1}").str.replace(_FACILITY, "${1} ${2}${3} ${4}")
    text = text.str.replace(rf"^([0-9]{{4}} )?({_CLASSIC})\.[0-9]{{1,9}} ", "${1}${2} ")
    text = text.str.replace(r"^([A-Z][a-z]{2} [ 0-9][0-9]) ([0-9]{4}) ([0-9:]{8})(?:\.[0-9]{1,9})? ", "${2} ${1} ${3} ")
    return text.str.replace(
        r"^([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:[.,]([0-9]{1,6})[0-9]*)? ?(Z|[+-][0-9]{2}:?[0-9]{2})? ",
        "${1}T${2}.${3}${4} ",
    ).str.replace(r"^([0-9T:-]{19})\.(Z|[+-][0-9:]+)? ", "${1}${2} ")


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
