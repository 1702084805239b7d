"""Which requests are reads of a Docker daemon: the one list, for the SDK's client and for the reader's relay.

Not every GET is a read (`attach/ws` writes into a container, `export` and `archive` carry files away), so the paths are
listed.
"""

import re
from urllib.parse import unquote

_NAME = r"[\w.%:@-][\w.%:@/-]{0,254}"
_READS = re.compile(
    r"(?:/v\d\.\d{1,3})?/(?:_ping|version|info|events|networks|images/json|containers/json"
    rf"|containers/{_NAME}/(?:json|stats|logs)|networks/{_NAME}|images/{_NAME}/(?:json|history))", re.ASCII
)  # fmt: skip
_DETOUR = re.compile(r"//|/\.{1,2}(?:/|$)|%|[^!-~]")
"""In a decoded path: what the daemon might read as another one."""


def is_read(path: str) -> bool:
    """Whether GET of this path, as it is sent and without its query, is a read whoever decodes it how often."""
    plain = unquote(path)
    return bool(_READS.fullmatch(path) and _READS.fullmatch(plain)) and not _DETOUR.search(plain)
