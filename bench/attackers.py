"""The attacks of strangers on custodians' services, on 127.0.0.1 only.

    python bench/attackers.py PLAN.json

``abuse.py`` starts it as a process of its own at the lowest priority, so that its own cost does not look like an effect
on the services. Each attack is a thread that takes step after step until the input is closed. Some attacks come from
one address, some from many of 127.0.0.0/8. At the end it prints counts of its steps as JSON.
"""

import argparse
import contextlib
import json
import os
import random
import socket
import ssl
import struct
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from coffer.custody.exchange import format_frame, note_info, request_info
from coffer.notes.keys import seal

ONE_ADDRESS = "127.77.0.1"
HELD_S = 25.0


class Attackers:
    """All attacks, each in a thread.

    ``plan``: for each service its port, its custodian's public req key and index, and the roster's hash; and a tile's
    path.
    """

    def __init__(self, plan: dict) -> None:
        self.ports = [service["port"] for service in plan["services"]]
        self.tile = plan["tile"]
        self.stopping = threading.Event()
        self.pausing = threading.Event()
        self.done: Counter[str] = Counter()
        self.context = ssl._create_unverified_context()
        self.rng = random.Random(plan["seed"])
        self.large = {service["port"]: self._sealed(service, 8 * 2**20 - 200_000) for service in plan["services"]}
        self.small = {service["port"]: self._sealed(service, 900) for service in plan["services"]}
        self.notes = {service["port"]: self._sealed(service, 900, note_info) for service in plan["services"]}
        header = struct.pack(">I", 5)
        self.headers = format_frame(b"".join(header + b"\0" + struct.pack(">I", n) for n in range(220_000)))
        self.held: list[tuple[float, socket.socket]] = []

    @staticmethod
    def _sealed(service: dict, size: int, info: Callable[[bytes, int], bytes] = request_info) -> bytes:
        context = info(bytes.fromhex(service["roster"]), service["index"])
        return format_frame(seal(os.urandom(size), bytes.fromhex(service["req"]), info=context))

    def address(self) -> str:
        if self.rng.random() < 0.3:
            return ONE_ADDRESS
        return f"127.{self.rng.randrange(1, 255)}.{self.rng.randrange(256)}.{self.rng.randrange(1, 255)}"

    def connect(self, *, receive: int = 0, seconds: float = 8.0) -> socket.socket:
        raw = socket.socket()
        if receive:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
        raw.settimeout(seconds)
        try:
            raw.bind((self.address(), 0))
            self.port = self.rng.choice(self.ports)
            raw.connect(("127.0.0.1", self.port))
        except OSError:
            raw.close()
            raise
        return raw

    def tls(self, **how: float) -> ssl.SSLSocket:
        raw = self.connect(**how)  # type: ignore[arg-type]
        try:
            return self.context.wrap_socket(raw)
        except OSError:
            raw.close()
            raise

    def hold(self, connection: socket.socket) -> None:
        self.held.append((time.monotonic() + HELD_S, connection))
        while self.held and self.held[0][0] < time.monotonic() or len(self.held) > 900:
            self.held.pop(0)[1].close()

    # The attacks. Each method is one step.

    def half_open_tls(self) -> None:
        self.hold(self.connect())

    def slow_read(self) -> None:
        connection = self.tls(receive=4096)
        connection.sendall(f"GET {self.tile} HTTP/1.1\r\nhost: x\r\n\r\n".encode() * 20)
        self.hold(connection)

    def slow_headers(self) -> None:
        connection = self.tls()
        connection.sendall(b"POST /v1/answer HTTP/1.1\r\nhost: x\r\nx-slow: ")
        self.hold(connection)

    def slow_body(self) -> None:
        connection = self.tls()
        connection.sendall(b"POST /v1/answer HTTP/1.1\r\nhost: x\r\ncontent-length: 8388608\r\n\r\nx")
        self.hold(connection)

    def ask(self, raw: bytes) -> None:
        connection = self.tls()
        try:
            connection.sendall(raw)
            connection.recv(200)
        finally:
            connection.close()

    def upgrade(self) -> None:
        self.ask(b"GET /health HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n" * 20)

    def no_http(self) -> None:
        self.ask(os.urandom(200))

    def post(self, path: str, frames: dict[int, bytes] | bytes) -> None:
        connection = self.tls()
        try:
            body = frames if isinstance(frames, bytes) else frames[connection.getpeername()[1]]
            head = f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode() + body)
            connection.recv(200)
        finally:
            connection.close()

    def junk_large(self) -> None:
        self.post("/v1/answer", self.large)

    def junk_small(self) -> None:
        self.post("/v1/answer", self.small)

    def junk_notes(self) -> None:
        self.post("/v1/notes", self.notes)

    def junk_headers(self) -> None:
        self.post("/v1/headers", self.headers)

    def tiles(self) -> None:
        self.ask(f"GET {self.tile} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())

    def entries(self) -> None:
        self.ask(b"GET /v1/entries HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")

    def keep_on(self, name: str, pause_s: float) -> None:
        step = getattr(self, name)
        while not self.stopping.wait(pause_s):
            if self.pausing.is_set():
                continue
            try:
                step()
            except OSError:
                self.done[f"{name} turned away"] += 1
            else:
                self.done[name] += 1


PAUSES_S = {
    "half_open_tls": 0.01,
    "slow_read": 0.05,
    "slow_headers": 0.1,
    "slow_body": 0.1,
    "upgrade": 0.02,
    "no_http": 0.02,
    "junk_large": 0.1,
    "junk_small": 0.01,
    "junk_notes": 0.02,
    "junk_headers": 0.2,
    "tiles": 0.02,
    "entries": 0.02,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("plan", type=Path, metavar="PLAN.json")
    plan = parser.parse_args().plan
    os.nice(19)
    attackers = Attackers(json.loads(plan.read_text()))
    threads = [threading.Thread(target=attackers.keep_on, args=pair, daemon=True) for pair in PAUSES_S.items()]
    for thread in threads:
        thread.start()
    for line in sys.stdin:  # the parent ends this by closing its input, or by dying
        (attackers.pausing.set if line == "pause\n" else attackers.pausing.clear)()
        if line == "pause\n":
            while attackers.held:
                attackers.held.pop()[1].close()
    attackers.stopping.set()
    for thread in threads:
        thread.join(10)
    with contextlib.suppress(BrokenPipeError):  # the parent no longer listens
        print(json.dumps(attackers.done), flush=True)


if __name__ == "__main__":
    main()
