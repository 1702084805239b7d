"""An nginx configuration, read through the reader: never opened by a library, never by `nginx -t`.

The lexer and the table of directives are crossplane's. Its `parse` opens files by itself, so the blocks are walked here,
in one pass without recursion into blocks: nesting, includes, statements and bytes are bounded.
"""

import difflib
import posixpath
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from mcp_server.core.calls import FileText, ListFolder, ReadFile, ReadProcesses, Which
from mcp_server.core.errors import CouldNotLook, NotApplicable
from mcp_server.core.reader import Reader, Seen
from mcp_server.core.text import bytes_text
from mcp_server.logs.nginx_lex import Statement, SyntaxProblem, statements, top_level
from mcp_server.logs.nginx_model import NginxConfig, Noted, Pass, Problem, Site, Upstream

DEFAULT = "/etc/nginx/nginx.conf"
MAX_FILE = 1_048_576
MAX_BYTES = 4_194_304
MAX_FILES = 300
MAX_STATEMENTS = 100_000
MAX_PROBLEMS = 20
MAX_NESTING = 40
MAX_INCLUDES = 12
MAX_ENTERED = 2_000
"""Files entered, each as often as it is included."""

_PASSES = {
    "proxy_pass": "http", "fastcgi_pass": "fastcgi", "uwsgi_pass": "uwsgi", "scgi_pass": "scgi",
    "memcached_pass": "memcached", "grpc_pass": "grpc",
}  # fmt: skip
_NOTED = frozenset({
    "proxy_connect_timeout", "proxy_read_timeout", "proxy_send_timeout", "fastcgi_read_timeout", "uwsgi_read_timeout",
    "grpc_read_timeout", "scgi_read_timeout", "memcached_read_timeout", "send_timeout", "keepalive_timeout",
    "client_max_body_size", "error_log", "access_log", "pid", "user",
    "worker_connections",
})  # fmt: skip
_FREE = frozenset({"types", "map", "geo", "split_clients", "charset_map", "match"})
"""Blocks whose lines are data, not directives."""
_NEWER = frozenset({
    "http2", "http3", "http3_hq", "http3_max_concurrent_streams", "http3_stream_buffer_size", "quic_retry", "quic_gso",
    "quic_active_connection_id_limit", "quic_bpf", "quic_host_key", "ssl_reject_handshake", "keepalive_time", "resolver",
    "resolver_timeout", "proxy_cookie_flags", "ssl_certificate_cache", "proxy_ssl_certificate_cache", "max_headers",
    "ssl_object_cache_inheritable", "keepalive_min_timeout", "ssl_alpn", "proxy_pass_trailers", "ssl_key_log", "state",
    "ssl_conf_command", "proxy_ssl_conf_command", "grpc_ssl_conf_command", "uwsgi_ssl_conf_command", "proxy_half_close",
    "add_header_inherit", "mgmt",
})  # fmt: skip
"""Directives of nginx, or places for them, that are younger than the table."""
_MAIN = frozenset({"events", "http", "stream", "mail"})
_IN_HTTP = frozenset({"server", "upstream", "map", "geo", "log_format", "proxy_cache_path", "limit_req_zone"})
_IN_SERVER = frozenset({"location", "server_name", "listen", "proxy_pass"})


def read_config(reader: Reader, path: str) -> NginxConfig:
    """Read `path` and everything it includes. Raises CouldNotLook when the first file cannot be read, NotApplicable
    when the default path is asked and neither that file nor a program nor a process of nginx is here."""
    try:
        first = reader.look(ReadFile(path=path, length=MAX_FILE))
    except CouldNotLook as failure:
        if path == DEFAULT and failure.reason == "missing" and _no_nginx(reader):
            raise NotApplicable("nginx is not here: no configuration, no program, no process") from None
        raise
    walk = _Walk(reader, path, first)
    walk.file(path, _Frame(walk.outside), ())
    # a server_name may stand after the locations it names
    passes = [
        item.model_copy(update={"names": walk.sites[site].names, "site": site}) if site is not None else item
        for item, site in walk.passes
    ]
    return NginxConfig(
        path=path, evidence=first.evidence, files=tuple(walk.texts), fragment=walk.fragment, problems=tuple(walk.problems),
        sites=tuple(walk.sites), upstreams=tuple(walk.upstreams), passes=tuple(passes), noted=tuple(walk.noted[:200]),
    )  # fmt: skip


def _no_nginx(reader: Reader) -> bool:
    try:
        if reader.look(Which(program="nginx")).value.path:
            return False
        return not any(process.name == "nginx" for process in reader.look(ReadProcesses()).value.processes)
    except CouldNotLook:
        return False


@dataclass(frozen=True, slots=True)
class _Frame:
    """The block a statement stands in; `site` and `upstream` are places in the walk's lists."""

    context: tuple[str, ...]
    free: bool = False
    location: str | None = None
    site: int | None = None
    upstream: int | None = None
    block: tuple[int, ...] = ()


class _Enough(Exception):
    """A limit was reached; it has been said."""


class _Walk:
    """One pass over a configuration; what it finds is in its lists."""

    def __init__(self, reader: Reader, path: str, first: Seen[FileText]) -> None:
        self._reader = reader
        self.texts: dict[str, Seen[FileText]] = {}
        self._globs: dict[str, tuple[str, ...]] = {}
        self._bytes = self._statements = self._entered = self._blocks = 0
        self._foreign = False
        self.problems: list[Problem] = []
        self.sites: list[Site] = []
        self.upstreams: list[Upstream] = []
        self.passes: list[tuple[Pass, int | None]] = []
        self.noted: list[Noted] = []
        self._keep(path, first)
        top = top_level(first.value.text)
        self.fragment = not top & _MAIN and bool(top & (_IN_HTTP | _IN_SERVER))
        self.outside = () if not self.fragment else ("http",) if top & _IN_HTTP else ("http", "server")
        # a relative include is relative to the main file's folder, which lies above the usual folders of parts
        folder = posixpath.dirname(path)
        part = posixpath.basename(folder) in ("sites-enabled", "sites-available", "conf.d", "snippets")
        self._base = posixpath.dirname(folder) if self.fragment and part else folder

    def file(self, path: str, frame: _Frame, above: tuple[str, ...]) -> None:
        """Walk one file that stands in `frame`."""
        frames = [frame]
        try:
            for statement in statements(self.texts[path].value.text):
                self._statements += 1
                if self._statements > MAX_STATEMENTS:
                    self._reader.cut(path, f"more than {MAX_STATEMENTS} statements; name a smaller part with conf=")
                    raise _Enough
                if statement.name:
                    inner = self._statement(path, statement, frames[-1], above)
                    if statement.term == "{":
                        if len(frames) > MAX_NESTING:
                            self._reader.cut(path, f"blocks nested deeper than {MAX_NESTING} at line {statement.line}")
                            raise _Enough
                        frames.append(inner)
                if statement.term == "}":
                    frames.pop()
        except SyntaxProblem as error:
            self._problem("syntax", path, error.line, error.message)
        except _Enough:
            if above:
                raise

    def _statement(self, path: str, statement: Statement, frame: _Frame, above: tuple[str, ...]) -> _Frame:
        """Check and note one statement; returns the frame of its block."""
        if statement.name == "include" and statement.args:
            self._include(path, statement, frame, above)
            return frame
        if frame.free or not self._checked(path, statement, frame):
            return replace(frame, free=True)
        if statement.name == "load_module":
            self._foreign = True
        args, evidence = statement.args, self.texts[path].evidence
        if statement.name in _PASSES and args:
            scheme = "tcp" if frame.context[:1] == ("stream",) else _PASSES[statement.name]
            item = Pass(
                scheme=scheme, to=args[0], location=frame.location, block=frame.block, file=path, line=statement.line,
                evidence=evidence,
            )  # fmt: skip
            self.passes.append((item, frame.site))
        elif statement.name in ("server_name", "listen") and frame.site is not None:
            site = self.sites[frame.site]
            key, had = ("names", site.names) if statement.name == "server_name" else ("listen", site.listen)
            self.sites[frame.site] = site.model_copy(update={key: (*had, *(args if key == "names" else [" ".join(args)]))})
        elif statement.name == "server" and frame.upstream is not None and statement.term == ";":
            upstream = self.upstreams[frame.upstream]
            servers = (*upstream.servers, " ".join(args))
            self.upstreams[frame.upstream] = upstream.model_copy(update={"servers": servers})
        elif statement.name in _NOTED:
            self.noted.append(
                Noted(name=statement.name, value=" ".join(args), block=frame.block, file=path, line=statement.line)
            )
        if statement.term != "{":
            return frame
        return self._block(path, statement, frame)

    def _block(self, path: str, statement: Statement, frame: _Frame) -> _Frame:
        from crossplane.analyzer import enter_block_ctx

        name, args = statement.name, statement.args
        self._blocks += 1
        block = (*frame.block, self._blocks)
        inner = replace(frame, block=block, context=enter_block_ctx({"directive": name}, frame.context), free=name in _FREE)
        if name == "location":
            return replace(inner, location=" ".join(args))
        if name == "server":
            self.sites.append(Site(file=path, line=statement.line))
            return replace(inner, site=len(self.sites) - 1, location=None)
        if name == "upstream" and args:
            evidence = self.texts[path].evidence
            self.upstreams.append(Upstream(name=args[0], file=path, line=statement.line, evidence=evidence))
            return replace(inner, upstream=len(self.upstreams) - 1)
        return inner

    def _checked(self, path: str, statement: Statement, frame: _Frame) -> bool:
        """Whether the statement may stand here as it is; a problem is noted otherwise."""
        from crossplane.analyzer import DIRECTIVES, analyze
        from crossplane.errors import NgxParserBaseException

        name = statement.name
        if name in _NEWER or "_by_lua" in name or name.startswith("lua_"):
            return "_by_lua" not in name
        if name not in DIRECTIVES:
            close = difflib.get_close_matches(name[:60], DIRECTIVES, n=1, cutoff=0.85)
            if close or not (self._foreign or self.fragment):
                hint = f" (like {close[0]})" if close else ""
                self._problem("syntax", path, statement.line, f'unknown directive "{name[:60]}"{hint}')
            else:
                self._reader.blind(
                    f"directive {name[:60]}", "not known here; it may be a loaded module's", f"{path}:{statement.line}"
                )
            return False
        stmt = {"directive": name, "line": statement.line, "args": list(statement.args)}
        try:
            analyze(fname=path, stmt=stmt, term=statement.term, ctx=frame.context)
        except NgxParserBaseException as error:
            self._problem("syntax", path, statement.line, str(error.strerror))
            return False
        return True

    def _include(self, path: str, statement: Statement, frame: _Frame, above: tuple[str, ...]) -> None:
        pattern = posixpath.normpath(posixpath.join(self._base, statement.args[0]))
        if pattern in (*above, path):
            self._problem("syntax", path, statement.line, f"include loop: {pattern} includes itself")
            return
        if len(above) >= MAX_INCLUDES:
            self._reader.cut(pattern, f"includes nested deeper than {MAX_INCLUDES}")
            return
        is_glob = any(ch in pattern for ch in "*?[")
        if is_glob and pattern not in self._globs:
            self._globs[pattern] = self._matching(pattern)
        for name in self._globs[pattern] if is_glob else (pattern,):
            if name in (*above, path):
                self._problem("syntax", path, statement.line, f"include loop: {name} includes itself")
            elif self._readable(name, path, statement.line):
                self._entered += 1
                if self._entered > MAX_ENTERED:
                    self._reader.cut(path, f"more than {MAX_ENTERED} includes; name a smaller part with conf=")
                    raise _Enough
                self.file(name, frame, (*above, path))

    def _matching(self, pattern: str) -> tuple[str, ...]:
        folder, last = posixpath.split(pattern)
        if any(ch in folder for ch in "*?["):
            self._reader.blind(
                f"include {pattern}", "a pattern in the folder's name is not followed", "name the file with conf="
            )
            return ()
        try:
            seen = self._reader.look(ListFolder(path=folder, pattern=last, limit=MAX_FILES)).value
        except CouldNotLook as failure:
            if failure.reason != "missing":  # nginx, too, takes a pattern without a match for nothing
                self._reader.blind(f"include {pattern}", f"{failure.reason}: {failure.detail}", failure.remedy)
            return ()
        if seen.cut:
            self._reader.cut(pattern, seen.cut)
        names = [posixpath.join(folder, posixpath.basename(item.path)) for item in seen.entries if item.type != "folder"]
        hidden = last.startswith(".")
        return tuple(
            sorted(
                name
                for name in names
                if fnmatchcase(posixpath.basename(name), last) and (hidden or not posixpath.basename(name).startswith("."))
            )
        )

    def _readable(self, name: str, includer: str, line: int) -> bool:
        if name in self.texts:
            return True
        if len(self.texts) >= MAX_FILES or self._bytes >= MAX_BYTES:
            self._reader.cut(name, f"more than {MAX_FILES} files or {bytes_text(MAX_BYTES)} of configuration")
            raise _Enough
        try:
            self._keep(name, self._reader.look(ReadFile(path=name, length=MAX_FILE)))
        except CouldNotLook as failure:
            if failure.reason == "missing":
                self._problem("include", includer, line, f"{name} does not exist")
            else:
                self._reader.blind(name, f"{failure.reason}: {failure.detail}", failure.remedy)
            return False
        return True

    def _keep(self, name: str, seen: Seen[FileText]) -> None:
        self.texts[name] = seen
        self._bytes += len(seen.value.text)
        if seen.value.end < seen.value.size:
            self._reader.cut(name, f"only its first {bytes_text(seen.value.end)} were read")

    def _problem(self, kind: str, path: str, line: int | None, message: str) -> None:
        seen = self.texts[path]
        if kind == "syntax" and ("‹secret:" in seen.value.text or seen.value.end < seen.value.size):
            self._reader.blind(
                f"{path}:{line}", f"{message}: but parts of it were withheld here", "ask its owner for `nginx -t`"
            )
        elif len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(kind=kind, file=path, line=line, message=message[:300], evidence=seen.evidence))
