"""Secrets never leave: every text is redacted before it is stored and before it is shown.

Redaction fails closed: when it raises, the text is withheld. It is idempotent, and a secret always gets the same tag
(`‹secret:a1b2c3›`, keyed per installation), so that "the same secret as before" stays visible.
"""

import hashlib
import hmac
import re
from typing import Any

# Every repetition is bounded or cannot be entered twice for the same text: a line of 10 MB costs time in proportion.
_KEYWORD = (
    r"(?:(?:password|passwd|passphrase|pwd|secret|token|api[_\-]?key|apikey|access[_\-]?key|auth[_\-]?key"
    r"|private[_\-]?key|credential|client[_\-]?secret|encryption[_\-]?key|signing[_\-]?key|session[_\-]?key|cookie"
    r"|SECRET_KEY|PGPASSWORD|\bpass)[A-Za-z0-9_\-]{0,40})"
)
_RULES: tuple[re.Pattern[str], ...] = tuple(
    re.compile(rule)
    for rule in (
        # private keys: to the end marker, or to the end of what was seen
        r"-----BEGIN (?:[A-Z0-9 ]{0,40})PRIVATE KEY(?: BLOCK)?-----(?P<s>(?:[^-]|-(?!----END))*)",
        # provider shapes
        r"(?P<s>\b(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{16}\b)",
        r"(?P<s>\b(?:ghp|gho|ghu|ghs|ghr)_[A-Za-z0-9]{30,255}\b|\bgithub_pat_[A-Za-z0-9_]{22,255}\b|\bglpat-[A-Za-z0-9_\-]{20,400})",
        r"(?P<s>\bxox[abeoprs]-[A-Za-z0-9\-]{10,400}|\bxapp-[A-Za-z0-9\-]{10,400})",
        r"(?P<s>\b(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{16,400}|\bsk-[A-Za-z0-9_\-]{20,400})",
        r"(?P<s>\bAIza[A-Za-z0-9_\-]{35}\b|\bya29\.[A-Za-z0-9_\-]{20,400})",
        r"(?P<s>\b(?:npm_[A-Za-z0-9]{36}|pypi-[A-Za-z0-9_\-]{50,400}|dop_v1_[a-f0-9]{64}|hvs\.[A-Za-z0-9_\-]{24,400}|SG\.[\w\-]{16,400}\.[\w\-]{16,400}))",
        r"(?P<s>\beyJ[A-Za-z0-9_\-]{8,4000}\.eyJ[A-Za-z0-9_\-]{8,16000}\.[A-Za-z0-9_\-]{0,4000})",
        # the password of a URL or connection string
        r"\b[A-Za-z][A-Za-z0-9+.\-]{1,20}://[^\s:/@'\"]{0,120}:(?P<s>[^\s@'\"/‹][^\s@'\"]{0,200})@",
        # headers
        r"(?i:\bauthorization\b['\"]?\s*[:=]\s*['\"]?(?:basic|bearer|token|digest|negotiate)?\s*)(?P<s>[A-Za-z0-9+/_.=\-]{6,})",
        r"(?i:\bbearer\s+)(?P<s>[A-Za-z0-9_.~+/\-]{16,400}=*)",
        r"(?i:\b(?:set-)?cookie\s*:\s*)(?P<s>[^\s‹][^\r\n]*)",
        # key = "value", key: value, "key": "value"
        r"(?i:"
        + _KEYWORD
        + r")['\"]?\s*(?:=>|:=|[=:])\s*(?:\"(?P<s>[^\"\n‹][^\"\n]{0,4000})\"|'(?P<t>[^'\n‹][^'\n]{0,4000})')",
        r"(?i:" + _KEYWORD + r")['\"]?\s*(?:=>|:=|=)\s*(?P<s>[^\s'\"&;,‹(){}\[\]<>|]{3,})",
        r"(?i:" + _KEYWORD + r")['\"]?:\s+(?P<s>[^\s'\"&;,‹(){}\[\]<>|]{6,})",
        # <password>value</password>
        r"(?i:<(?:[a-z0-9_.:\-]*(?:password|passphrase|secret|token|apikey|privatekey))>)(?P<s>[^<\s‹][^<]*)(?=</)",
        # a private key once more wrapped in base64, a web hook whose path is the secret
        r"(?P<s>\bLS0tLS1CRUdJTi[A-Za-z0-9+/=\s]{40,})",
        r"(?i:https?://hooks\.slack\.com/(?:services|workflows|triggers)/)(?P<s>[A-Za-z0-9/_\-]{12,})",
        # docker and registry logins: "auth": "…"
        r"\\*\"_?auth\\*\"\s*:\s*\\*\"(?P<s>[^\"\\‹]{8,})",
        # curl -u user:password
        r"(?:^|\s)(?:-u|--user)[ =]['\"]?[^\s:'\"]{1,80}:(?P<s>[^\s'\"‹][^'\"\s]*)",
        # --password VALUE on command lines
        r"(?i:--?(?:password|passwd|token|secret|api-key)(?:\s+|=))(?P<s>[^\s'\"‹\-][^\s'\"]{2,})",
    )
)
_HINT = re.compile(
    r"(?i:pass|pwd|secret|token|api|key|credential|auth|bearer|cookie|://)|PRIVATE|A(?:KIA|SIA|ROA|IDA|Iza)|gh[pousr]_"
    r"|glpat|LS0tLS1CRUdJTi|hooks\.slack|-u |--user|xox|xapp|[srp]k[_\-]|ya29|npm_|pypi-|dop_v1|hvs\.|SG\.|eyJ"
)
_HARMLESS = re.compile(r"(?i:null|none|true|false|undefined|required|missing|invalid|expired|\*+|x+|<[^>]*>|\$\{?\w+\}?|%\w)")


class Redactor:
    """Replaces secrets by stable tags. `key` makes tags of two installations incomparable."""

    def __init__(self, key: bytes = b"veteran") -> None:
        self._key = key

    def text(self, text: str) -> str:
        """`text` without secrets; the same object when it holds none."""
        if not _HINT.search(text):
            return text
        for rule in _RULES:
            text = rule.sub(self._replace, text)
        return text

    def data(self, value: Any) -> Any:
        """JSON-like data with every string redacted; a value under a telling key is replaced whole."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(str(key)): self._member(str(key), item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return self._items(value)
        return value

    def _items(self, values: Any) -> list[Any]:
        # a command line: the word after `--password` is the secret
        out: list[Any] = []
        for index, item in enumerate(values):
            before = values[index - 1] if index else None
            if isinstance(item, str) and isinstance(before, str) and _FLAG.fullmatch(before) and not item.startswith("-"):
                out.append(self._tag(item))
            else:
                out.append(self.data(item))
        return out

    def _member(self, key: str, value: Any) -> Any:
        if isinstance(value, str) and value and _TELLING.fullmatch(key) and not _HARMLESS.fullmatch(value):
            return value if value.startswith("‹secret:") else self._tag(value)
        return self.data(value)

    def _replace(self, match: re.Match[str]) -> str:
        groups = match.groupdict()
        name = "s" if groups.get("s") is not None else "t"
        secret = match[name]
        if not secret.strip() or _HARMLESS.fullmatch(secret) or secret.startswith("‹"):
            return match[0]
        start, end = match.start(name) - match.start(), match.end(name) - match.start()
        return match[0][:start] + self._tag(secret) + match[0][end:]

    def _tag(self, secret: str) -> str:
        digest = hmac.new(self._key, secret.encode("utf8", "surrogatepass"), hashlib.sha256).hexdigest()
        return f"‹secret:{digest[:6]}›"


_FLAG = re.compile(r"(?i:--?(?:password|passwd|pass|token|secret|api-?key|auth))")
_TELLING = re.compile(r"[A-Za-z0-9_.\-]{0,60}?(?i:" + _KEYWORD + r"|authorization)")
