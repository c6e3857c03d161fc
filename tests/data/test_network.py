"""What can fail between here and a publisher has words of its own, and leaves nothing behind."""

import gc
import itertools
import socket
import ssl
import threading
from pathlib import Path

import pytest

from lrlab.data import download
from lrlab.data.dataset import DataError
from lrlab.data.loading import load
from lrlab.data.sources import SOURCES
from tests.support.files import everything_below
from tests.support.offline import CLOSED
from tests.support.small_images import FASHION_FILES

VICTIM = "t10k-images-idx3-ubyte.gz"  # the third of four: two good files come before it
BODY = FASHION_FILES[VICTIM]
LOGIN = b"\n<!DOCTYPE html><title>Welcome to this hotel</title>"


def fails(cache, match, name="fashion_mnist"):
    """Load, and expect one clear error and an empty cache."""
    with pytest.raises(DataError, match=match) as caught:
        load(name)
    assert everything_below(cache) == []
    message = str(caught.value)
    assert f"put {name}.npz with the arrays x_train" in message
    assert "set LRLAB_DATA" in message
    assert "ake room" not in message
    return message


# What the server answers.


@pytest.mark.parametrize(
    ("route", "reason"),
    [
        ((403, b"no", {}), "the server answered 403 Forbidden"),
        ((404, b"gone", {}), "the server answered 404 Not Found"),
        ((407, b"", {}), "the proxy .* wants a login"),
        ((429, b"", {}), "the server answered 429 Too Many Requests. Try again later"),
        ((503, b"oops", {}), "the server answered 503 Service Unavailable"),
        (
            (200, BODY[:99], {"Content-Length": len(BODY)}),
            "the transfer broke off before its end",
        ),
        (
            (200, b"", {"Content-Length": len(BODY)}),
            "the transfer broke off before its end",
        ),
        (
            (200, b"not gzip", {"Content-Encoding": "gzip"}),
            "the transfer broke off before its end",
        ),
        ((200, BODY[:99], {}), "the hash of what came differs from the published"),
        ((200, BODY[::-1], {}), "the hash of what came differs from the published"),
        ((200, BODY + b"\0", {}), f"more came than the published {len(BODY):,} bytes"),
        ((200, LOGIN, {}), r"a web page came in its place .*login"),
        ((302, b"", {"Location": "login"}), r"a web page came in its place .*login"),
        ((302, b"", {"Location": VICTIM}), "sends on to other addresses without"),
        (
            (302, b"", {"Location": "ftp://127.0.0.1/x"}),
            "sends on to, is malformed",
        ),
        ((302, b"", {"Location": "http://[x"}), "sends on to, is malformed"),
    ],
    ids=[
        "forbidden",
        "gone",
        "a proxy's login",
        "too often",
        "server error",
        "truncated",
        "nothing",
        "damaged encoding",
        "short",
        "wrong content",
        "long",
        "a login in its place",
        "sent to a login",
        "in circles",
        "to another protocol",
        "to no address",
    ],
)
def test_bad_answer(server, use, cache, capfd, route, reason):
    use()
    server.routes |= {VICTIM: route, "login": (200, LOGIN, {})}
    message = fails(cache, reason)
    assert f"cannot download {server.url}{VICTIM}: " in message
    assert "up to limit=8_000 and test_limit=2_000 need no download" in message
    assert list(dict.fromkeys(server.hits))[:3] == list(FASHION_FILES)[:3]
    assert capfd.readouterr() == ("", "")
    gc.collect()  # a connection left open would warn now, which pytest makes an error

    # Nothing is left that would spoil the next attempt.
    use()
    assert load("fashion_mnist").source == "download"


@pytest.mark.parametrize(
    ("status", "reason"), [(200, "more came than the published"), (302, "a web page came in its")]
)
def test_a_body_without_end_is_given_up_at_once(server, use, cache, status, reason):
    use()
    endless = itertools.repeat(bytes(2**16))
    server.routes |= {VICTIM: (status, endless, {"Location": "login"}), "login": (200, LOGIN, {})}
    fails(cache, reason)
    assert server.sent < 16e6, "what the buffers of two sockets hold, and not much more"


def test_a_silent_server(monkeypatch, server, use, cache):
    server.gate = threading.Event()
    monkeypatch.setattr(download, "TIMEOUT", 0.05)
    use()
    try:
        fails(cache, "the server cannot be reached or stopped answering")
    finally:
        server.gate.set()


def test_nobody_there(use, cache):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        use(url=f"http://127.0.0.1:{probe.getsockname()[1]}/")
        fails(cache, "the server cannot be reached")


def test_a_name_that_nobody_knows(monkeypatch, use, cache):
    def getaddrinfo(*arguments, **more):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setenv("no_proxy", "*")
    fails(cache, r"the server cannot be reached .*is there a network\?")


# Proxies, and certificates.


@pytest.fixture
def proxy():
    """A function that starts a proxy, which answers each request as it is told to."""
    servers = []

    def start(answer):
        server = socket.create_server(("127.0.0.1", 0))
        servers.append(server)

        def serve():
            while True:
                try:
                    client, _ = server.accept()
                except OSError:  # closed: the test is over
                    return
                with client:
                    request = b""
                    while b"\r\n\r\n" not in request:
                        request += client.recv(2**16)
                    answer(client)

        threading.Thread(target=serve, daemon=True).start()
        return f"http://127.0.0.1:{server.getsockname()[1]}"

    yield start
    for server in servers:
        server.shutdown(socket.SHUT_RDWR)
        server.close()


def refuses(status):
    return lambda client: client.sendall(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())


def inspects(client):
    """Answer in the place of the server, with a certificate that nobody has heard of."""
    client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(Path(__file__).parents[1] / "support" / "inspector.pem")
    with pytest.raises(OSError, match=r"alert|EOF|reset"):
        context.wrap_socket(client, server_side=True)


@pytest.mark.parametrize("name", ["cifar10", "fashion_mnist"])  # over TLS, and not
@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("407 Proxy Authentication Required", "the proxy that .* names wants a login .*PASSWORD"),
        ("403 Forbidden", "cannot be reached or refuses|the server answered 403 Forbidden"),
    ],
)
def test_a_proxy_that_refuses(monkeypatch, proxy, cache, name, status, reason):
    protocol = SOURCES[name].base_url.split(":")[0]
    monkeypatch.setenv(f"{protocol}_proxy", proxy(refuses(status)))
    fails(cache, reason, name)


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        (CLOSED, "the proxy that .* names cannot be reached"),
        ("http://:8080", "the proxy that .* names, or .* malformed"),
        ("http://", "the proxy that .* names, or .* malformed"),
        ("http://[::1", "the proxy that .* names, or .* malformed"),
        ("http://ada:s3cret@127.0.0.1:99999", "the proxy that .* malformed"),
        (f"http://{'a' * 70}:8", "the proxy that .* malformed"),
        ("gopher://127.0.0.1:9", "the proxy that .* or of a kind that is not"),
        ("socks5://127.0.0.1:9", "the proxy that .* SOCKS .* needs the package"),
    ],
)
def test_a_proxy_that_is_none(monkeypatch, cache, address, reason):
    monkeypatch.setenv("https_proxy", address)
    message = fails(cache, reason, "cifar10")
    assert "s3cret" not in message


def test_inspected_traffic(monkeypatch, proxy, cache):
    monkeypatch.setenv("https_proxy", proxy(inspects))
    fails(cache, "certificate is not trusted; REQUESTS_CA_BUNDLE has", "cifar10")


def test_certificates_that_are_not_there(monkeypatch, proxy, cache, tmp_path):
    monkeypatch.setenv("https_proxy", proxy(inspects))
    bundle = tmp_path / "ca.pem"
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    fails(cache, f"invalid path: {bundle}; REQUESTS_CA_BUNDLE has to name", "cifar10")
    bundle.write_text("no certificate")
    fails(cache, "certificate is not trusted; REQUESTS_CA_BUNDLE has", "cifar10")
