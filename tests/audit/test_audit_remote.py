"""Logs that are audited at the address where they are served, and servers that lie, stall or never end."""

import contextlib
import datetime as dt
import json
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from forging import RECORDS, Desk, SecondHistory

from coffer.custodian.machine.tls import fingerprint_of, make_certificate
from coffer_audit.cli import main as audit
from coffer_audit.errors import MalformedInput, Unavailable
from coffer_audit.log.remote import Limits, fetch_log, list_tiles, parse_address
from coffer_audit.log.tiles import parse_tile
from elsewhere import Elsewhere
from world import World

ALL = ("judge", "dpo", "regulator")


class Server(ThreadingHTTPServer):
    """Serves a log's folder over HTTP/1.1; `answers` maps a path to (status, headers, body) or to a function of the handler."""

    def __init__(self, folder):
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder, self.answers, self.asked, self.connections = folder, {}, [], 0

    def get_request(self):
        self.connections += 1
        return super().get_request()

    def handle_error(self, request, client_address):
        """An attacker's server is hung up on: that is what is tested."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 20

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.server.asked.append(self.path)
        answer = self.server.answers.get(self.path)
        if callable(answer):
            self.close_connection = True
            answer(self)
            return
        path = self.server.folder / self.path.removeprefix("/")
        status, headers, body = answer or ((200, {}, path.read_bytes()) if path.is_file() else (404, {}, b"none"))
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@contextlib.contextmanager
def served(folder, context=None):
    with Server(folder) as server:
        server.scheme = "https" if context else "http"
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        server.url = f"{server.scheme}://127.0.0.1:{server.server_address[1]}"
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(20)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = World.make(tmp_path_factory.mktemp("world"))
    made.epoch("2016-09-01", "2016-09-03")
    made.ingest(RECORDS)
    made.write_answer(made.open(made.authorize(by=ALL)))
    return made


@pytest.fixture
def log(world, tmp_path):
    """A copy of the log, to be spoiled."""
    return Path(shutil.copytree(world.vault.path / "log", tmp_path / "log"))


@pytest.fixture
def server(log):
    with served(log) as running:
        yield running


def pins(world):
    return ["--log-key", world.vault.pins.log_key.format(), "--genesis", world.vault.pins.genesis.hex()]


def said(capsys, code, *words):
    """Run the auditor and give what it printed: stdout and stderr."""
    capsys.readouterr()
    assert audit([str(word) for word in words]) == code
    return capsys.readouterr()


def test_served_log_gives_the_same_report_as_its_folder(world, server, capsys):
    for command in (["vault"], ["transparency", "--from", "2016-09-01", "--to", "2016-12-31"]):
        remote = said(capsys, 0, command[0], server.url, *command[1:], *pins(world)).out
        assert remote == said(capsys, 0, command[0], server.folder, *command[1:], *pins(world)).out
        assert remote.endswith("\nclean\n")


def test_served_log_gives_the_same_proof_of_an_entry_as_its_folder(world, server, tmp_path, capsys):
    for name, place in (("served", server.url), ("folder", server.folder)):
        said(capsys, 0, "entry", "3", place, "-o", tmp_path / name, *pins(world))
    assert (tmp_path / "served").read_bytes() == (tmp_path / "folder").read_bytes()


def test_only_the_checkpoint_and_tiles_are_asked_for_over_one_connection(world, server, capsys):
    said(capsys, 0, "vault", server.url + "/", *pins(world))
    assert server.asked[0] == "/checkpoint"
    assert {bool(parse_tile(path.removeprefix("/tile/"))) for path in server.asked[1:]} == {True}
    assert server.connections == 1


def test_a_served_vault_is_audited_at_its_address(world, tmp_path, capsys):
    words = [sys.executable, "-m", "coffer.cli.main", "serve", str(world.vault.path), "--window", "127.0.0.1:0"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            url = process.stdout.readline().strip()
            assert "\nclean\n" in said(capsys, 0, "vault", url, *pins(world)).out
            said(capsys, 0, "fetch", url, tmp_path / "copy", *pins(world)[:2])
        finally:
            process.kill()
    assert said(capsys, 0, "vault", tmp_path / "copy", *pins(world)).out.endswith("\nclean\n")


def test_custodians_copy_is_audited_under_its_fingerprint_and_under_no_other(tmp_path, capsys):
    world = Elsewhere.make_elsewhere(tmp_path)
    with world.serving("judge") as judge:
        own = fingerprint_of((judge.folder / "tls.crt").read_bytes(), "tls.crt")
        words = ["vault", f"{judge.url}/log", *pins(world), "--fingerprint"]
        assert said(capsys, 0, *words, own).out.endswith("\nclean\n")
        assert "found a certificate with fingerprint" in said(capsys, 3, *words, "00" * 32).err


@pytest.fixture
def secure(log, tmp_path):
    certificate, key = make_certificate("judge", dt.datetime.now(dt.UTC))
    (tmp_path / "tls.crt").write_bytes(certificate)
    (tmp_path / "tls.key").write_bytes(key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "tls.crt", tmp_path / "tls.key")
    with served(log, context) as running:
        running.fingerprint = fingerprint_of(certificate, "tls.crt")
        yield running


def test_wrong_certificate_is_sent_nothing(world, secure, capsys):
    err = said(capsys, 3, "vault", secure.url, *pins(world), "--fingerprint", "ab" * 32).err
    assert f"found a certificate with fingerprint {secure.fingerprint}, expected {'ab' * 32}" in err
    assert "hint: nothing was sent" in err
    assert secure.asked == []
    colons = ":".join(secure.fingerprint[i : i + 2] for i in range(0, 64, 2)).upper()
    for twin in (secure.fingerprint, colons):
        assert said(capsys, 0, "vault", secure.url, *pins(world), "--fingerprint", twin).out.endswith("\nclean\n")


def test_certificate_that_no_authority_vouches_for_is_sent_nothing(world, secure, tmp_path, capsys, monkeypatch):
    err = said(capsys, 3, "vault", secure.url, *pins(world)).err
    assert "expected one that an authority of this system vouches for" in err
    assert "hint: if it is the custodian's own, give --fingerprint HEX" in err
    assert secure.asked == []
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "tls.crt"))  # vouched for now, but for the name judge
    assert "certificate" in said(capsys, 3, "vault", secure.url, *pins(world)).err
    assert secure.asked == []


def test_fingerprint_without_https_is_refused(server, world, capsys):
    words = ["--fingerprint", "ab" * 32]
    error = "--fingerprint: found an address with http, expected https"
    assert error in said(capsys, 2, "vault", server.url, *pins(world), *words).err
    assert "found no --vault" in said(capsys, 2, "answer", world.path / "answer", *words).err
    assert "found a folder" in said(capsys, 2, "vault", server.folder, *pins(world), *words).err
    assert server.asked == []


def test_another_log_in_its_place_is_refused_before_its_tiles_are_fetched(world, server, tmp_path, capsys):
    (tmp_path / "other").mkdir()
    other = World.make(tmp_path / "other")
    said(capsys, 0, "vault", server.url, *pins(world))
    server.folder, server.asked = other.vault.path / "log", []
    err = said(capsys, 3, "vault", server.url, *pins(world)).err
    assert "checkpoint: found no signature of the log's key, expected one" in err
    assert "hint: the server shows another log, or --log-key is another log's" in err
    assert server.asked == ["/checkpoint"]
    assert not (tmp_path / "copy").exists()
    said(capsys, 3, "fetch", server.url, tmp_path / "copy", *pins(world)[:2])
    assert not (tmp_path / "copy").exists()


def test_entries_of_one_history_under_the_checkpoint_of_another_are_found(world, tmp_path, capsys):
    again = Path(shutil.copytree(world.path, tmp_path / "again"))
    forked = world.reopen_at(again)
    second = SecondHistory(forked)
    Desk(forked, forked.authorize(by=ALL)).intent()
    ours = forked.vault.path / "log"
    second.show()
    forked = forked.reopen()
    Desk(forked, forked.authorize(by=ALL, purpose="Another")).intent()
    with served(ours) as server:
        assert said(capsys, 0, "vault", server.url, *pins(world)).out.endswith("\nclean\n")
        shutil.copyfile(second.copy / "checkpoint", ours / "checkpoint")
        out = said(capsys, 3, "vault", server.url, *pins(world)).out
    assert "violation: ROOT: checkpoint: found another root" in out


def test_fork_is_found_by_the_answer_of_the_other_history(world, tmp_path, capsys):
    ours, other = (world.reopen_at(Path(shutil.copytree(world.path, tmp_path / name))) for name in ("ours", "other"))
    folder = ours.write_answer(ours.open(ours.authorize(by=ALL)), "second")
    other.open(other.authorize(by=ALL))
    with served(ours.vault.path / "log") as twin, served(other.vault.path / "log") as server:
        words = ["answer", folder, *pins(world), "--vault"]
        assert "12 complete against the vault's log: OK" in said(capsys, 0, *words, twin.url).out
        assert "found another log than the vault's" in said(capsys, 3, *words, server.url).out.replace("\n  ", " ")


def endless(handler):
    handler.send_response(200)
    handler.end_headers()
    with contextlib.suppress(OSError):
        while True:
            handler.wfile.write(b"x" * 65_536)


def dripping(handler):
    """A byte now and then, of headers that never end."""
    with contextlib.suppress(OSError):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            handler.wfile.write(b"a: b\r")
            time.sleep(0.05)
            handler.wfile.write(b"\n")


def silent(handler):
    handler.server.is_over.wait(20)


TILE = "/tile/0/000.p/14"
BUNDLE = "/tile/entries/000.p/14"


@pytest.mark.parametrize("path", ["/checkpoint", TILE, BUNDLE])
def test_endless_bytes_are_cut_off(world, server, path, capsys):
    assert Path(f"{server.folder}{TILE}").is_file()
    said(capsys, 0, "vault", server.url, *pins(world))
    server.answers[path] = endless
    assert f"{path}: found over " in said(capsys, 2, "vault", server.url, *pins(world)).err


def fetch(world, server, folder, **limits):
    return fetch_log(parse_address(server.url, None), folder, None, Limits(**limits))


def test_headers_that_never_end_are_cut_off(world, server, tmp_path):
    assert fetch(world, server, tmp_path / "twin", whole_s=20.0).files == 3
    server.answers[TILE] = dripping
    begin = time.monotonic()
    with pytest.raises(Unavailable, match=r"found no end after 0\.5 s, expected all files"):
        fetch(world, server, tmp_path / "a", whole_s=0.5)
    assert time.monotonic() - begin < 10


def test_headers_that_never_end_over_tls_are_cut_off(secure, tmp_path):
    address = parse_address(secure.url, secure.fingerprint)
    assert fetch_log(address, tmp_path / "twin", None).files == 3
    secure.answers[TILE] = dripping
    with pytest.raises(Unavailable, match=r"found no end after 0\.5 s, expected all files"):
        fetch_log(address, tmp_path / "a", None, Limits(whole_s=0.5))


def test_handshake_that_never_ends_is_left(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = parse_address(f"https://127.0.0.1:{listener.getsockname()[1]}", "ab" * 32)
        with pytest.raises(Unavailable, match=r"found nothing for 0\.2 s, expected an answer"):
            fetch_log(address, tmp_path / "a", None, Limits(silence_s=0.2))


def test_server_that_says_nothing_is_left(world, server, tmp_path):
    server.is_over, server.answers[TILE] = threading.Event(), silent
    with pytest.raises(Unavailable, match=r"tile/0/000\.p/14: found nothing for 0\.2 s, expected an answer"):
        fetch(world, server, tmp_path / "a", silence_s=0.2)
    server.is_over.set()
    del server.answers[TILE]
    assert fetch(world, server, tmp_path / "twin", silence_s=20.0).files == 3


def test_more_bytes_or_entries_than_an_audit_can_hold_are_refused(world, server, tmp_path):
    size = fetch(world, server, tmp_path / "twin").size_bytes
    assert fetch(world, server, tmp_path / "exact", total_bytes=size, entries=14).size_bytes == size
    with pytest.raises(Unavailable, match=f"found over {size - 1} B in all"):
        fetch(world, server, tmp_path / "a", total_bytes=size - 1)
    with pytest.raises(Unavailable, match="found a log of 14 entries, expected at most 13"):
        fetch(world, server, tmp_path / "b", entries=13)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirect_is_not_followed(world, server, status, tmp_path, capsys):
    with served(server.folder) as target:
        server.answers["/checkpoint"] = (status, {"Location": f"{target.url}/checkpoint"}, b"")
        err = said(capsys, 5, "vault", server.url, *pins(world)).err
        assert f"/checkpoint: found a redirect (status {status}), expected status 200" in err
        assert "hint: no redirect is followed: give the address of the log itself" in err
        assert target.asked == []
        said(capsys, 0, "vault", target.url, *pins(world))


def test_proxy_of_the_environment_is_not_used(world, server, monkeypatch, capsys):
    with served(server.folder) as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "https_proxy"):
            monkeypatch.setenv(name, proxy.url)
        said(capsys, 0, "vault", server.url, *pins(world))
        assert proxy.asked == []


def test_body_shorter_than_announced_is_refused(world, server, capsys):
    def short(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "100")
        handler.end_headers()
        handler.wfile.write(b"x" * 60)

    server.answers[TILE] = short
    assert f"{TILE}: found 40 B less than announced" in said(capsys, 5, "vault", server.url, *pins(world)).err


@pytest.mark.parametrize("reply", [b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200 + b"\r\n", b""])
def test_garbage_in_place_of_http_is_one_line(world, server, reply, capsys):
    server.answers["/checkpoint"] = lambda handler: handler.wfile.write(reply)
    err = said(capsys, 5, "vault", server.url, *pins(world)).err
    assert "/checkpoint: found no answer (" in err
    assert "Traceback" not in err


def test_tile_that_the_server_hides_is_found_missing(world, server, tmp_path, capsys):
    for path, code in ((TILE, "TILE"), (BUNDLE, "BUNDLE")):
        server.answers[path] = (404, {}, b"")
        out = said(capsys, 3, "vault", server.url, *pins(world)).out
        assert f"violation: {code}: {path.removeprefix('/tile/')}: found no file" in out
        err = said(capsys, 5, "fetch", server.url, tmp_path / "copy").err
        assert f"{path}: found none (status 404), expected it under a checkpoint of 14 entries" in err
        assert list(tmp_path.glob("*copy*")) + list(tmp_path.glob(".coffer*")) == []
        del server.answers[path]
    said(capsys, 0, "fetch", server.url, tmp_path / "copy")


def test_log_that_grows_meanwhile_is_taken_at_its_newest_size(world, tmp_path, capsys):
    old = world.vault.log.checkpoint()
    again = Path(shutil.copytree(world.path, tmp_path / "again"))
    grown = world.reopen_at(again)
    Desk(grown, grown.authorize(by=ALL)).intent()
    log = grown.vault.path / "log"
    for partial in [path for path in log.rglob("14") if path.parent.name.endswith(".p")]:
        partial.unlink()  # as a log may do once the full tile stands
    with served(log) as server:

        def show_the_old_one(handler):
            del server.answers["/checkpoint"]
            handler.send_response(200)
            handler.end_headers()
            handler.wfile.write(old)

        server.answers["/checkpoint"] = show_the_old_one
        out = said(capsys, 0, "vault", server.url, *pins(world)).out
    assert "\nsize: 15 entries\n" in out
    assert out.endswith("\nclean\n")


def test_kept_connection_that_the_server_closed_is_opened_again(world, server, capsys):
    def close(handler):  # it says nothing of closing
        raw = (server.folder / "checkpoint").read_bytes()
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(raw) + raw)

    server.answers["/checkpoint"] = close
    said(capsys, 0, "vault", server.url, *pins(world))
    assert server.connections == 2


@pytest.mark.parametrize(
    "address",
    [
        "ftp://a.example/log",
        "file:///etc/passwd",
        "http://",
        "http://user:secret@a.example/log",
        "http://a.example/log?x=secret",
        "http://a.example/log#secret",
        "http://a.example/lo g",
        "http://a.example/log\r\nX: secret",
        "http://a.example:99999/",
        "http://a.example:0/",
        "http://[::1/",
        "https://a\u00e9.example/",
    ],
)
def test_addresses_that_are_none_are_refused_and_not_repeated(world, address, capsys):
    err = said(capsys, 2, "vault", address, *pins(world)).err
    assert err.startswith("coffer-audit: address: found ")
    assert "secret" not in err


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("http://a.example", "http://a.example"),
        ("https://A.example:443/log/", "https://a.example/log"),
        ("https://[::1]:8443/log", "https://[::1]:8443/log"),
        ("http://127.0.0.1:80/~x/a-b_c.d", "http://127.0.0.1/~x/a-b_c.d"),
    ],
)
def test_address_comes_back(text, want):
    address = parse_address(text, None)
    assert address.format_text() == want
    assert parse_address(want, None) == address


def test_address_without_the_logs_key_asks_for_it_and_sends_nothing(world, server, capsys):
    err = said(capsys, 2, "vault", server.url).err
    assert "found no key of the log, expected --log-key" in err
    assert "hint: give --log-key VKEY and --genesis HEX" in err
    assert server.asked == []
    assert "clean, if the log's genesis is the right one:" in said(capsys, 0, "vault", server.url, *pins(world)[:2]).out


def test_wrong_address_says_what_to_look_at(world, server, capsys):
    err = said(capsys, 5, "vault", server.url + "/nowhere", *pins(world)).err
    assert "/nowhere/checkpoint: found none (status 404), expected one" in err
    assert "hint: is this the address of a log? A custodian serves it at https://HOST:PORT/log" in err
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        err = said(capsys, 5, "vault", f"http://127.0.0.1:{nobody.getsockname()[1]}", *pins(world)).err
    assert "found no answer (ConnectionRefusedError)" in err
    https = server.url.replace("http:", "https:")
    assert "found no TLS" in said(capsys, 5, "vault", https, *pins(world), "--fingerprint", "ab" * 32).err


def test_fetched_folder_is_audited_as_the_log_is(world, server, tmp_path, capsys):
    copy = tmp_path / "copy"
    out = said(capsys, 0, "fetch", server.url, copy, *pins(world)[:2]).out
    assert "fetched: 3 files, " in out
    assert "checkpoint: signed by the log's key" in out
    assert said(capsys, 0, "vault", copy, *pins(world)).out == said(capsys, 0, "vault", server.folder, *pins(world)).out
    newest = {"checkpoint", "tile/0/000.p/14", "tile/entries/000.p/14"}
    assert {str(p.relative_to(copy)) for p in copy.rglob("*") if p.is_file()} == newest
    assert {(server.folder / name).read_bytes() == (copy / name).read_bytes() for name in newest} == {True}
    report = json.loads(said(capsys, 0, "fetch", server.url, tmp_path / "b", "--json").out)
    assert (report["size"], report["signed"], report["files"]) == (14, False, 3)


def test_fetch_overwrites_nothing(world, server, tmp_path, capsys):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "empty").mkdir()
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    for name in ("file", "empty", "dangling"):
        err = said(capsys, 2, "fetch", server.url, tmp_path / name).err
        assert "found something there already, expected a new name" in err
        assert "hint: nothing is overwritten" in err
    assert "expected one to store the log in" in said(capsys, 5, "fetch", server.url, tmp_path / "no" / "new").err
    assert server.asked == []
    assert (tmp_path / "file").read_text() == "mine"
    assert list((tmp_path / "empty").iterdir()) == []
    assert not (tmp_path / "nowhere").exists()
    said(capsys, 0, "fetch", server.url, tmp_path / "new")


def test_vault_toml_of_somebody_else_beside_temporary_files_is_not_read(world, server, tmp_path, monkeypatch, capsys):
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "vault.toml").write_text("format = 'planted'")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "shared"))
    said(capsys, 0, "vault", server.url, *pins(world))
    assert [path.name for path in (tmp_path / "shared").iterdir()] == ["vault.toml"]


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 65_535, 65_536, 65_537])
def test_tiles_of_a_size_hold_every_node_once(size):
    tiles = list(list_tiles(size))
    for level in {level for level, _, _ in tiles}:
        nodes = size if level == "entries" else size >> 8 * int(level)
        widths = [(index, width) for found, index, width in tiles if found == level]
        assert sum(width for _, width in widths) == nodes
        assert [index for index, _ in widths] == list(range(len(widths)))
    assert len({level for level, _, _ in tiles}) == (0 if not size else 2 + (size >= 256) + (size >= 65_536))


def test_fingerprint_of_another_form_is_malformed():
    with pytest.raises(MalformedInput, match="--fingerprint"):
        parse_address("https://a.example", "ab")
