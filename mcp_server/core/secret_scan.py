"""Everything that knows a secret, over one text."""

from mcp_server.core import secret_blocks, secret_markings, secret_pairs, secret_places, secret_tokens
from mcp_server.core.secret_names import WORDS, is_secret, looks_random, weight

Span = tuple[int, int]

_SMALL = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}


def spans(text: str) -> tuple[list[Span], list[tuple[Span, str]]]:
    """Where secrets stand, in no order, they may overlap; and where base64 may wrap one, with what it says."""
    lowered = text.lower()
    if len(lowered) != len(text):  # a letter whose small form is longer: then only ASCII counts
        lowered = text.translate(_SMALL)
    words = [word for word in WORDS if word in lowered]
    found = [*secret_tokens.middles(text), *secret_places.spans(text, lowered, words)]
    if words:
        found += secret_pairs.spans(text, lowered, words)
    begins = secret_tokens.beginnings(text)
    if not begins:
        return found, []
    found += [*secret_tokens.begun(text, begins), *secret_blocks.spans(text), *secret_markings.spans(text)]
    runs = [(span, secret_blocks.decoded(text[slice(*span)])) for span in secret_blocks.wrapped(text)]
    return found, [(span, inner) for span, inner in runs if inner]


def named(name: str, value: str) -> bool:
    """Whether a value is secret because of the name it belongs to."""
    kind = weight(name)
    if name in {"auth", "_auth"} and len(value) >= 8 and " " not in value:
        return True  # a docker login
    return kind is not None and (kind != "hint" or looks_random(value)) and is_secret(name, kind, value, quoted=True)


def always(name: str) -> bool:
    """Whether whatever belongs to this name is secret, numbers and lists too."""
    return weight(name) == "password"
