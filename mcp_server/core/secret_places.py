"""Secrets known by the place they stand in: URLs, command lines, login files, statements."""

import re
from collections.abc import Iterator
from functools import cache

from mcp_server.core.secret_names import WORDS, entropy, looks_random, placeholder

Span = tuple[int, int]

# hint in small letters -> expression whose group `s` is the secret. The expressions are bounded.
PLACES: tuple[tuple[str, str], ...] = (
    # scheme://user:password@host; a port is no password
    ("://", r"://[^\s:/@'\"`<>,;?#]{0,200}:(?!\d{1,5}(?:[/?#,]|$))(?P<s>[^\s'\"`<>‹]{1,400})@(?=[\w\[$%{(.\-])"),
    # scheme://token@host
    ("://", r"://(?P<s>[\w\-~.%]{20,200})@(?=[\w\[])"),
    ("@tcp(", r"(?<![\w.\-])[\w.\-]{1,60}:(?P<s>[^\s'\"`<>‹]{1,200})@tcp\("),
    ("@unix(", r"(?<![\w.\-])[\w.\-]{1,60}:(?P<s>[^\s'\"`<>‹]{1,200})@unix\("),
    ("jdbc:oracle", r"jdbc:oracle:\w{2,6}:[\w.\-]{1,60}/(?P<s>[^\s'\"@‹]{1,100})@"),
    ("sqlplus", r"sqlplus(?:64)?\s{1,4}(?:-\w{1,4}\s{1,4}){0,4}['\"]?[\w.\-]{1,60}/(?P<s>[^\s'\"@‹]{1,100})@"),
    # headers
    ("bearer", r"(?i:\bbearer)(?:\s{1,4}|%20)(?P<s>[A-Za-z0-9_.~+/\-]{16,8000}={0,3})"),
    ("basic ", r"(?i:\bbasic) (?P<s>(?=[A-Za-z+/]{0,40}[0-9=])[A-Za-z0-9+/]{12,2000}={0,2})(?![\w.])"),
    # a web server's own directives: name and value without a sign between them
    (
        "_header",
        r"\b(?:proxy_set_header|more_set_(?:input_)?headers|add_header|RequestHeader\s{1,4}set)\s{1,20}['\"]?"
        r"[\w\-]{0,60}(?i:api-?key|token|secret|password|authorization|credential)[\w\-]{0,30}['\"]?\s{1,20}"
        r"['\"]?(?P<s>[^\s'\";$‹]{6,400})",
    ),
    (
        "_param",
        r"\b(?:fastcgi|uwsgi|scgi|grpc)_param\s{1,20}\w{0,60}(?:KEY|TOKEN|SECRET|PASSWORD)\w{0,30}\s{1,20}['\"]?(?P<s>[^\s'\";$‹]{4,400})",
    ),
    # logins
    ("password", r"(?i:\blogin)\s{1,40}[^\s]{1,200}\s{1,40}(?i:password)\s{1,40}(?P<s>\"[^\"\n]{1,200}\"|[^\s‹]{1,})"),
    ("machine", r"(?i:\bmachine)\s{1,40}[^\s]{1,200}\s{1,40}(?i:password)\s{1,40}(?P<s>[^\s‹]{1,})"),
    (
        "identified",
        r"(?i:\bidentified\s{1,8}(?:with\s{1,8}[\w']{1,60}\s{1,8})?by\s{1,8}(?:password\s{1,8})?)(?P<q>['\"])(?P<s>(?:(?!(?P=q))[^\n]){1,400})",
    ),
    ("password", r"(?i:\b(?:with|set|encrypted|role|user)\b[^\n;'\"]{0,80}?\bpassword)\s{1,8}(?:=\s{0,8})?'(?P<s>[^'\n]{1,})"),
    ("requirepass", r"(?m:^|\\n|['\"])\s{0,8}(?:config set )?requirepass\s{1,20}['\"]?(?P<s>[^\s'\"‹]{1,})"),
    ("masterauth", r"\bmasterauth\s{1,20}['\"]?(?P<s>[^\s'\"‹]{1,})"),
    ("rootpw", r"(?m:^)\s{0,8}(?:rootpw|bindpw)\s{1,20}(?:--\w{1,20}\s{1,4}){0,3}['\"]?(?P<s>[^\s'\"‹\-][^\s'\"‹]{0,})"),
    (
        "enable ",
        r"(?m:^)\s{0,8}(?:enable|username \S{1,60}(?: privilege \d{1,2})?) (?:secret|password) (?:\d )?(?P<s>[^\s‹]{4,})",
    ),
    ("community", r"\bsnmp-server community (?P<s>[^\s‹]{2,})"),
    (":", r":(?:\d{4,5}|\*):[\w.\-*$]{1,80}:[\w.\-*]{1,80}:(?P<s>[^\s‹:][^\s‹]{0,200})(?m:$)"),
    # cisco, wireless, vpn
    ("pre-shared-key", r"pre-shared-key\s{1,4}(?:address \S{1,60} key )?(?P<s>[^\s‹]{4,})"),
    # command lines
    (
        "mysql",
        r"\b(?:mysql|mysqldump|mysqladmin|mariadb|mariadb-dump|mysqlimport|mysqlshow)\b[^\n|;]{0,300}?\s['\"]?-p(?P<s>[^\s'\"‹\-][^\s'\"‹]{0,})",
    ),
    ("sshpass", r"\bsshpass\s{1,4}-p\s{0,4}(?P<q>['\"]?)(?P<s>[^\s'\"‹]{1,})"),
    ("redis-cli", r"\bredis-cli\b[^\n|;]{0,200}?\s-a\s{1,4}['\"]?(?P<s>[^\s'\"‹]{1,})"),
    (
        "login",
        r"\b(?:docker|podman|buildah|skopeo|helm|oc|az|cf|nerdctl)\b[^\n|;]{0,60}?\blogin\b"
        r"[^\n|;]{0,200}?\s-p[ =]{0,4}['\"]?(?P<s>[^\s'\"‹\-][^\s'\"‹]{0,})",
    ),
    (
        "ldap",
        r"\bldap(?:search|modify|add|delete|passwd|whoami|compare)\b[^\n|;]{0,300}?\s-w\s{0,4}['\"]?(?P<s>[^\s'\"‹\-][^\s'\"‹]{0,})",
    ),
    ("sqlcmd", r"\bsqlcmd\b[^\n|;]{0,300}?\s-P\s{0,4}['\"]?(?P<s>[^\s'\"‹\-][^\s'\"‹]{0,})"),
    (
        "htpasswd",
        r"\bhtpasswd\s{1,4}(?:-\w{1,8}\s{1,4}){0,4}-\w{0,6}b\w{0,6}\s{1,4}(?:-\w{1,8}\s{1,4}){0,4}(?:[^\s-]\S{0,200}\s{1,4}){1,2}?(?P<s>[^\s‹]{1,200})(?m:\s{0,8}$)",
    ),
    ("smbclient", r"\bsmbclient\b[^\n|;]{0,200}?\s-U\s{0,4}['\"]?[^\s%'\"]{1,80}%(?P<s>[^\s'\"‹]{1,})"),
    ("pass:", r"(?<![\w:])pass:(?P<s>[^\s'\"‹]{3,})"),
    (
        "chpasswd",
        r"\becho\s{1,4}(?:-\w\s{1,4})?['\"]?[\w.\-$]{1,60}:(?P<s>[^\s'\"‹]{1,200})['\"]?\s{0,4}\|\s{0,4}(?:sudo\s{1,4})?chpasswd",
    ),
    # a job runner's licence pair
    ("sidekiq", r"(?i:sidekiq\w{0,40})['\"]?\s{0,4}[:=]\s{0,4}['\"]?(?P<s>[a-f0-9]{8}:[a-f0-9]{8})\b"),
    ("gems.contribsys", r"(?P<s>[a-f0-9]{8}:[a-f0-9]{8})@(?:gems|enterprise)\.contribsys"),
    # docker: {"auths": {"host": {"auth": "…"}}}
    ("auth", r"\"_?auth\\{0,15}\"\s{0,8}:\s{0,8}\\{0,15}\"(?P<s>[^\"\\‹\s]{8,})"),
    ("<master>", r"(?i:<master>)\s{0,40}(?P<s>\{[A-Za-z0-9+/=]{16,400}\})\s{0,40}</"),
    (
        "auth",
        r"(?<=[aA]uth)(?:\s{0,4}=\s{0,4})?\(\s{0,8}['\"][^'\"\n]{1,200}['\"]\s{0,4},\s{0,8}['\"](?P<s>[^'\"\n‹]{1,400})",
    ),
    # in a sentence: `the password is …`, `password for bob: …`
    (
        "password",
        r"(?i:\bpassword)(?: \(?(?:for|of) [^\s:]{1,80}\)?)?(?: is| was|:|=) {0,2}['\"]?"
        r"(?P<s>(?=[^\s\d]{0,80}\d)(?=[^\sA-Za-z]{0,80}[A-Za-z])[^\s'\"‹]{5,})",
    ),
    ("_auth", r"(?m:^|:)_auth(?:token)?\s{0,4}=\s{0,4}['\"]?(?P<s>[^\s'\"‹]{8,})"),
)

_USER = re.compile(
    r"-(?<![^\s'\"\[,(]-)(?:[a-zA-Z]{0,8}u|-user|-proxy-user|U)(?:['\"],\s{0,4}|[ =]{1,8}|(?=['\"\w]))"
    r"(?:(?P<dq>\")(?P<a>[^\"\n‹]{0,400})\"|(?P<sq>')(?P<b>[^'\n‹]{0,400})'|(?P<c>[^\s'\"‹]{1,200}))"
    r"(?::?(?:\"(?P<d>[^\"\n‹]{1,400})\"|'(?P<e>[^'\n‹]{1,400})'))?"
)
_TOOLS = ("curl", "wget", "http ", "https ", "siege ", "xh ")
_EXAMPLE = re.compile(
    r"(?i:pass|password|passwd|pw|pwd|token|secret|test|example|x+|y+|z+|\*+|apikey|api_key|api-key|api_token|key|user)"
)


_AROUND = 700  # characters that an expression reaches before and after its hint, but for the secret at its end
_HOST = re.compile(r"(?!.*\.(?:py|go|cc?|cpp|h|hpp|[jt]sx?|java|kt|rs|rb|php|sh|log|ya?ml|json)$)[\w.\-*]{1,120}")


def spans(text: str, lowered: str, words: list[str]) -> Iterator[Span]:
    """Where a secret stands because of the place. `words` are those of WORDS that stand in the text."""
    by_hint, hints = _by_hint(), _hints()
    possible = [hint for word in words if word in hints for hint in hints[word]] if words else []
    for hint in [hint for hint in (*hints[""], *possible) if hint in lowered]:
        if hint == ":" and lowered.count(":") < 4:
            continue
        places = by_hint[hint]
        for first, last in _segments(hint, lowered):
            for place in places:
                for found in place.finditer(text, first, last):
                    whole = found if found.end() < last else place.match(text, found.start())
                    if whole and _secret(hint, whole):
                        yield whole.span("s")
    if "-u" in lowered or "--user" in lowered or "--proxy-user" in lowered:
        yield from _users(text)


def _segments(hint: str, lowered: str) -> Iterator[Span]:
    """The parts of the text where the expressions of a hint can match: around it, what overlaps joined."""
    if len(lowered) < 2 * _AROUND or hint == ":":
        yield 0, len(lowered)
        return
    at = lowered.find(hint)
    first = last = 0
    while at >= 0:
        if at - _AROUND > last:
            if last:
                yield first, last
            first = at - _AROUND
        last = min(len(lowered), at + _AROUND)
        at = lowered.find(hint, at + len(hint))
    yield first, last


@cache
def _hints() -> dict[str, list[str]]:
    """The hints by the telling word that is a part of them: where the word is missing, so are they."""
    out: dict[str, list[str]] = {"": []}
    for hint in _by_hint():
        out.setdefault(next((word for word in WORDS if word in hint), ""), []).append(hint)
    return out


@cache
def _by_hint() -> dict[str, list[re.Pattern[str]]]:
    out: dict[str, list[re.Pattern[str]]] = {}
    for hint, place in PLACES:
        out.setdefault(hint, []).append(re.compile(place))
    return out


def _secret(hint: str, found: re.Match[str]) -> bool:
    value = found["s"].strip("\"'")
    if placeholder(value) or not value:
        return False
    if hint == "://" and ":" not in found[0][3:]:
        return looks_random(value) or (
            len(value) >= 32 and entropy(value) > 3 and any(map(str.isdigit, value)) and "." not in value
        )
    if hint == ":":  # host:port:database:user:password, a line of its own
        line = found.string.rfind("\n", max(0, found.start() - 130), found.start()) + 1
        host = found.string[line : found.start()]
        return bool(_HOST.fullmatch(host)) and not value.isdigit()
    return True


def _users(text: str) -> Iterator[Span]:
    """`curl -u name:password`, in one quote, two, or none."""
    for found in _USER.finditer(text):
        near = any(text.find(tool, max(0, found.start() - 2000), found.start()) >= 0 for tool in _TOOLS)
        group = next(name for name in "abc" if found[name] is not None)
        pair, offset = found[group], found.start(group)
        extra = next((name for name in "de" if found[name] is not None), None)
        user, colon, password = pair.partition(":")
        start = offset + len(user) + 1
        if extra:
            if not password and (colon or found[0][found.end(group) - found.start() :].lstrip("\"'").startswith(":")):
                password, start = found[extra], found.start(extra)
            elif password:
                password = text[start : found.end(extra)]
        if (
            colon
            and not password
            and near
            and not text.startswith("‹", found.end())
            and looks_random(user + "aA1bB2cC3dD4")
            and any(map(str.isdigit, user))
            and len(user) >= 8
        ):
            password, start = user, offset
        if not password or placeholder(password) or _EXAMPLE.fullmatch(password) or placeholder(pair):
            continue
        if near or (looks_random(password) and not user.isdigit()):
            yield start, start + len(password)
