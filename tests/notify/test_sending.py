"""Sending, against a real SMTP server with TLS and login, and a real HTTP server, each on this machine."""

import datetime as dt
import hmac
import json
import os
import socket
import ssl
import threading
import time
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from coffer.errors import Refused, Unavailable
from coffer.notify.address import Hook, Mailbox
from coffer.notify.deliver import deliver
from coffer.notify.message import Language, Message, News, Party
from coffer.notify.settings import Settings
from coffer.notify.smtp import MailServer, Tls, format_email, send_email
from coffer.notify.webhook import SIGNATURE, format_hook_body, send_hook

NOW = dt.datetime(2016, 9, 5, 12, 0, 0, tzinfo=dt.UTC)
SENDER = Mailbox(address="coffer@telco.example")
CLERK = Mailbox(address="clerk@telco.example")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for localhost: file of certificate and key, made with the library that the product has."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("certificate")
    (folder / "crt").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "crt", folder / "key"


def context_of(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context


class Taken:
    """What a mail server took."""

    def __init__(self, answer="250 OK"):
        self.mails, self.answer = [], answer

    async def handle_DATA(self, _server, _session, envelope):  # noqa: N802 - the library's name
        self.mails.append(envelope)
        return self.answer


def free_port():
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def mail_server(handler, certificate, *, tls, password=None):
    def authenticate(_server, _session, _envelope, _mechanism, data):
        right = isinstance(data, LoginPassword) and (data.login, data.password) == (
            b"coffer",
            (password or "").encode(),
        )
        return AuthResult(success=right, handled=False)

    options = {"authenticator": authenticate, "auth_required": True} if password else {}
    if tls is Tls.STARTTLS:
        options |= {"tls_context": context_of(certificate), "require_starttls": True}
    if tls is Tls.TLS:
        options |= {"ssl_context": context_of(certificate), "auth_require_tls": False}
    controller = Controller(handler, hostname="127.0.0.1", port=free_port(), **options)
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


def server_at(port, certificate, tls=Tls.STARTTLS, login=None, host="localhost"):
    return MailServer(host=host, port=port, tls=tls, sender=SENDER, login=login, ca_file=str(certificate[0]))


def mail(news=News.SIGNED, hours=6, to=CLERK, language=Language.ENGLISH):
    message = Message(news=news, hours=hours)
    return format_email(message, to, sender=SENDER, party=Party.DESK, language=language, now=NOW, entropy=os.urandom)


@pytest.mark.parametrize("tls", [Tls.STARTTLS, Tls.TLS, Tls.NONE])
def test_email_arrives(certificate, tls):
    taken = Taken()
    with mail_server(taken, certificate, tls=tls) as port:
        send_email(server_at(port, certificate, tls), mail())
    (envelope,) = taken.mails
    assert (envelope.mail_from, envelope.rcpt_tos) == (SENDER.address, [CLERK.address])
    text = envelope.content.decode()
    assert "A request is signed and can be opened, due in 6 h." in text
    assert "Auto-Submitted: auto-generated" in text


def test_french_email_arrives_readable(certificate):
    from email import message_from_bytes
    from email.policy import default

    taken = Taken()
    with mail_server(taken, certificate, tls=Tls.STARTTLS) as port:
        send_email(server_at(port, certificate), mail(language=Language.FRENCH))
    read = message_from_bytes(taken.mails[0].content, policy=default)
    assert "Une demande est signée" in read.get_content()
    assert read["Subject"] == "Coffer, bureau des demandes : une action attend"


def test_login_is_given_and_a_wrong_one_is_refused(certificate):
    taken = Taken()
    with mail_server(taken, certificate, tls=Tls.STARTTLS, password="right") as port:
        send_email(server_at(port, certificate, login=("coffer", "right")), mail())
        with pytest.raises(Unavailable, match="refuses the login") as caught:
            send_email(server_at(port, certificate, login=("coffer", "wrong")), mail())
    assert len(taken.mails) == 1
    assert "wrong" not in str(caught.value)


def test_nothing_is_sent_to_a_server_with_another_certificate(certificate):
    taken = Taken()
    with mail_server(taken, certificate, tls=Tls.STARTTLS) as port:
        other = MailServer(host="localhost", port=port, tls=Tls.STARTTLS, sender=SENDER)  # the system's certificates
        with pytest.raises(Unavailable, match="certificate or TLS"):
            send_email(other, mail())
        with pytest.raises(Unavailable, match="certificate or TLS"):
            send_email(server_at(port, certificate, host="127.0.0.1"), mail())
        send_email(server_at(port, certificate), mail())
    assert len(taken.mails) == 1


def test_nothing_is_sent_where_tls_was_stripped(certificate):
    taken = Taken()
    with mail_server(taken, certificate, tls=Tls.NONE) as port:
        with pytest.raises(Unavailable, match="SMTPNotSupportedError"):
            send_email(server_at(port, certificate, Tls.STARTTLS), mail())
        assert taken.mails == []
        send_email(server_at(port, certificate, Tls.NONE), mail())
    assert len(taken.mails) == 1


def test_error_repeats_neither_address_nor_the_servers_words(certificate):
    taken = Taken(answer="550 clerk@telco.example is unknown")
    with (
        mail_server(taken, certificate, tls=Tls.NONE) as port,
        pytest.raises(Unavailable, match="answers 550") as caught,
    ):
        send_email(server_at(port, certificate, Tls.NONE), mail())
    assert "clerk@" not in str(caught.value)
    assert caught.value.__cause__ is None


@contextmanager
def dripping(banner):
    """A server that sends a byte now and then, for ever."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        stop = threading.Event()

        def serve():
            connection, _ = listener.accept()
            with closing(connection):
                for byte in iter(lambda: banner, None):
                    if stop.wait(0.1):
                        return
                    try:
                        connection.sendall(byte)
                    except OSError:
                        return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        stop.set()
        thread.join()


def test_dripping_mail_server_holds_nobody_longer_than_the_deadline(certificate):
    with dripping(b"2") as port:
        began = time.monotonic()
        with pytest.raises(Unavailable, match="no answer in time"):
            send_email(server_at(port, certificate, Tls.NONE), mail(), deadline_s=0.6)
        assert time.monotonic() - began < 3


def test_mail_server_that_is_down_is_unavailable(certificate):
    with pytest.raises(Unavailable, match="ConnectionRefusedError"):
        send_email(server_at(free_port(), certificate), mail())


def test_custodians_machine_tells_its_people_with_no_store(certificate):
    taken = Taken()
    message = Message(news=News.REQUEST_WAITS, hours=6)
    how = {"party": Party.CUSTODIAN, "language": Language.ENGLISH, "now": NOW, "entropy": os.urandom}
    with mail_server(taken, certificate, tls=Tls.STARTTLS) as port, receiver() as server:
        hook = hook_to(server)
        settings = Settings(mail=server_at(port, certificate), hook_hosts=(hook.host,))
        deliver(message, CLERK, settings, **how)
        deliver(message, hook, settings, **how)
        with pytest.raises(Unavailable, match="no mail server"):
            deliver(message, CLERK, Settings(), **how)
        with pytest.raises(Refused, match="not allowed here"):
            deliver(message, hook, Settings(), **how)
    assert "A request is waiting; it is due in 6 h." in taken.mails[0].content.decode()
    assert json.loads(server.taken[0][2])["party"] == "custodian"
    assert (len(taken.mails), len(server.taken)) == (1, 1)


# ---- webhooks


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.taken.append((self.path, dict(self.headers), body))
        self.send_response(self.server.status)
        if self.server.status in (301, 307):
            self.send_header("location", self.server.elsewhere)
        self.send_header("content-length", "0")
        self.end_headers()

    do_GET = do_POST  # noqa: N815

    def log_message(self, *_):
        pass


@contextmanager
def receiver(status=204, elsewhere="", context=None):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.taken, server.status, server.elsewhere = [], status, elsewhere
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


SECRET = bytes(range(32))


def hook_to(server, scheme="http", host="127.0.0.1"):
    return Hook(url=f"{scheme}://{host}:{server.server_address[1]}/notify", secret=SECRET)


def body():
    return format_hook_body(Message(news=News.LATE, hours=2), party=Party.DESK, now=NOW, entropy=os.urandom)


def test_webhook_gets_a_signed_body():
    with receiver() as server:
        hook, sent = hook_to(server), body()
        send_hook(hook, sent, allowed=[hook.host])
    ((path, headers, raw),) = server.taken
    assert (path, raw, json.loads(raw)["news"]) == ("/notify", sent, "late")
    assert {name.lower(): value for name, value in headers.items()}[SIGNATURE.lower()] == (
        "sha256=" + hmac.digest(SECRET, raw, "sha256").hex()
    )


def test_webhook_over_tls(certificate):
    with receiver(context=context_of(certificate)) as server:
        hook = hook_to(server, "https", "localhost")
        send_hook(hook, body(), allowed=[hook.host], ca_file=str(certificate[0]))
        with pytest.raises(Unavailable, match="ConnectError"):
            send_hook(hook, body(), allowed=[hook.host])
    assert len(server.taken) == 1


@pytest.mark.parametrize("status", [301, 307])
def test_redirect_is_not_followed(status):
    with receiver() as other, receiver(status, f"http://127.0.0.1:{other.server_address[1]}/notify") as server:
        hook = hook_to(server)
        with pytest.raises(Unavailable, match=f"answers {status}"):
            send_hook(hook, body(), allowed=[hook.host, hook_to(other).host])
        assert len(server.taken) == 1
        assert other.taken == []


def test_host_that_the_operator_does_not_allow_is_not_spoken_to():
    with receiver() as server:
        hook = hook_to(server)
        for allowed in ([], ["hook.example"], ["127.0.0.1"]):
            with pytest.raises(Refused, match="not allowed here"):
                send_hook(hook, body(), allowed=allowed)
        assert server.taken == []
        send_hook(hook, body(), allowed=[hook.host])
    assert len(server.taken) == 1


def test_proxy_of_the_environment_is_not_used(monkeypatch):
    with receiver() as proxy, receiver() as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.server_address[1]}")
        hook = hook_to(server)
        send_hook(hook, body(), allowed=[hook.host])
    assert (len(server.taken), proxy.taken) == (1, [])


@pytest.mark.parametrize("status", [400, 500])
def test_refusing_webhook_is_unavailable_and_its_url_is_not_said(status):
    with receiver(status) as server:
        hook = hook_to(server)
        with pytest.raises(Unavailable, match=f"answers {status}") as caught:
            send_hook(hook, body(), allowed=[hook.host])
    assert "notify" not in str(caught.value)


def test_dripping_webhook_holds_nobody_longer_than_the_deadline():
    with dripping(b"H") as port:
        hook = Hook(url=f"http://127.0.0.1:{port}/", secret=SECRET)
        began = time.monotonic()
        with pytest.raises(Unavailable, match="no answer in time"):
            send_hook(hook, body(), allowed=[hook.host], deadline_s=0.6)
        assert time.monotonic() - began < 3
