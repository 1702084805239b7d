"""What bytes of a log are: UTF-8, also damaged, UTF-16 with or without a mark, Windows-1252 or Latin-1, or no text at all."""

import re
from dataclasses import dataclass

SAMPLE = 65_536
"""Bytes from the head that decide."""

_MARKS = (
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
_MAGIC = (
    (b"\x1f\x8b", "gzip data", "name it with its .gz ending: compressed logs are read as streams"),
    (b"\xfd7zXZ\x00", "xz data", "name it with its .xz ending: compressed logs are read as streams"),
    (b"\x28\xb5\x2f\xfd", "zstd data", "name it with its .zst ending: compressed logs are read as streams"),
    (b"BZh", "bzip2 data", "name it with its .bz2 ending: compressed logs are read as streams"),
    (b"LPKSHHRH", "a systemd journal file", "read it through journalctl --file"),
    (b"ElfFile\x00", "a Windows event log (evtx)", "export it as text or JSON"),
    (b"\x7fELF", "a program", "name a text log"),
    (b"SQLite format 3\x00", "an SQLite database", "name a text log"),
    (b"PK\x03\x04", "a zip archive", "unpack it"),
    (b"\xd4\xc3\xb2\xa1", "a packet capture", "name a text log"),
)
_NUL_RUN = re.compile(rb"\0{4,}")
_SEQUENCE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_HIGH = re.compile(rb"[\x80-\xff]")
_STRANGE = re.compile(rb"[\x01-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_LETTERS = re.compile(rb"[A-Za-z ][\x80-\xfd]|[\x80-\xfd][A-Za-z \r]")
_UNDEFINED = re.compile(rb"[\x81\x8d\x8f\x90\x9d\xff]")


@dataclass(frozen=True, slots=True)
class Encoding:
    """How to read a log's bytes. `name` is a Python codec, None for binary data; `said` tells what is not plain UTF-8."""

    name: str | None
    mark: int = 0
    """Bytes of the byte order mark at the head."""
    said: str = ""
    remedy: str = ""

    @property
    def unit(self) -> int:
        """Bytes of the smallest unit: stretches must begin at a multiple of it."""
        return {"utf-16-le": 2, "utf-16-be": 2, "utf-32-le": 4, "utf-32-be": 4}.get(self.name or "", 1)

    @property
    def line_end(self) -> bytes:
        """The bytes of a line feed."""
        return "\n".encode(self.name or "utf-8")

    def decode(self, data: bytes) -> str:
        """The text of a stretch (without the mark); damage becomes U+FFFD, nothing is dropped. Never raises."""
        return data.decode(self.name or "latin-1", "replace")


UTF_8 = Encoding("utf-8")
"""What a log is unless its bytes say otherwise."""


def detect(head: bytes) -> Encoding:
    """What a log is by its first SAMPLE bytes. An empty one is UTF-8. Never raises."""
    head = head[:SAMPLE]
    for mark, name in _MARKS:
        if head.startswith(mark):
            return Encoding(name, len(mark), "" if name == "utf-8" else f"{name.upper()} text")
    for magic, kind, remedy in _MAGIC:
        if head.startswith(magic):
            return Encoding(None, 0, f"{kind}, no text", remedy)
    if wide := _wide(head):
        return Encoding(wide, 0, f"{wide.upper()} text without a byte order mark")
    text = _NUL_RUN.sub(b"", head)  # a log truncated under its writer has a hole of NULs
    if not text and head:
        return Encoding(None, 0, "nothing but NUL bytes", "the writer's data was lost, or the file is preallocated")
    holes = len(head) - len(text)
    strange = len(_STRANGE.findall(text)) + text.count(b"\0")
    if strange * 20 > len(text) or holes * 4 > len(head) * 3:
        remedy = "read it with last -f" if holes > len(text) and len(head) % 384 == 0 else "name a text log"
        return Encoding(None, 0, "binary data, no text", remedy)
    notes = "with NUL bytes" if holes else ""
    high, valid = len(_HIGH.findall(text)), sum(len(run) for run in _SEQUENCE.findall(text))
    broken = high - valid
    if broken <= 3 and len(head) == SAMPLE:  # the sample may end within a character
        broken = 0 if not _damaged(text[:-3]) else broken
    if not broken:
        return Encoding("utf-8", 0, notes)
    if broken > valid and broken <= 2 * len(_LETTERS.findall(text)) and not _UNDEFINED.search(text):
        codec = "cp1252" if re.search(rb"[\x80\x82-\x8c\x8e\x91-\x9c\x9e\x9f]", text) else "latin-1"
        return Encoding(codec, 0, f"{'Windows-1252' if codec == 'cp1252' else 'Latin-1'} text (no valid UTF-8) {notes}".strip())
    return Encoding("utf-8", 0, f"UTF-8 with {broken} damaged byte{'s' if broken > 1 else ''} {notes}".strip())


def text_of(data: bytes) -> str:
    """Some bytes of a log as text: UTF-8, also damaged, or Windows-1252 where that makes sense of more. Never raises."""
    try:
        return data.decode("utf8")
    except UnicodeDecodeError:
        high, valid = len(_HIGH.findall(data)), sum(len(run) for run in _SEQUENCE.findall(data))
        one_byte = high - valid > valid and not _UNDEFINED.search(data)
        return data.decode("cp1252" if one_byte else "utf8", "replace")


def _damaged(text: bytes) -> bool:
    return len(_HIGH.findall(text)) != sum(len(run) for run in _SEQUENCE.findall(text))


def _wide(head: bytes) -> str | None:
    """UTF-16 without a mark: nearly every second byte is NUL, on one side only."""
    if len(head) < 8:
        return None
    even, odd = head[0::2].count(0), head[1::2].count(0)
    pairs = len(head) // 2
    if odd > pairs * 0.7 and even < pairs * 0.05:
        return "utf-16-le"
    return "utf-16-be" if even > pairs * 0.7 and odd < pairs * 0.05 else None
