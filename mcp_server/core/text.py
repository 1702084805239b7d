"""Text from the system under examination, made safe to show. It stays data: nothing here interprets it."""

import re
import unicodedata

_PLAIN = re.compile(r"[\x20-\x7e\t\n\u00a1-\u00ac\u00ae-\u02ff\u0370-\u03ff\u0400-\u052f‹›…–—·│►]*")
_SAFE_ARGUMENT = re.compile(r"[A-Za-z0-9_./:@+=%, -]{1,300}")


def visible(text: str, keep: str = "\n\t") -> str:
    """`text` with every control, bidirectional and invisible character replaced by a sign that can be seen.

    Control characters become their Unicode pictures (`␛`), the others an escape such as `‹U+202E›`.
    """
    if _PLAIN.fullmatch(text) and (keep == "\n\t" or not ("\n" in text or "\t" in text)):
        return text
    return "".join(ch if ch in keep else _picture(ch) for ch in text)


def _picture(ch: str) -> str:
    code = ord(ch)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    # Cc controls, Cf format and bidi, Cs lone surrogates, Zl/Zp line separators, Co private use
    if unicodedata.category(ch) in {"Cc", "Cf", "Cs", "Zl", "Zp", "Co"}:
        return f"‹U+{code:04X}›"
    return ch


def one_line(value: object, limit: int = 160) -> str:
    """A value from outside, for a place inside a sentence: one line, visible characters, at most `limit` of them."""
    text = visible(str(value), keep="").replace("`", "'")
    return text if len(text) <= limit else text[: limit - 1] + "…"


def is_safe_argument(value: object) -> bool:
    """Whether a value seen outside may stand in a suggested call: a short name, path, address or time, nothing else."""
    return isinstance(value, bool | int | float) or (
        isinstance(value, str) and not value.startswith("-") and _SAFE_ARGUMENT.fullmatch(value) is not None
    )


def amount(number: float, noun: str, plural: str | None = None) -> str:
    """`1 filesystem`, `3 filesystems`."""
    return f"{number:,} {counted(number, noun, plural)}"


def counted(number: float, noun: str, plural: str | None = None) -> str:
    """The words that stand behind a number, for a sentence whose number is a value: `line matches`, `lines match`."""
    return noun if number == 1 else plural or noun + "s"


def bytes_text(count: float) -> str:
    """`3.2 MiB`: sizes as people read them (powers of 1024)."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(count) < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"
