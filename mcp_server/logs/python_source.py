"""Python source and lists of requirements as text: what a module imports when it is imported, what a project asks for."""

import ast
import re
import sys
import tomllib
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_TAG = re.compile(r"‹secret:([0-9a-f]{6})›")
_REMOVED = {
    (3, 12): ("asynchat", "asyncore", "distutils", "imp", "smtpd"),
    (3, 13): (
        "aifc", "audioop", "cgi", "cgitb", "chunk", "crypt", "imghdr", "lib2to3", "mailcap", "msilib", "nis", "nntplib",
        "ossaudiodev", "pipes", "sndhdr", "spwd", "sunau", "telnetlib", "uu", "xdrlib",
    ),
}  # fmt: skip
_GUARDS = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}
_SITUATION = {"TYPE_CHECKING", "version_info", "platform", "name", "__name__", "implementation", "PY2", "PY3", "argv"}
_NAME = re.compile(
    r"([A-Za-z0-9][A-Za-z0-9._-]{0,100})\s*(?:\[[^\]]{0,200}\])?\s*\(?\s*(?:===?\s*([A-Za-z0-9.!+_*-]{1,60}))?", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Import:
    """One import that runs when its module is imported. `names` are those of `from module import names`.

    `sure` is false under a condition that is not decided by the text.
    """

    module: str
    line: int
    names: tuple[str, ...] = ()
    sure: bool = True


def imports(text: str, module: str, *, is_package: bool) -> tuple[Import, ...]:
    """Imports of a module's own level: none of functions, none that a handler for ImportError or a check of the
    platform guards. Relative ones are resolved against `module`. Raises SyntaxError or ValueError for damaged text,
    RecursionError or MemoryError for text nested beyond measure.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an invalid escape in their source is no matter of ours
        # a redaction tag is no Python; as a name it is, inside quotes and outside
        tree = ast.parse(_TAG.sub(r"secret_\1", text).removeprefix("\ufeff"))
    package = module if is_package else module.rpartition(".")[0]
    return tuple(_imports(tree.body, package, sure=True))


def _imports(body: Iterable[ast.stmt], package: str, *, sure: bool) -> Iterator[Import]:
    for node in body:
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno, sure=sure) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _resolved(node, package)
            if base:
                yield Import(base, node.lineno, tuple(alias.name for alias in node.names), sure)
        elif isinstance(node, ast.If):
            words = {getattr(part, "id", getattr(part, "attr", None)) for part in ast.walk(node.test)}
            if not words & _SITUATION:
                yield from _imports([*node.body, *node.orelse], package, sure=False)
        elif isinstance(node, ast.Try | ast.TryStar):
            if not any(_catches(handler.type) for handler in node.handlers):
                yield from _imports(node.body, package, sure=sure)
            yield from _imports(node.finalbody, package, sure=sure)
        elif isinstance(node, ast.With):
            guarded = any(isinstance(item.context_expr, ast.Call) and _suppresses(item.context_expr) for item in node.items)
            yield from () if guarded else _imports(node.body, package, sure=sure)
        elif isinstance(node, ast.ClassDef):
            yield from _imports(node.body, package, sure=sure)


def _resolved(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    above = package.split(".")[: len(package.split(".")) - node.level + 1] if package else []
    return ".".join([*above, *([node.module] if node.module else [])])


def _catches(kind: ast.expr | None) -> bool:
    if kind is None:
        return True
    kinds = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return any(getattr(item, "id", getattr(item, "attr", "")) in _GUARDS for item in kinds)


def _suppresses(call: ast.Call) -> bool:
    return getattr(call.func, "id", getattr(call.func, "attr", "")) == "suppress" and any(map(_catches, call.args))


def standard_modules(version: tuple[int, int] | None) -> frozenset[str]:
    """Top-level modules that come with Python `version` (default ours), as far as our own tells."""
    names = set(sys.stdlib_module_names) | {"__main__", "_typeshed"}
    for since, removed in _REMOVED.items():
        names = names - set(removed) if version and version >= since else names | set(removed)
    return frozenset(names)


def requirements(text: str) -> Iterator[tuple[str, str | None, int]]:
    """(name, version pinned with == or None, line) of a requirements file. Options, addresses, and lines that hold only
    in some environments (`; python_version …`) are left out."""
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.split(" #", 1)[0].strip().removesuffix("\\").strip()
        if found := _requirement(line.split(" --", 1)[0]):
            yield (*found, number)


def project_requirements(text: str) -> Iterator[tuple[str, str | None, int]]:
    """The same of `[project] dependencies` in a pyproject.toml. Raises ValueError for text that is no TOML."""
    project = tomllib.loads(text).get("project", {})
    listed = project.get("dependencies", []) if isinstance(project, dict) else []
    for item in listed if isinstance(listed, list) else []:
        if isinstance(item, str) and (found := _requirement(item)):
            line = next((number for number, row in enumerate(text.split("\n"), 1) if item in row), 1)
            yield (*found, line)


def _requirement(text: str) -> tuple[str, str | None] | None:
    match = _NAME.match(text)
    if match is None or ";" in text or " @ " in text or "://" in text or text.startswith(("-", "#", ".", "/")):
        return None
    pinned = match[2]
    return match[1], None if pinned and "*" in pinned else pinned


def same_version(one: str, other: str) -> bool:
    """`1.0` is `1.0.0`; a local part (`+cu118`) counts only where both have one."""
    if "+" not in one or "+" not in other:
        one, other = one.split("+", 1)[0], other.split("+", 1)[0]
    return _plain(one) == _plain(other)


def _plain(version: str) -> str:
    text = version.lower().removeprefix("v").replace("_", "-")
    while text.endswith(".0"):
        text = text.removesuffix(".0")
    return re.sub(r"[-.]?(a|b|rc|post|dev)[-.]?(?=\d)", r"\1", text)
