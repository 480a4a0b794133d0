"""The log over HTTP, where the extra ``web`` is installed."""

from coffer.extras import extra
from coffer.notes.keys import VerifyKey
from coffer.translog.port import LogReader

with extra("web"):
    from coffer.translog.store.http import HttpLog


def http_log(url: str, key: VerifyKey) -> LogReader:
    """A log at a web address."""
    return HttpLog(url, key=key)
