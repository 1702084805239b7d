"""How long application servers and HAProxy let a request run: from command lines and configuration texts. Pure.

A gunicorn configuration is Python: it is parsed and never executed; only literal values count.
"""

import ast
import posixpath
import re
import warnings
from collections.abc import Iterator, Sequence

from mcp_server.core.noun import Noun

GUNICORN_DEFAULT_S = 30


class Limit(Noun):
    """How long a server lets a request run. `ms` None: there is no limit, or (with `problem`) it cannot be told."""

    ms: int | None
    where: str
    problem: str = ""


class Section(Noun):
    """A HAProxy frontend, listen or backend section."""

    name: str
    binds: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    wait_ms: int | None = None
    line: int


def option(argv: Sequence[str], *names: str) -> str | None:
    """The last value of an option: `--timeout 30`, `--timeout=30`, `-t 30`, `-t30`."""
    found = None
    for at, word in enumerate(argv):
        for name in names:
            if word == name and at + 1 < len(argv):
                found = argv[at + 1]
            elif name.startswith("--") and word.startswith(name + "="):
                found = word[len(name) + 1 :]
            elif not name.startswith("--") and len(word) > 2 and word.startswith(name) and not word.startswith("--"):
                found = word[2:]
    return found


def python_literals(text: str) -> tuple[dict[str, object], frozenset[str]]:
    """(literal assignments, names assigned in any other way) at the top level. Raises SyntaxError or ValueError."""
    known: dict[str, object] = {}
    computed: set[str] = set()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # their warnings are not ours
        body = ast.parse(text).body
    for node in body:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        names = [target.id for target in targets if isinstance(target, ast.Name)]
        value = getattr(node, "value", None)
        try:
            literal = ast.literal_eval(value) if value is not None else None
            known |= dict.fromkeys(names, literal)
            computed -= set(names)
        except (ValueError, TypeError):
            computed |= set(names)
        if not targets:  # an `if`, a function that says `global`, an import of everything: assignments hide in it
            computed |= {item.id for item in ast.walk(node) if isinstance(item, ast.Name) and isinstance(item.ctx, ast.Store)}
            computed |= {"*"} if isinstance(node, ast.ImportFrom) and any(item.name == "*" for item in node.names) else set()
    return known, frozenset(computed)


def gunicorn_config(argv: Sequence[str], cwd: str | None) -> tuple[str | None, bool]:
    """(path of the configuration file, whether it was named). `python:module` cannot be followed and gives None."""
    named = option(argv, "-c", "--config")
    folder = option(argv, "--chdir") or cwd or ""
    if named is None:
        return (posixpath.join(folder, "gunicorn.conf.py") if folder.startswith("/") else None), False
    path = posixpath.normpath(posixpath.join(cwd or "", named.removeprefix("file:")))
    return (path if path.startswith("/") and not named.startswith("python:") else None), True


def gunicorn_limit(argv: Sequence[str], where: str, config: str | None, config_path: str = "") -> Limit:
    """gunicorn's limit for one request. Only synchronous workers have one: others go on beating while a request runs."""
    known: dict[str, object] = {}
    computed: frozenset[str] = frozenset()
    if config is not None:
        try:
            known, computed = python_literals(config)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return Limit(ms=None, where=config_path, problem="the configuration is no Python that can be parsed")
    worker = option(argv, "-k", "--worker-class")
    threads = option(argv, "--threads")
    timeout = option(argv, "-t", "--timeout")
    asked = {"worker_class": worker, "threads": threads, "timeout": timeout}
    for name, value in asked.items():
        if value is None and (name in computed or "*" in computed):
            return Limit(ms=None, where=config_path, problem=f"`{name}` is computed when gunicorn starts")
    kind = worker or known.get("worker_class", "sync")
    number = _whole(threads if threads is not None else known.get("threads", 1))
    if kind not in ("sync", "gunicorn.workers.sync.SyncWorker") or (number or 1) > 1:
        return Limit(ms=None, where=where if worker or threads else config_path or where)
    raw = timeout if timeout is not None else known.get("timeout", GUNICORN_DEFAULT_S)
    seconds = _whole(raw)
    if seconds is None:
        return Limit(ms=None, where=config_path or where, problem="its timeout is no whole number")
    from_file = timeout is None and "timeout" in known
    origin = config_path if from_file else where if timeout is not None else f"{where} (gunicorn's default)"
    return Limit(ms=seconds * 1000 or None, where=origin)


def uwsgi_limit(argv: Sequence[str], where: str, ini: str | None, ini_path: str = "") -> Limit:
    """uwsgi's harakiri; without one a request may run for ever."""
    raw: object = option(argv, "--harakiri", "-t")
    if raw is not None:
        seconds = _whole(raw)
        return Limit(
            ms=(seconds or 0) * 1000 or None, where=where, problem="" if seconds is not None else "harakiri is no number"
        )
    if ini is not None:
        import configparser  # only this asks for it, and starts are many

        parser = configparser.ConfigParser(interpolation=None, strict=False, allow_no_value=True)
        try:
            parser.read_string(ini)
        except configparser.Error:
            return Limit(ms=None, where=ini_path, problem="the configuration is no INI file")
        if parser.has_option("uwsgi", "harakiri"):
            seconds = _whole(parser.get("uwsgi", "harakiri"))
            problem = "" if seconds is not None else "harakiri is computed"
            return Limit(ms=(seconds or 0) * 1000 or None, where=ini_path, problem=problem)
    return Limit(ms=None, where=ini_path or where)


_HAPROXY_UNITS = {"us": 0.001, "ms": 1, "": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def haproxy_ms(text: str) -> int | None:
    """HAProxy's notation of a time: milliseconds unless it names a unit."""
    match = re.fullmatch(r"(\d{1,12})(us|ms|[smhd]?)", text, re.ASCII)
    return int(int(match[1]) * _HAPROXY_UNITS[match[2]]) if match else None


def haproxy_sections(text: str) -> Iterator[Section]:
    """frontend, listen and backend sections with what `defaults` gives them."""
    default: int | None = None
    kind, current = "", Section(name="", line=0)
    for number, line in enumerate([*text.splitlines(), "end"], 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        if words[0] in (
            "global",
            "defaults",
            "frontend",
            "listen",
            "backend",
            "end",
            "peers",
            "userlist",
            "resolvers",
            "cache",
        ):
            if kind in ("frontend", "listen", "backend"):
                yield current
            kind, default = words[0], None if words[0] == "defaults" else default
            current = Section(name=words[1] if len(words) > 1 else "", wait_ms=default, line=number)
        elif words[:2] == ["timeout", "server"] and len(words) > 2:
            wait = haproxy_ms(words[2])
            default = wait if kind == "defaults" else default
            current = current.model_copy(update={"wait_ms": wait})
        elif words[0] == "bind" and len(words) > 1:
            current = current.model_copy(update={"binds": (*current.binds, *words[1].split(","))})
        elif words[0] == "server" and len(words) > 2:
            current = current.model_copy(update={"servers": (*current.servers, words[2])})
        elif words[0] in ("use_backend", "default_backend") and len(words) > 1:
            current = current.model_copy(update={"uses": (*current.uses, words[1])})


def _whole(value: object) -> int | None:
    text = str(value).strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 and not isinstance(value, bool) else None
