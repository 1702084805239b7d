"""Certificates in files and as presented: put in place, come into force, run out; and what could not be looked at."""

import ssl
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from mcp_server.core.calls import Certificate, HttpAnswer
from mcp_server.core.change import Window
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.settings import ReadSettings
from mcp_server.diagnostics.network.http_check import TLS_EXPIRED
from mcp_server.engine.places import Local
from mcp_server.engine.ranking import rank
from mcp_server.engine.ranking_data import symptom_of
from mcp_server.engine.session import Session
from tests.certificates import der, issue, jks
from tests.changes.world import World, collect, spots

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@pytest.fixture
def past(world: World) -> Window:
    """A window that ends before the test's own files were made, so that only their set times lie in it."""
    return Window(since=world.moment - 24 * HOUR, until=world.moment - HOUR)


def test_a_configured_certificate_that_ran_out_in_the_window(session: Session, world: World, past: Window) -> None:
    end = (world.moment - 3 * HOUR).replace(microsecond=0)
    pem, key = issue("shop.example.org", world.moment - 90 * DAY, end)
    world.file("/opt/tls/shop.pem", key + pem, world.moment - 90 * DAY)
    world.file("/etc/nginx/sites-enabled/shop", "server {\n  listen 443 ssl;\n  ssl_certificate /opt/tls/shop.pem;\n}\n")
    (change,), coverage = collect(session, world, "certificates", past)
    assert (change.kind, change.at, change.component) == ("expire", end, "/opt/tls/shop.pem")
    assert {"path:/opt/tls/shop.pem", "word:shop.example.org"} <= set(change.clues)
    assert "no configuration" not in change.summary.text
    assert not coverage.blind
    assert "PRIVATE" not in change.model_dump_json()
    kept = [
        session.ledger.blob(entry.body["sha256"]) for entry in session.ledger.entries(kind="evidence") if "sha256" in entry.body
    ]
    assert kept
    assert not any(b"PRIVATE KEY" in blob for blob in kept), "the key is in no evidence either"


@pytest.mark.parametrize(
    ("config", "text", "path"),
    [
        ("/etc/haproxy/haproxy.cfg", "global\n crt-base /etc/haproxy/tls\nfrontend x\n bind *:443 ssl crt x.pem alpn h2\n",
         "/etc/haproxy/tls/x.pem"),
        ("/etc/postgresql/15/main/postgresql.conf", "data_directory = '/var/lib/pg'\nssl_cert_file = 'server.crt'\n",
         "/var/lib/pg/server.crt"),
        ("/etc/nginx/nginx.conf", "http { server {\n ssl_certificate\ttls/x.pem; } }", "/etc/nginx/tls/x.pem"),
        ("/etc/apache2/mods-enabled/s.conf", "SSLCertificateFile \"/opt/x.pem\"\n", "/opt/x.pem"),
    ],
)  # fmt: skip
def test_each_server_names_its_certificate_in_its_own_way(
    session: Session, world: World, past: Window, config: str, text: str, path: str
) -> None:
    world.file(config, text)
    world.file(path, issue("x", world.moment - 90 * DAY, world.moment - 2 * HOUR)[0], world.moment - 90 * DAY)
    changes, coverage = collect(session, world, "certificates", past)
    assert [(item.kind, item.component) for item in changes] == [("expire", path)]
    assert not coverage.blind


def test_haproxy_lists_and_folders_of_certificates(session: Session, world: World, past: Window) -> None:
    world.file(
        "/etc/haproxy/haproxy.cfg", "frontend x\n bind *:443 ssl crt-list /etc/haproxy/crt.list\n bind *:444 ssl crt /opt/tls\n"
    )
    world.file("/etc/haproxy/crt.list", "# comment\n/opt/a.pem [alpn h2] a.example\nb.pem\n")
    for path in ("/opt/a.pem", "/etc/haproxy/b.pem", "/opt/tls/c.pem"):
        world.file(path, issue("x", world.moment - 90 * DAY, world.moment - 2 * HOUR)[0], world.moment - 90 * DAY)
    changes, coverage = collect(session, world, "certificates", past)
    assert {item.component for item in changes} == {"/opt/a.pem", "/etc/haproxy/b.pem", "/opt/tls/c.pem"}
    assert not any("no configuration" in item.summary.text for item in changes)
    assert not coverage.blind
    (world.root / "etc/haproxy/crt.list").unlink()
    assert "certificates named in /etc/haproxy/haproxy.cfg (missing" in spots(collect(session, world, "certificates", past)[1])


def test_a_renewal_is_told_when_it_was_put_in_place_and_the_old_end_is_no_news(
    session: Session, world: World, past: Window
) -> None:
    old = issue("shop", world.moment - 90 * DAY, world.moment - 2 * HOUR)[0]
    new = issue("shop", world.moment - 30 * DAY, world.moment + 60 * DAY)[0]
    world.file("/etc/letsencrypt/live/shop/old.pem", old, world.moment - 90 * DAY)
    put = world.moment - 4 * HOUR
    world.file("/etc/letsencrypt/live/shop/cert.pem", new, put)
    (change,) = collect(session, world, "certificates", past)[0]
    assert (change.kind, change.component) == ("renew", "/etc/letsencrypt/live/shop/cert.pem")
    assert abs(change.at - put) < timedelta(seconds=1)


def test_one_that_came_into_force_and_one_that_had_just_run_out(session: Session, world: World, past: Window) -> None:
    begin = (world.moment - 5 * HOUR).replace(microsecond=0)
    world.file("/etc/ssl/a.pem", issue("a", begin)[0], world.moment - 9 * DAY)
    world.file("/etc/ssl/b.pem", issue("b", begin - 99 * DAY, past.since - 3 * DAY)[0], world.moment - 99 * DAY)
    world.file("/etc/ssl/c.pem", issue("c", begin - 99 * DAY, past.since - 30 * DAY)[0], world.moment - 99 * DAY)
    changes = {item.component: item for item in collect(session, world, "certificates", past)[0]}
    assert {path: item.kind for path, item in changes.items()} == {"/etc/ssl/a.pem": "issue", "/etc/ssl/b.pem": "expire"}
    assert changes["/etc/ssl/a.pem"].at == begin
    assert "no configuration that was read names it" in changes["/etc/ssl/b.pem"].summary.text


def test_nothing_and_nothing_there(session: Session, world: World, past: Window) -> None:
    changes, coverage = collect(session, world, "certificates", past)
    assert changes == []
    assert not coverage.blind
    assert "none lies in the usual" in coverage.empty[0]
    world.file("/etc/ssl/a.pem", issue("a", world.moment - 9 * DAY)[0], world.moment - 9 * DAY)
    changes, coverage = collect(session, world, "certificates", past)
    assert changes == []
    assert not coverage.empty
    assert not coverage.blind


def test_denied_damaged_and_unknown_names_are_blind_spots(session: Session, world: World, past: Window) -> None:
    world.file("/etc/ssl/bad.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    world.file("/etc/nginx/nginx.conf", "ssl_certificate /tls/$ssl_server_name.pem;\nssl_certificate /tls/gone.pem;")
    world.file("/srv/shop/app.conf", "")
    world.refuse["/etc/haproxy"] = CouldNotLook("/etc/haproxy", "denied", "permission denied", "run as root")
    world.refuse["/srv/shop"] = CouldNotLook("/srv/shop", "denied", "permission denied", "add group shop")
    changes, coverage = collect(session, world, "certificates", past, folders=("/srv/shop",))
    assert changes == []
    text = spots(coverage)
    for words in ("bad.pem (damaged: 1 certificate", "holds a variable", "below /etc/haproxy (denied", "add group shop"):
        assert words in text
    assert "certificates: a configuration names /tls/gone.pem, which is not there" in coverage.empty


def test_what_an_endpoint_presents(session: Session, world: World, past: Window) -> None:
    end = world.moment - 2 * HOUR
    presented = Certificate(
        subject="CN=shop", issuer="CN=ca", not_before=end - 90 * DAY, not_after=end, names=("shop.example.org",),
        verified=False, problem="expired",
    )  # fmt: skip
    world.answers["http"] = HttpAnswer(status=200, took_ms=1, certificate=presented)
    (change,), coverage = collect(session, world, "certificates", past, urls=("https://shop.example.org:8443/",))
    assert (change.kind, change.component) == ("expire", "https://shop.example.org:8443/")
    assert change.clues == ("word:shop.example.org",)
    assert not coverage.blind
    world.answers["http"] = CouldNotLook("x", "unreachable", "nothing listens there")
    _, coverage = collect(session, world, "certificates", past, urls=("https://shop.example.org/", "http://plain/"))
    assert "certificate presented by https://shop.example.org/ (unreachable" in spots(coverage)
    assert "plain" not in spots(coverage)


@pytest.fixture
def endpoint(tmp_path: Path, world: World) -> Iterator[str]:
    """A real TLS server whose certificate ran out two hours ago."""
    pem, key = issue("localhost", world.moment - 9 * DAY, world.moment - 2 * HOUR)
    (tmp_path / "both.pem").write_bytes(pem + key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "both.pem")

    class Quiet(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        server.handle_error = lambda *_: None  # type: ignore[method-assign, assignment]  # the client that distrusts hangs up
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"https://localhost:{server.server_address[1]}/"
        server.shutdown()
        thread.join()


def test_a_real_endpoint(session: Session, past: Window, endpoint: str) -> None:
    place: Any = Local(ReadSettings())
    changes, _ = collect(session, place, "certificates", past, urls=(endpoint,))
    assert [item.kind for item in changes if item.component == endpoint] == ["expire"]


def test_the_end_of_a_certificate_explains_the_finding_about_it(session: Session, world: World, past: Window) -> None:
    end = (world.moment - 3 * HOUR).replace(microsecond=0)
    url = "https://shop.example.org/"
    presented = Certificate(
        subject="CN=shop", issuer="CN=ca", not_before=end - 90 * DAY, not_after=end, names=("shop.example.org",),
        verified=False, problem="certificate has expired",
    )  # fmt: skip
    world.answers["http"] = HttpAnswer(status=200, took_ms=1, certificate=presented)
    (change,) = collect(session, world, "certificates", past, urls=(url,))[0]
    finding = TLS_EXPIRED.found("E9", component=url, clues=("port:443", "word:shop.example.org"), at=end, url=url, end="then")
    herring = change.model_copy(
        update={
            "source": "git", "kind": "commit", "classes": ("code",), "component": "/srv/shop",
            "clues": ("path:/srv/shop/a.py",), "words": ("x",), "at": end - timedelta(minutes=2),
        }
    )  # fmt: skip
    ranking = rank([herring, change], end + timedelta(minutes=1), symptoms=[symptom_of(finding)])
    assert ranking.named == "1"


# --- keystores --------------------------------------------------------------------------------------------------------

STORES = {
    "/etc/tomcat10/server.xml": '<!-- <Certificate certificateKeystoreFile="/opt/example.jks" /> -->\n'
    '<Connector><Certificate certificateKeystoreFile="/opt/k.jks" certificateKeystorePassword="x1234567"/></Connector>\n',
    "/etc/kafka/server.properties": "#ssl.keystore.location=/opt/example.jks\nssl.keystore.location=/opt/k.jks\n",
    "/srv/shop/application.properties": "server.ssl.key-store=file:/opt/k.jks\nserver.ssl.key-store-password=x1234567\n",
    "/srv/shop/jvm.conf": 'JAVA_OPTS="-Xmx1g -Djavax.net.ssl.keyStore=/opt/k.jks -Djavax.net.ssl.keyStorePassword=x1234567"\n',
}


@pytest.mark.parametrize("config", STORES)
def test_a_configured_java_keystore_whose_certificate_ran_out(
    session: Session, world: World, past: Window, config: str
) -> None:
    end = (world.moment - 3 * HOUR).replace(microsecond=0)
    world.file("/opt/k.jks", jks(("shop", [der(issue("shop", end - 90 * DAY, end)[0])])), world.moment - 90 * DAY)
    world.file("/srv/shop/README", "")
    world.file(config, STORES[config])
    (change,), coverage = collect(session, world, "certificates", past, folders=("/srv/shop",))
    assert (change.kind, change.at, change.component) == ("expire", end, "/opt/k.jks")
    assert "no configuration" not in change.summary.text
    assert not coverage.blind


def test_a_keystore_that_needs_a_password_is_a_blind_spot_wherever_it_is_found(
    session: Session, world: World, past: Window
) -> None:
    locked = bytes.fromhex("3082020002010330820100") + bytes(512)
    world.file("/opt/k.p12", locked)
    world.file("/etc/ssl/other.pfx", locked)
    world.file("/etc/kafka/server.properties", "ssl.keystore.location=/opt/k.p12\nssl.truststore.location=gone.jks\n")
    changes, coverage = collect(session, world, "certificates", past)
    assert changes == []
    assert not coverage.empty or "none lies" in coverage.empty[0]
    text = spots(coverage)
    assert "certificates of /opt/k.p12 (locked: a PKCS#12 keystore; its certificates need a password, and none is tried" in text
    assert "keytool -list -v -keystore /etc/ssl/other.pfx" in text
    assert "keystore in /etc/kafka/server.properties (where it lies is not told there" in text


def test_a_damaged_keystore_keeps_what_was_read_and_a_denied_one_is_told(session: Session, world: World, past: Window) -> None:
    end = world.moment - 3 * HOUR
    whole = jks(("a", der(issue("a", end - 90 * DAY, end)[0])), ("b", der(issue("b", end - 90 * DAY, end)[0])))
    world.file("/etc/ssl/k.jks", whole[:-100], world.moment - 90 * DAY)
    changes, coverage = collect(session, world, "certificates", past)
    assert len(changes) == 1
    assert "k.jks (damaged: the keystore breaks off or is broken in entry 2 of 2" in spots(coverage)
    world.file("/etc/kafka/server.properties", "ssl.keystore.location=/opt/k.jks\n")
    world.refuse["/opt/k.jks"] = CouldNotLook("/opt/k.jks", "denied", "permission denied", "run as root")
    assert "certificates of /opt/k.jks (denied" in spots(collect(session, world, "certificates", past)[1])
