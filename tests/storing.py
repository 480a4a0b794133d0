"""An S3 server on loopback (moto's), which counts requests and fails when a test says so.

with Bucket.serve() as bucket:
    bucket.fail("PUT", "a.rows", Fault.ERROR, times=2)
    store = bucket.objects(puts=None)
"""

import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from functools import cache

import pytest

import coffer.objects.store as store_module
from coffer.objects.address import StoreAddress
from coffer.objects.store import StoreObjects


class Fault(Enum):
    ERROR = "500 before anything is done"
    LOST = "done, and the answer is lost"
    SLOW = "a slow answer"
    CUT = "half of the answer"


@dataclass
class Bucket:
    """A bucket of the server, which forgets none while the tests run. ``asked``: how often which method was asked for which key, since ``forget``."""

    url: str
    name: str = field(default_factory=lambda: f"bucket-{os.urandom(6).hex()}")
    asked: Counter[tuple[str, str]] = field(default_factory=Counter)
    faults: list[list[object]] = field(default_factory=list)
    _alone: threading.Lock = field(default_factory=threading.Lock)

    @property
    def address(self) -> StoreAddress:
        return StoreAddress(scheme="s3", root=f"{self.name}/vault")

    def objects(self, puts, *, pauses: list[float] | None = None) -> StoreObjects:
        return StoreObjects(self.address, puts, os.urandom, pause=(pauses if pauses is not None else []).append)

    def fail(self, method: str, key: str, fault: Fault, *, times: int = 1) -> None:
        """The next requests of this method for keys with this ending fail."""
        self.faults.append([method, key, fault, times])

    def forget(self) -> None:
        self.asked.clear()
        self.faults.clear()

    def requests(self) -> int:
        return self.asked.total()

    def _fault(self, method: str, path: str) -> Fault | None:
        with self._alone:
            self.asked[method, path] += 1
            for one in self.faults:
                if one[0] == method and path.endswith(str(one[1])) and int(str(one[3])) > 0:
                    one[3] = int(str(one[3])) - 1
                    return Fault(one[2])
        return None

    def middleware(self, served):
        def serve(environ, start_response):
            fault = self._fault(environ["REQUEST_METHOD"], environ["PATH_INFO"].removeprefix(f"/{self.name}/vault/"))
            if fault is Fault.ERROR:
                environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
                return failed(start_response)
            if fault is Fault.LOST:
                list(served(environ, lambda *_: None))
                return failed(start_response)
            if fault is Fault.CUT:
                return cut(served, environ, start_response)
            if fault is Fault.SLOW:
                time.sleep(0.3)
            return served(environ, start_response)

        return serve

    @contextmanager
    def one_client(self) -> Iterator[None]:
        """Within this, all stores ask by one client, because making one takes as long as many requests."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(store_module, "_filesystem", cache(store_module._filesystem))
            yield

    @classmethod
    def make(cls, url: str) -> "Bucket":
        """A bucket of a server that another process runs, by which the environment finds it."""
        bucket = cls(url=url)
        bucket.objects(None)._files.mkdir(bucket.name)
        return bucket

    @classmethod
    @contextmanager
    def serve(cls) -> Iterator["Bucket"]:
        from moto.server import DomainDispatcherApplication, create_backend_app
        from werkzeug.serving import WSGIRequestHandler, make_server

        class Quiet(WSGIRequestHandler):
            protocol_version = "HTTP/1.1"

            def log(self, *_):
                pass

        names = ("AWS_ENDPOINT_URL_S3", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION")
        before = {name: os.environ.get(name) for name in names}
        bucket = cls(url="")
        app = bucket.middleware(DomainDispatcherApplication(create_backend_app))
        server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
        bucket.url = f"http://127.0.0.1:{server.port}"
        os.environ |= dict(zip(names, (bucket.url, "TESTING", "SECRET-OF-TESTS", "us-east-1"), strict=True))
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            bucket.objects(None)._files.mkdir(bucket.name)
            bucket.forget()
            yield bucket
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)


def cut(served, environ, start_response):
    """Half of the answer, and then the connection is closed."""

    def closing(status, headers, *rest):
        return start_response(status, [*headers, ("Connection", "close")], *rest)

    return [b"".join(served(environ, closing))[:10]]


def failed(start_response):
    """An answer of a store that has a fault. It repeats what must never be shown."""
    text = b"<Error><Code>InternalError</Code><Message>SECRET-OF-TESTS http://x/?X-Amz-Signature=1</Message></Error>"
    start_response(
        "500 Internal Server Error", [("Content-Type", "application/xml"), ("Content-Length", str(len(text)))]
    )
    return [text]
