"""Well-known shapes of errors, as data, and the shape of an unknown one."""

import re
from dataclasses import dataclass

from mcp_server.logs.records import Record


@dataclass(frozen=True, slots=True)
class Known:
    """An error whose meaning is known. Groups of the pattern: `module`, `path`. It is compiled when first used."""

    code: str
    meaning: str
    advice: str
    pattern: str


def _known(code: str, pattern: str, meaning: str, advice: str) -> Known:
    return Known(code, meaning, advice, pattern)


KNOWN: tuple[Known, ...] = (
    _known(
        "upstream_refused",
        r"\(11[13]?: (?:Connection refused|Resource temporarily unavailable|No route to host)\) while connecting to upstream"
        r"|\(2: No such file or directory\) while connecting to upstream|no live upstreams while connecting",
        "The web server reached for the application and nothing listened there; users see 502.",
        "See whether the application runs and listens where the web server looks for it.",
    ),
    _known(
        "upstream_timed_out",
        r"upstream timed out \(110",
        "The application accepted the request and did not answer in time; users see 504.",
        "See what the application waits for: processor, a lock, a database, another service.",
    ),
    _known(
        "upstream_closed",
        r"upstream prematurely closed connection"
        r"|\(104: Connection reset by peer\) while reading (?:response header from )?upstream",
        "The application ended the connection in the middle of a request; users see 502.",
        "See whether its workers die: time limit, memory, crash.",
    ),
    _known(
        "import_failed",
        r"No module named '?(?P<module>[\w.]{1,200})|cannot import name '[\w.]{1,200}' from '(?P<module2>[\w.]{1,200})'",
        "The program imports something that its environment does not hold; it ends while starting.",
        "Compare the imports with what is installed, and look for the change that brought the import or took the package.",
    ),
    _known(
        "address_in_use",
        r"Address already in use|EADDRINUSE|Connection in use: \(|Can't connect to \('",
        "Another process holds the port or socket, so this one cannot listen.",
        "Name the process that listens there now.",
    ),
    _known(
        "no_space",
        r"No space left on device|ENOSPC|Disk quota exceeded",
        "A filesystem is full, by bytes or by inodes; writes fail.",
        "See which filesystem is full and what grew on it.",
    ),
    _known(
        "out_of_memory",
        r"Out of memory: Kill|oom-kill|\bMemoryError\b|Cannot allocate memory|java\.lang\.OutOfMemoryError"
        r"|Perhaps out of memory",
        "Memory ran out; a process was ended or could not go on.",
        "See which process grew, and the limits it runs under.",
    ),
    _known(
        "too_many_files",
        r"Too many open files|EMFILE|worker_connections are not enough",
        "A process used up its file descriptors or connections; new ones are refused.",
        "Compare open descriptors with the limit; look for connections that are never closed.",
    ),
    _known(
        "worker_timeout",
        r"WORKER TIMEOUT|/gunicorn/workers/\w{1,20}\.py\", line \d{1,6}, in handle_abort",
        "A worker did not report back in time and was killed; its request failed.",
        "See what its requests wait for.",
    ),
    _known(
        "name_not_resolved",
        r"Name or service not known|Temporary failure in name resolution|getaddrinfo (?:failed|ENOTFOUND|EAI_AGAIN)"
        r"|host not found in upstream|could not be resolved|Name does not resolve|no such host",
        "A host name could not be resolved, so the other side was never reached.",
        "See whether the name is right and the resolver answers.",
    ),
    _known(
        "tls_expired",
        r"certificate has expired|certificate expired|x509: certificate has expired",
        "A certificate is past its end; encrypted connections fail.",
        "See which certificate it is and renew it through a plan.",
    ),
    _known(
        "configuration_rejected",
        r"\[emerg\] [^\n]{1,500} in (?P<path>/[^\s:]{1,300}):\d{1,7}",
        "The web server read its configuration, found an error, and did not start or reload.",
        "See what changed in that file; nginx_config says whether it would load now.",
    ),
    _known(
        "permission_denied",
        r"Permission denied|\bEACCES\b|Operation not permitted",
        "The system refused access to a file, socket or operation.",
        "Compare owner and mode with the user the process runs as; look for a recent change of either.",
    ),
    _known(
        "connection_refused",
        r"Connection refused|ECONNREFUSED",
        "Something this program depends on does not listen.",
        "Name the address and see who should listen there.",
    ),
)  # fmt: skip

_PORT = re.compile(r"(?::|', |port )(\d{2,5})\b(?!\.)", re.ASCII)
_BIND = re.compile(r"(?:bind\(\) to|listen(?:ing)? on|listen) [^\s:]{0,80}:(\d{2,5})\b", re.ASCII)
_UPSTREAM = re.compile(r", upstream: \"([^\"]{1,300})\"")
_PATH = re.compile(r"['\"](/[^'\"\n]{1,300})['\"]")
_FRAME = re.compile(r"^ *File \"(/[^\"\n]{1,500})\", line (\d{1,7})", re.M)
_MASKS = (
    (re.compile(r"\"[^\"\n]{0,2000}\"|'[^'\n]{0,2000}'"), "“…”"),
    (re.compile(r"\b[0-9a-fA-F]{8,}\b|\b0x[0-9a-fA-F]+\b"), "#"),
    (re.compile(r"\d+"), "#"),
)
_NGINX_REQUEST = ", client: "


def recognise(record: Record) -> Known | None:
    """What is known about this record. Text that a visitor wrote (request, referrer, quoted path) is not considered."""
    if record.level in ("info", "debug"):
        return None
    text = _own_words(record.text)
    return next((known for known in KNOWN if re.search(known.pattern, text)), None)


def subject(known: Known, record: Record) -> str:
    """What it is about, as a clue: `module:shop`, `port:8000`, or an empty text where the record does not say."""
    match = re.search(known.pattern, _own_words(record.text))
    if known.code == "import_failed" and match:
        return "module:" + (match["module"] or match["module2"]).split(".")[0]
    if known.code == "address_in_use":
        port = _BIND.search(record.text) or _PORT.search(record.text, match.start() if match else 0)
        return f"port:{port[1]}" if port else ""
    if known.code == "configuration_rejected" and match:
        return f"path:{match['path']}"
    if known.code.startswith("upstream_") and (upstream := _UPSTREAM.search(record.text)):
        port = _PORT.search(upstream[1])
        return f"port:{port[1]}" if port else ""
    if known.code in ("no_space", "permission_denied") and (path := _PATH.search(record.text)):
        return f"path:{path[1]}"
    return ""


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


def _own_words(text: str) -> str:
    if _NGINX_REQUEST not in text:
        return text
    return re.sub(r"\"[^\"\n]{0,4000}\"", "“…”", text.split(_NGINX_REQUEST, 1)[0])
