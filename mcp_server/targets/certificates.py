"""Certificates in files. A file is read here and only what its certificates say leaves: keys beside them never do."""

import base64
import binascii
import os
import re
import stat
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from mcp_server.core.clock import now
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.reader import Limits
from mcp_server.core.settings import ReadSettings
from mcp_server.core.state_calls import Certificates, ReadCertificates, StoredCertificate
from mcp_server.core.text import amount, one_line
from mcp_server.targets.keystores import SUFFIXES as KEYSTORES
from mcp_server.targets.keystores import keystore
from mcp_server.targets.opening import Gate, explain, moment, open_checked, shown

MOST_BYTES = 2_097_152
BUNDLE = 10
"""A file with more certificates than this is a bundle of authorities."""
NEAR = timedelta(days=90)
_NAMES = 100
_SUFFIXES = (".pem", ".crt", ".cer", ".cert", ".der", *KEYSTORES)
_TRUSTED = ("/usr/share/ca-certificates", "/usr/local/share/ca-certificates", "/etc/pki/ca-trust", "/usr/share/pki")
"""What distributions link into their store; the bundle made of it holds them all."""
_LABEL = rb"(?:TRUSTED |X509 )?CERTIFICATE-----"
_BEGIN = re.compile(rb"-----BEGIN " + _LABEL)
_BLOCK = re.compile(rb"-----BEGIN " + _LABEL + rb"\s*([A-Za-z0-9+/=\s]{0,65536}?)-----END " + _LABEL)


def look(call: Any, limits: Limits, policy: ReadSettings) -> Any:
    """Answer ReadCertificates (Certificates). Raises CouldNotLook, Cancelled."""
    limits.check()
    if not isinstance(call, ReadCertificates):
        raise CouldNotLook(call.title(), "missing", "certificates answer no such call")
    return _Reading(call, limits, policy).answer()


class _Reading:
    """One ReadCertificates under way."""

    def __init__(self, call: ReadCertificates, limits: Limits, policy: ReadSettings) -> None:
        self._call, self._limits, self._gate, self._left = call, limits, Gate(policy), limits.until()
        self._found: list[StoredCertificate] = []
        self._problems: dict[str, str] = {}
        self._files = self._opened = self._ordinary = 0
        self._cut: str | None = None
        self._now = now()

    def answer(self) -> Certificates:
        path = self._call.path
        if os.path.isdir(path):
            handle, _ = open_checked(path, self._gate, folder=True)
            os.close(handle)
            for name in self._below(path, 1):
                try:
                    self._file(name, named=False)
                except CouldNotLook as failure:
                    self._problems[shown(name)] = f"{failure.reason}: {failure.detail}"
        else:
            self._file(path, named=True)
        return Certificates(
            path=shown(path), found=tuple(self._found), files=self._files, ordinary=self._ordinary, problems=self._problems,
            cut=self._cut,
        )  # fmt: skip

    def _below(self, folder: str, depth: int) -> Iterator[str]:
        """Files named as certificates, in name order."""
        try:
            with os.scandir(folder) as names:
                entries = sorted(names, key=lambda entry: entry.name)
        except OSError as error:
            failure = explain(folder, error)
            self._problems[shown(folder)] = f"{failure.reason}: {failure.detail}"
            return
        for entry in entries:
            self._limits.check()
            if self._cut is None and (self._left() <= 0 or self._opened >= self._call.limit):
                self._cut = f"stopped after {amount(self._opened, 'file')}; name a smaller folder"
            if self._cut is not None:
                return
            if entry.is_dir(follow_symlinks=False):
                if depth < self._call.depth and entry.name != "private":
                    yield from self._below(entry.path, depth + 1)
            elif entry.name.lower().endswith(_SUFFIXES):
                if entry.is_symlink() and os.path.realpath(entry.path).startswith(_TRUSTED):
                    continue
                self._opened += 1
                yield entry.path

    def _file(self, path: str, *, named: bool) -> None:
        """Certificates of one file; a file with nothing but keys or parameters holds none, and that is no problem.

        A keystore that needs a password is one.
        """
        handle, _ = open_checked(path, self._gate)
        with os.fdopen(handle, "rb") as file:
            facts = os.fstat(handle)
            if not stat.S_ISREG(facts.st_mode):
                return
            data = file.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise CouldNotLook(one_line(shown(path)), "cut", f"larger than {MOST_BYTES:,} bytes: no file of certificates")
        blocks = [match[1] for match in _BLOCK.finditer(data)]
        torn = len(_BEGIN.findall(data)) - len(blocks)
        store = keystore(data)
        if store and store.problem:
            self._problems[shown(path)] = store.problem
        binary = not blocks and not torn and not store and data[:1] == b"\x30"
        if not blocks and not torn and not binary and not store:
            if named and b"-----BEGIN" not in data:
                raise CouldNotLook(one_line(shown(path)), "damaged", "it holds no certificate")
            return
        written, told = moment(facts.st_mtime), []
        plain = store.certificates if store else [data] if binary else None
        for position, block in enumerate(blocks if plain is None else plain, 1):
            try:
                der = block if plain is not None else base64.b64decode(b"".join(block.split()), validate=True)
                told.append(_stored(shown(path), position, der, written))
            except (ValueError, binascii.Error):
                torn += 1
        if torn and not (store and store.problem):
            self._problems[shown(path)] = f"damaged: {amount(torn, 'certificate')} in it cannot be parsed"
        self._files += bool(told)
        if len(told) > BUNDLE:
            near = [item for item in told if self._near(item.not_before) or self._near(item.not_after)]
            self._ordinary += len(told) - len(near)
            told = near
        self._found += told

    def _near(self, at: datetime) -> bool:
        return abs(at - self._now) <= NEAR


def _stored(path: str, position: int, der: bytes, modified: datetime) -> StoredCertificate:
    """Raises ValueError for what is no certificate."""
    import hashlib
    import warnings

    from cryptography import x509

    with warnings.catch_warnings():  # authorities of the last century break rules that are newer than they
        warnings.simplefilter("ignore")
        found = x509.load_der_x509_certificate(der)
        try:
            authority = bool(found.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
        except (x509.ExtensionNotFound, ValueError):
            authority = False
        return StoredCertificate(
            path=path, position=position, subject=found.subject.rfc4514_string()[:500],
            issuer=found.issuer.rfc4514_string()[:500], serial=f"{found.serial_number:x}", names=names_of(found),
            not_before=found.not_valid_before_utc, not_after=found.not_valid_after_utc, authority=authority,
            fingerprint=hashlib.sha256(der).hexdigest(), modified=modified,
        )  # fmt: skip


def names_of(found: Any) -> tuple[str, ...]:
    """Host names and addresses that an `x509.Certificate` is for."""
    from cryptography import x509

    try:
        general = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return ()
    return tuple(str(name.value) for name in general if isinstance(name, x509.DNSName | x509.IPAddress))[:_NAMES]
