"""Java keystores and PKCS#12: what of their certificates can be read without a password. None is asked for, none is tried.

JKS and JCEKS keep certificates in the clear and only keys encrypted; the latter are skipped over, byte for byte. Without the
password the digest at the end cannot be checked, so what is read here is what the file says, not what is proven. PKCS#12
keeps its certificates encrypted as a rule: it is told as unread, never as fine.
"""

from dataclasses import dataclass, field

SUFFIXES = (".jks", ".jceks", ".ks", ".keystore", ".truststore", ".p12", ".pfx")
"""Names by which keystores go."""
LOCKED = "locked: a PKCS#12 keystore; its certificates need a password, and none is tried"
_JKS, _JCEKS, _BKS = b"\xfe\xed\xfe\xed", b"\xce\xce\xce\xce", (b"\0\0\0\1\0\0\0\x14", b"\0\0\0\2\0\0\0\x14")
_DIGEST = 20
_CHAIN = 100


@dataclass
class Keystore:
    """Certificates of a keystore, in their binary form; `problem` says what was not read."""

    certificates: list[bytes] = field(default_factory=list)
    problem: str | None = None


class _Torn(Exception):
    """The file does not hold what its lengths promise."""


class _Bytes:
    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, length: int) -> bytes:
        if not 0 <= length <= len(self._data) - self._at:
            raise _Torn
        self._at += length
        return self._data[self._at - length : self._at]

    def number(self, size: int = 4) -> int:
        return int.from_bytes(self.take(size), "big")

    def left(self) -> int:
        return len(self._data) - self._at


def keystore(data: bytes) -> Keystore | None:
    """What the bytes of a file hold, None where they are no keystore."""
    if data.startswith((_JKS, _JCEKS)):
        return _java(data)
    if data.startswith(_BKS):
        return Keystore(problem="unread: a BouncyCastle keystore")
    return Keystore(problem=LOCKED) if _is_pkcs12(data) else None


def _java(data: bytes) -> Keystore:
    found, source = Keystore(), _Bytes(data)
    entries = done = 0
    try:
        source.take(4)
        version, entries = source.number(), source.number()
        if version not in (1, 2):
            return Keystore(problem=f"unread: a Java keystore of version {version}")
        for done in range(entries):  # each entry takes bytes, so that a wrong count ends with the file
            tag = source.number()
            source.take(source.number(2))  # alias
            source.take(8)  # when it was put in
            if tag == 1:
                source.take(source.number())  # the key
                chain = source.number()
                if chain > _CHAIN:
                    raise _Torn
                found.certificates += [_certificate(source, version) for _ in range(chain)]
            elif tag == 2:
                found.certificates.append(_certificate(source, version))
            elif tag == 3 and data.startswith(_JCEKS):
                found.problem = f"unread: a secret key is entry {done + 1} of {entries}; what stands from it on was not read"
                return found
            else:
                raise _Torn
        if source.left() != _DIGEST:
            raise _Torn
    except _Torn:
        found.problem = f"damaged: the keystore breaks off or is broken in entry {done + 1} of {entries}"
    return found


def _certificate(source: _Bytes, version: int) -> bytes:
    if version == 2:
        source.take(source.number(2))  # X.509
    return source.take(source.number())


def _is_pkcs12(data: bytes) -> bool:
    """A sequence that begins with the number 3: a certificate begins with another sequence."""
    if len(data) < 6 or data[0] != 0x30:
        return False
    begin = 2 + (data[1] & 0x7F if data[1] & 0x80 else 0)
    return data[begin : begin + 3] == b"\x02\x01\x03"
