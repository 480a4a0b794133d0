"""The log over HTTP, where the extra ``web`` is installed."""

from coffer.cli.console import missing_extra
from coffer.notes.keys import VerifyKey
from coffer.translog.port import LogReader

try:
    from coffer.translog.store.http import HttpLog
except ModuleNotFoundError as error:
    raise missing_extra(error) from None


def http_log(url: str, key: VerifyKey) -> LogReader:
    """A log at a web address."""
    return HttpLog(url, key=key)
