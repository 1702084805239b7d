"""What a record says in the program's own words, where in the application it points, and the shape it has."""

import re

from mcp_server.logs.records import Record

_FRAME = re.compile(r"^ *File \"(/[^\"\n]{1,500})\", line (\d{1,7})", re.M)
_MASKS = (
    (re.compile(r"\"[^\"\n]{0,2000}\"|'[^'\n]{0,2000}'"), "“…”"),
    (re.compile(r"\b[0-9a-fA-F]{8,}\b|\b0x[0-9a-fA-F]+\b"), "#"),
    (re.compile(r"\d+"), "#"),
)
_NGINX_REQUEST = ", client: "
_QUOTED = re.compile(r"((?:in stderr: |by zone )?)\"[^\"\n]{0,4000}\"")
_ACCESS = re.compile(r"\" [1-5]\d\d (?:\d|-)", re.ASCII)


def own_words(text: str) -> str:
    """The record without what a visitor wrote: in an access log all that is quoted, in nginx's error log the request and
    everything quoted but the words of the application and the names of zones."""
    if _NGINX_REQUEST in text:
        text = text.split(_NGINX_REQUEST, 1)[0]
        return _QUOTED.sub(lambda match: match[0] if match[1] else "“…”", text)
    if _ACCESS.search(text, 0, 2_000):
        return _QUOTED.sub("“…”", text)
    return text


def frames(text: str) -> tuple[str, ...]:
    """Files of a Python trace that are the application's own, innermost first, each once, at most five."""
    files = [match[1] for match in _FRAME.finditer(text)]
    own = [file for file in reversed(files) if "/site-packages/" not in file and "/lib/python" not in file]
    return tuple(dict.fromkeys(own))[:5]


def shape(record: Record) -> str:
    """The record with everything that differs from time to time masked; equal shapes are the same error."""
    lines = record.text.split("\n")
    said = lines[0].split(_NGINX_REQUEST, 1)[0][:1_000]
    if len(lines) > 1 and any(line.startswith("Traceback (") for line in lines):
        said += " / " + lines[-1][:300]  # the exception
    for pattern, sign in _MASKS:
        said = pattern.sub(sign, said)
    return said[:300]
