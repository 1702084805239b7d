"""Which certificates were issued, put in place, or ran out? In files that are usual or configured, and as presented."""

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from mcp_server.core.calls import Certificate, Http, ListFolder, ReadFile
from mcp_server.core.change import Change, Window
from mcp_server.core.clock import stamp
from mcp_server.core.declare import ChangeSource, Scope
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.outcome import Statement, Value
from mcp_server.core.reader import Reader
from mcp_server.core.state_calls import CERTIFICATE_PLACES, ReadCertificates, StoredCertificate

CHANGE_SOURCE = ChangeSource(question="Which certificates were issued, put in place, or ran out near that time?")

JUST_BEFORE = timedelta(days=7)
"""A certificate that ran out so shortly before the window still counts: connections that were open kept working."""
CONFIGURATIONS = (
    "/etc/nginx", "/etc/haproxy", "/etc/postgresql", "/etc/apache2", "/etc/httpd", "/etc/tomcat", "/etc/tomcat9",
    "/etc/tomcat10", "/etc/kafka",
)  # fmt: skip
READ_FILES, READ_BYTES, NAMED = 80, 262_144, 50
_CONFIGURED = (".conf", ".cfg", ".cnf", ".properties", "/server.xml")
_NAMES_ONE = re.compile(
    r"^\s*(?:(?:proxy_|grpc_|uwsgi_)?ssl_(?:certificate|client_certificate|trusted_certificate)|SSLCertificateFile"
    r"|SSLCertificateChainFile|SSLCACertificateFile|ssl_cert_file|ssl_ca_file)\s*[=\s]\s*['\"]?([^\s'\";]{1,1000})"
    r"|^\s*(?:bind|server|default-server)\s.{0,500}?\s(?:crt|ca-file)\s+(\S{1,1000})",
    re.M | re.I,
)
_STORES = re.compile(
    r"\b(?:certificateKeystoreFile|keystoreFile|truststoreFile)\s*=\s*[\"']([^\"'\n]{1,1000})[\"']"
    r"|^[^#!\n]{0,200}?\bssl\.(?:keystore\.location|truststore\.location|key-store|trust-store)\s*[=:]\s*(\S{1,1000})"
    r"|^[^#!\n]{0,2000}?-Djavax\.net\.ssl\.(?:keyStore|trustStore)=[\"']?([^\s\"']{1,1000})",
    re.M,
)
"""Keystores, as Tomcat, Kafka, Spring and Java's own options name them."""
_COMMENT = re.compile(r"<!--.*?-->", re.S)
_LISTS = re.compile(r"^\s*bind\s.{0,500}?\scrt-list\s+(\S{1,1000})", re.M)
_BASE = re.compile(r"^\s*(?:crt-base|data_directory)\s*[=\s]\s*['\"]?(/[^\s'\"]{1,1000})", re.M)


@dataclass(frozen=True)
class Kept:
    """A certificate of a file, and whether a configuration names that file."""

    certificate: StoredCertificate
    evidence: str
    configured: bool


def collect(reader: Reader, window: Window, scope: Scope) -> Iterator[Change]:
    """Certificates that came into force or into place, and those whose time ended, in the window or shortly before."""
    configured = _configured(reader, scope)
    kept = [
        item for path in (*configured, *CERTIFICATE_PLACES, *scope.folders) for item in _kept(reader, path, path in configured)
    ]
    unique = {(item.certificate.path, item.certificate.position): item for item in reversed(kept)}
    items = sorted(unique.values(), key=lambda item: (item.certificate.path, item.certificate.position))
    for item in items:
        yield from _of_file(item, items, window)
    for url in scope.urls:
        yield from _of_endpoint(reader, url, window)
    if not items:
        reader.empty("certificates: none lies in the usual, the named or the configured places")


def _configured(reader: Reader, scope: Scope) -> tuple[str, ...]:
    """Paths that configurations name as certificates; those that cannot be known are blind spots."""
    paths: dict[str, None] = {}
    readings = 0
    for folder in dict.fromkeys((*CONFIGURATIONS, *scope.folders)):
        with reader.part(f"certificates named by configuration below {folder}"):
            listed = _listed(reader, folder, 4 if folder in CONFIGURATIONS else 2)
            for path in listed:
                if readings >= READ_FILES:
                    reader.cut("certificates named by configuration", f"more than {READ_FILES} files: name smaller folders")
                    return tuple(paths)
                readings += 1
                with reader.part(f"certificates named in {path}"):
                    paths |= dict.fromkeys(_named(reader, path, folder))
    if len(paths) > NAMED:
        reader.cut(f"{len(paths) - NAMED} of {len(paths)} configured certificates", "name their folder with folders=…")
    return tuple(paths)[:NAMED]


def _listed(reader: Reader, folder: str, depth: int) -> list[str]:
    """Configuration files below a folder; one that is not here names no certificates."""
    try:
        seen = reader.look(ListFolder(path=folder, depth=depth, skip=("sites-available", "modules-available", ".git"))).value
    except CouldNotLook as failure:
        if failure.reason in ("missing", "damaged"):  # not installed, or a service's folder that is a file
            return []
        raise
    if seen.cut:
        reader.cut(f"configuration below {folder}: {seen.cut}", "name a folder further down with folders=…")
    for path in seen.unreadable[:5]:
        reader.blind(f"configuration below {path}", "denied: cannot be entered", "run as root")
    return [
        entry.path for entry in seen.entries
        if entry.type != "folder" and (entry.path.endswith(_CONFIGURED) or "/sites-enabled/" in entry.path)
    ]  # fmt: skip


def _named(reader: Reader, path: str, folder: str) -> Iterator[str]:
    """Certificates that this file names, as absolute paths."""
    try:
        text = reader.look(ReadFile(path=path, length=READ_BYTES)).value.text
    except CouldNotLook as failure:
        if failure.reason == "missing":  # a link that leads nowhere is for the questions about configuration
            return
        raise
    base = found[1] if (found := _BASE.search(text)) else folder if folder in CONFIGURATIONS else posixpath.dirname(path)
    for match in _NAMES_ONE.finditer(text):
        name = match[1] or match[2]
        if name.startswith(("data:", "engine:", "@")):
            continue
        if "$" in name:
            reader.blind(f"certificate in {path}", "its name holds a variable", "name its folder with folders=…")
            continue
        yield posixpath.normpath(posixpath.join(base, name))
    yield from _keystores(reader, path, _COMMENT.sub("", text) if path.endswith(".xml") else text)
    for match in _LISTS.finditer(text):
        listed = reader.look(ReadFile(path=posixpath.join(base, match[1]), length=READ_BYTES)).value.text
        names = (line.split()[0] for line in listed.splitlines() if line.strip() and not line.lstrip().startswith("#"))
        yield from (posixpath.normpath(posixpath.join(base, name)) for name in names)


def _keystores(reader: Reader, path: str, text: str) -> Iterator[str]:
    """Keystores that this file names. A path that is relative to something this file does not tell is a blind spot."""
    for match in _STORES.finditer(text):
        name = next(filter(None, match.groups())).removeprefix("file://").removeprefix("file:")
        if name.startswith("/") and "$" not in name:
            yield posixpath.normpath(name)
        elif name.upper() not in ("NONE", "NUL"):
            reader.blind(f"keystore in {path}", "where it lies is not told there", "name its folder with folders=…")


def _kept(reader: Reader, path: str, configured: bool) -> Iterator[Kept]:
    """Certificates of a place; a usual place that is not here holds none."""
    with reader.part(f"certificates of {path}"):
        try:
            seen = reader.look(ReadCertificates(path=path))
        except CouldNotLook as failure:
            if configured and failure.reason == "missing":
                reader.empty(f"certificates: a configuration names {path}, which is not there")
                return
            if not configured and (failure.reason == "damaged" or (failure.reason == "missing" and path in CERTIFICATE_PLACES)):
                return
            raise
        for name, why in list(seen.value.problems.items())[:NAMED]:
            reader.blind(f"certificates of {name}", why, _remedy(name, why))
        if len(seen.value.problems) > NAMED:
            reader.blind(f"certificates of {len(seen.value.problems)} files", "denied or damaged", "name a smaller folder")
        if seen.value.cut:
            reader.cut(f"certificates of {path}: {seen.value.cut}", "name a folder further down with folders=…")
        for found in seen.value.found:
            yield Kept(found, seen.evidence, configured)


def _remedy(name: str, why: str) -> str:
    if why.startswith("denied"):
        return "run as root"
    return f"keytool -list -v -keystore {name}" if why.startswith(("locked", "unread")) else f"less {name}"


def _of_file(item: Kept, items: list[Kept], window: Window) -> Iterator[Change]:
    found = item.certificate
    values: dict[str, Value] = {
        "subject": found.subject, "path": found.path, "end": stamp(found.not_after), "begin": stamp(found.not_before),
    }  # fmt: skip
    clues = (f"path:{found.path}", *(f"word:{name}" for name in found.names[:20]))
    if not found.authority and window.since <= found.modified <= window.until:
        text = "certificate of {subject} was put in place in {path}; valid from {begin} to {end}"
        yield _change("renew", found.modified, text, values, found.path, clues, item.evidence, found.serial)
    elif not found.authority and window.since <= found.not_before <= window.until:
        text = "certificate of {subject} in {path} came into force; valid to {end}"
        yield _change("issue", found.not_before, text, values, found.path, clues, item.evidence, found.serial)
    if _ended(found.not_after, window) and (item.configured or not _superseded(item, items)):
        text = "certificate of {subject} in {path} ran out"
        if found.authority:
            text = "authority {subject} in {path} ran out: what it signed is trusted no more"
        elif not item.configured:
            text += "; no configuration that was read names it"
        yield _change("expire", found.not_after, text, values, found.path, clues, item.evidence, found.serial)


def _ended(at: datetime, window: Window) -> bool:
    return window.since - JUST_BEFORE <= at <= window.until


def _superseded(item: Kept, items: list[Kept]) -> bool:
    """Whether a later certificate for the same is kept too: then the end of this one hurts nobody."""
    own = item.certificate
    return any(
        (other.certificate.subject, other.certificate.names) == (own.subject, own.names)
        and other.certificate.not_after > own.not_after
        for other in items
    )


def _of_endpoint(reader: Reader, url: str, window: Window) -> Iterator[Change]:
    """What the service itself presents: a renewed file helps nobody before the server has loaded it."""
    if not url.startswith("https:"):
        return
    with reader.part(f"certificate presented by {url}"):
        seen = reader.look(Http(url=url, method="HEAD", body_limit=0))
        found: Certificate | None = seen.value.certificate
        if found is None:
            raise CouldNotLook(url, "failed", "the connection did not tell its certificate", "ask again")
        host = url.split("/")[2].rpartition("@")[2]
        values: dict[str, Value] = {"subject": found.subject, "url": url, "end": stamp(found.not_after)}
        clues = tuple(dict.fromkeys(f"word:{name}" for name in (re.sub(r":\d+$", "", host), *found.names[:20])))
        if window.since <= found.not_before <= window.until:
            text = "the certificate of {subject} that {url} presents came into force; valid to {end}"
            yield _change("issue", found.not_before, text, values, url, clues, seen.evidence)
        if _ended(found.not_after, window):
            text = "the certificate of {subject} that {url} presents ran out"
            yield _change("expire", found.not_after, text, values, url, clues, seen.evidence)
        elif not window.since <= found.not_before <= window.until:
            reader.empty(f"certificate presented by {url}: neither began nor ended in the window")


def _change(
    kind: str, at: datetime, text: str, values: dict[str, Value], component: str, clues: tuple[str, ...], evidence: str,
    reference: str = "",
) -> Change:  # fmt: skip
    names = (clue.removeprefix("word:") for clue in clues if clue.startswith("word:"))
    words = ("certificate", "ssl", "tls", *(("expired", "certificate_expired") if kind == "expire" else ()), *names)
    return Change(
        source="certificates", kind=kind, classes=("configuration",), at=at, doubt_ms=1_000, stamp=stamp(at),
        component=component, reference=reference, clues=clues, words=words,
        summary=Statement(text=text, values=values, evidence=(evidence,), at=at),
    )  # fmt: skip
