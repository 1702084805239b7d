"""What a name says about its value, and what a value says about itself."""

import math
import re
from collections import Counter
from functools import lru_cache
from typing import Literal

Weight = Literal["password", "secret", "hint"]
"""`password`: whatever stands there is secret. `secret`: any plausible value is. `hint`: only a random-looking value is."""

# Words to look for in the lowered text; a name is judged only where one of them stands.
WORDS = (
    "pass", "pwd", "secret", "token", "key", "cred", "auth", "cookie", "sess", "sig", "jwt", "login", "psk", "accessid",
    "access_id", "access-id", "salt", "_pin", "otp", "_pw", "kennwort", "webhook", ".sid", "_pat", "assertion", "nonce",
)  # fmt: skip

_PASSWORD = re.compile(
    r"(?:password|passwd|passphrase|passcode|passwort|kennwort|pwd|psswd|(?:^|_|db|my|pg|ftp|sql|root|user|admin|smtp|ldap|bind)pass"
    r"|(?:^|_)(?:pw|psk|pgpass))"
    r"(?P<rest>(?:s|text|plain|plaintext|string|value|hash|data)?\d*(?:_.*)?)$"
)
_SECRET = re.compile(
    r"(?:secrets?_?id|secret|token|api_?key|x_?key|access_?key|private_?key|secret_?key|"
    r"(?:account|shared|shared_access|master|service|services|auth|encrypt|encryption|decryption|signing|signature|session|storage"
    r"|subscription|license|licence|deploy|integration|ingest|ingestion|write|consumer|app|application|client|hmac|crypto|server"
    r"|admin|root|bot|hook|webhook|data|role|service_role|registration|instrumentation|cookie|secure|user|host_?key_private|ssh|gpg"
    r"|heroku|okta|sonar|snyk|stripe|twilio|github|gitlab|slack|openai|anthropic|algolia|fastly|loki|datadog|dd|newrelic"
    r"|cloudflare|mailgun|mailchimp|sendgrid|azure|aws|gcp|meraki|npm|pypi|vault|grafana|sentry|dropbox|facebook|twitter)_?key"
    r"|credentials?|creds?|authorization|proxy_authorization|amz_signature|cookies?|(?:sess|session|phpsess|jsession)_?id|connect_sid"
    r"|(?:^|_)(?:jwt|sas|otp|totp|pin|pat|assertion|user_auth|auth_code|pincode|mfa_code)|bearer|amz_credential"
    r"|sonar_?login|shared_?access_?signature|client_assertion|webhook_secret)"
    r"(?P<rest>(?:s|key|text|value|hash|string|data)?\d*(?:_.*)?)$"
)
_HINT = re.compile(r"(?:key|signature|auth|login|sig|access_?id|salt|seed|nonce|session|webhook)s?\d*$")

# The words behind or before the telling one that make the value something else: a path, a count, a kind.
_ABOUT_WORDS = """
    file files path paths dir url uri urls type types name names id ids count counts length len size sizes limit expiry
    expires expire expired expiration ttl timeout policy policies version format enabled enable disabled required optional
    field fields column var variable env ref reference manager provider store storage class cls command cmd prompt reset
    change changed min max at in on issuer endpoint endpoints service server host port user username algorithm alg method
    mode stdin age date time timestamp rotation status state valid invalid validity validator validation check checker
    exists set is has strength rule rules regex pattern prefix suffix index usage usages used scope scopes audience issued
    created updated lifetime duration bits budget hint label title description desc message msg error errors failed
    failure reason test tests spec mount mounts volume mapping arn parameter param header headers template placeholder
    locked fingerprint thumbprint encoding samesite domain httponly jar per rate bucket buckets lookup generator
    encryption authentication authenticator encoder encoders hasher hashers history complexity protected factory handler
    filter interceptor source location agent cache pool
"""
_ABOUT = frozenset(_ABOUT_WORDS.split())
_BEFORE_WORDS = """
    no not without max min num number total count prompt completion input output public pub primary foreign partition sort
    cache row shard routing idempotency next page continuation continue cancel cancellation cancelled unexpected eof
    pagination resume sync cursor host_key known registry unique composite index group message map object event trace
    correlation stop pad unk mask bos lex syntax end start begin
"""
_BEFORE = frozenset(_BEFORE_WORDS.split())

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[^A-Za-z0-9]+")


@lru_cache(4096)
def weight(name: str) -> Weight | None:
    """How far a name makes its value a secret; None when it says nothing."""
    snake = _CAMEL.sub("_", name[-100:]).strip("_").lower()
    for kind, pattern in (("password", _PASSWORD), ("secret", _SECRET)):
        found = pattern.search(snake)
        if not found:
            continue
        rest = found["rest"]
        if not found[0].startswith(("secret_id", "secretid")) and _ABOUT.intersection(rest.split("_")):
            return None
        before = snake[: found.start()].strip("_").rpartition("_")[2]
        if kind == "secret" and (before in _BEFORE or rest.startswith("s_") or (rest == "s" and found[0].startswith("token"))):
            return None
        return kind  # type: ignore[return-value]  # one of the two literals above
    if _HINT.search(snake):
        before = snake.rpartition("_")[0].rpartition("_")[2]
        return None if before in _BEFORE else "hint"
    return None


# Words that stand where a secret could, and are none: states, types, refusals.
_PLAIN = re.compile(
    r"(?i:null|nil|none|true|false|yes|no|on|off|undefined|empty|unset|n/?a|required|optional|missing|invalid|valid|expired|expires"
    r"|failed|failure|fail|denied|rejected|accepted|unknown|unauthorized|unauthenticated|forbidden|incorrect|wrong|mismatch|ok|success"
    r"|not|is|are|was|were|has|have|must|should|cannot|can't|could|does|will|may|for|from|of|to|the|a|an|and|or|in|at|by|with|when|if"
    r"|str|string|bytes|byte|int|integer|float|bool|boolean|char|object|any|optional|list|dict|self|this|var|const|let|type|function"
    r"|redacted|masked|hidden|removed|omitted|filtered|sensitive|confidential|encrypted|unchanged|default|prompt|ask|file|env"
    r"|basic|bearer|digest|negotiate|ntlm|plain|login|publickey|keyboard-interactive|vault|keyring|keychain"
    r"|securestring|varchar|text|uuid|number|jwt|oauth2?|saml|ldap|pam|kerberos|interactive|enabled|disabled|revoked|created|updated"
    r"|deleted|generated|refreshed|received|sent|found|error|warning|info|debug|unexpected|verified|validated|authentication|await|new|async|return|files|compat|sss|systemd)"
)
_REFERENCE = re.compile(
    r"\$\$?\{{1,2}[^{}\n]{0,200}\}{0,2}|\$\([^()\n]{0,200}\)?|\$[A-Z_][A-Z0-9_]{0,60}(?![a-z])|\$\d\b|\{{2,3}[^{}\n]{0,300}\}{2,3}|\{(?:\d{0,2}|[A-Za-z_][A-Za-z_.\-:!]{0,60}\d?)\}"
    r"|\$\{?[a-z_]{0,30}(?:pass|pw|secret|token|key|user|auth|cred|name)[a-z_]{0,30}\}?(?!\w)"
    r"|%\([\w.]{1,60}\)[sdr]|%[A-Z_][A-Z0-9_]{0,60}%|%[sdvr]|<%.{0,200}?%>|</?[A-Za-z][^<>\n]{0,100}/?>|@@?[A-Za-z_.]{1,60}@@?|#\{[^{}\n]{0,100}\}"
)
_ASKS = re.compile(
    r"(?i:(?:your|my|the|an?|some|insert|replace|enter|put|add|fill|paste|dummy|placeholder|redacted)"
    r"[_\- .].{0,80}|\[[^\]]{0,80}\]"
    r"|<.{0,200}>|.{0,60}(?:_here|-here|\.\.\.|…|\[redacted\])|[*x•.#?\-_=0]+|replace_?with.*|\(.{0,80}\))"
)
_CALL = re.compile(
    r"(?:await |new |&|\*|!|not )?[A-Za-z_$][\w.$:>\-]{0,100}(?:\[['\"\w$\]]|\()"
    r"|(?:os|process|sys|env|ENV|System|secrets|var|local|data|module)\.[A-Za-z_.]+"
)
_PATH = re.compile(r"(?:~|\.{1,2}|[A-Za-z]:|file:/)?[/\\](?:[\w.\-@+]{1,60}[/\\]){1,20}[\w.\-@+*]{0,60}|https?://[^\s@]{1,200}")
_UUID = re.compile(r"\{?[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\}?")
_HEX = re.compile(r"(?:0x|sha\d{1,3}:|md5:)?[0-9a-fA-F]+|sha\d{1,3}[-:].*")
_NUMBER = re.compile(r"[-+]?\d{1,9}(?:\.\d{1,9})?(?:ms|s|m|h|d|kb|mb|gb|%)?|0x[0-9a-f]{1,16}", re.I)
_MARKER = re.compile(r"-BEGIN [A-Z0-9 ]{0,40}(?:PRIVATE|SECRET) KEY")  # a block of its own
_RANDOM = re.compile(r"[A-Za-z0-9+/=_\-.~!@#$%^&*:]{12,}")
_LETTERS = re.compile(r"[A-Za-z]+")


def placeholder(value: str) -> bool:
    """Whether a value only holds a secret's place: `${DB_PASSWORD}`, `<token>`, `your-key-here`, `****`."""
    if _PLAIN.fullmatch(value) or _ASKS.fullmatch(value):
        return True
    if ("$" in value or "%" in value or "{" in value or "<" in value or "@" in value) and len(value) < 2000:
        left = _REFERENCE.sub("", value)
        if left != value and sum(map(str.isalnum, left)) < 4:
            return True
    core = value.strip("\"'=").replace("-", "").replace("_", "").lower()
    few = len(set(core)) <= (1 if len(core) < 32 else 4)
    return (few and (len(core) >= 16 or (len(core) >= 6 and core[0] in "x0*."))) or "xxxxxx" in core


def looks_random(value: str) -> bool:
    """Whether a value is more like a key than like a word, a name, a number, a hash or a path."""
    if not _RANDOM.fullmatch(value) or _UUID.fullmatch(value) or _HEX.fullmatch(value) or _PATH.fullmatch(value):
        return False
    digits = sum(map(str.isdigit, value))
    letters = sum(map(str.isalpha, value))
    if not digits or letters < 4 or value.count(".") > 2 or value.count(":") > 1:
        return False
    mixed = value != value.lower() and value != value.upper()
    return entropy(value) >= (3.0 if mixed else 3.3) and (mixed or digits >= 3) and len(value) >= (14 if mixed else 20)


def entropy(value: str) -> float:
    """Bits per character."""
    size = len(value)
    return -sum(n / size * math.log2(n / size) for n in Counter(value).values())


def is_secret(name: str, kind: Weight, value: str, *, quoted: bool, tight: bool = False) -> bool:
    """Whether `value`, standing at a name of this weight, is a secret.

    `quoted`: it stood in quotes, so it is no code. `tight`: `name:value` without a space, as in keys of caches.
    """
    if len(value) > 1000:  # no placeholder is that long
        return not _MARKER.search(value) and (kind != "hint" or looks_random(value[:200]))
    if not value.strip() or placeholder(value) or _MARKER.search(value):
        return False
    if "sess" in name.lower() and (_UUID.fullmatch(value) or value.isdigit()):
        return False  # a session of a database or a trace; that of a browser is no UUID
    if kind == "hint":
        return looks_random(value)
    if tight:
        return looks_random(value) or (
            kind == "password" and len(value) > 3 and not _NUMBER.fullmatch(value) and not value.isalpha()
        )
    if kind == "password":
        if len(value) < 300 and _PATH.fullmatch(value) and not looks_random(value.replace("/", "")):
            return False
        return quoted or not _code(name, value)
    if _NUMBER.fullmatch(value) or (len(value) < 3 and not quoted) or (len(value) < 300 and _PATH.fullmatch(value)):
        return False
    if " " in value.strip() and all(map(_plain_word, value.split())):
        return False
    return quoted or not _code(name, value)


def _plain_word(word: str) -> bool:
    return bool(_LETTERS.fullmatch(word.strip(".,;:!?'()\"")))


def _code(name: str, value: str) -> bool:
    """`token = get_token()`, `password=self.password`, `api_key=api_key`."""
    if _CALL.match(value):
        return True
    if value.startswith("("):
        return True
    last = value.strip("*&!").rpartition(".")[2].rpartition("->")[2]
    if not last.replace("_", "a").isalnum() or last[:1].isdigit():
        return False
    if value == name or last.lower() == name.lower().rpartition(".")[2]:
        return True
    return "." in value and weight(last) is not None
