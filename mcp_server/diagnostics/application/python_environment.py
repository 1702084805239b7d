"""Does the environment hold what this Python application imports?

Source and folders are read; no interpreter is run, nothing is imported.
"""

from collections.abc import Iterator

from pydantic import Field

from mcp_server.core.clues import canonical
from mcp_server.core.declare import Diagnostic, Facts
from mcp_server.core.outcome import Finding, FindingType, Severity, Statement
from mcp_server.core.parameters import Parameters
from mcp_server.core.reader import Reader
from mcp_server.logs.python_app import Damaged, Used, Wanted, confirmed, judged_by_ours, read_app, version_of, with_parents
from mcp_server.logs.python_env import read_environment
from mcp_server.logs.python_source import same_version, standard_modules


class Params(Parameters):
    """Which application, which environment."""

    root: str = Field(
        min_length=1, max_length=4_096, pattern=r"^/[^\x00]*$", description="Absolute path of the application's folder"
    )
    python: str | None = Field(
        None, max_length=4_096, pattern=r"^/[^\x00]*$",
        description="Virtual environment or interpreter that runs it; default: venv or .venv inside root",
    )  # fmt: skip
    entry: str | None = Field(
        None,
        max_length=200,
        pattern=r"^[A-Za-z_][\w.]*(:[\w.()]*)?$",
        description="Module the server imports, such as shop.wsgi",
    )


class PythonFacts(Facts):
    """What is imported and asked for, and what is installed."""

    python: str
    version: str | None = None
    installed: tuple[str, ...] = Field((), description="top-level modules outside the standard library")
    packages: dict[str, str] = Field({}, description="installed distributions and versions")
    own: tuple[str, ...] = Field((), description="the application's own modules, dotted")
    used: tuple[Used, ...] = ()
    wanted: tuple[Wanted, ...] = ()
    damaged: tuple[Damaged, ...] = ()
    doubts: tuple[str, ...] = ()
    files: int = 0
    evidence: tuple[str, ...] = ()


_DOWN = (
    "service_status.process_missing", "service_status.not_listening", "service_status.unit_failed",
    "service_status.restart_loop", "listening_ports.nobody_listens", "nginx_upstreams.upstream_refused",
    "nginx_upstreams.upstream_error", "recent_errors.upstream_refused", "http_check.connection_refused",
    "http_check.bad_gateway", "http_check.server_error",
)  # fmt: skip
"""What is seen of an application that cannot be imported."""

MODULE_MISSING = FindingType(
    code="module_missing",
    text="{file}:{line} imports {module}, which {python} does not hold",
    severity="critical",
    meaning="Importing that file fails with ModuleNotFoundError; a server that needs it does not start.",
    advice="See which change brought the import or took the package; install it, or go back, through a plan.",
    explains=("recent_errors.import_failed", *_DOWN),
)
REQUIREMENT_MISSING = FindingType(
    code="requirement_missing",
    text="{file}:{line} asks for {package}, which {python} does not hold",
    meaning="The environment was not brought up to the list, or belongs to another release.",
    advice="See whether the last deployment installed its requirements.",
)
VERSION_DIFFERS = FindingType(
    code="version_differs",
    text="{file}:{line} pins {package} {pinned}, installed is {installed}",
    meaning="The application runs with a version it was not tested with.",
    advice="See when and by whom the package was changed.",
)
SOURCE_DAMAGED = FindingType(
    code="source_damaged",
    text="{file}:{line} is no valid Python: {message}",
    severity="critical",
    meaning="Importing that file fails with SyntaxError.",
    advice="See the last change of this file.",
    explains=("recent_errors.other_errors", *_DOWN),
)

DIAGNOSTIC = Diagnostic(
    question="Does the Python environment hold what this application imports and asks for?",
    area="application",
    tool=False,
    facts=PythonFacts,
    timeout_s=30.0,
    examples=({"root": "/srv/shop", "entry": "shop.wsgi"}, {"root": "/srv/shop", "python": "/srv/shop/venv"}),
    next=("recent_errors", "what_changed", "service_status"),
)


def collect(reader: Reader, params: Params) -> PythonFacts:
    """List the environment, then read the application's files: what the entry reaches first, then the rest."""
    environment = read_environment(reader, params.root, params.python)
    app = read_app(reader, params.root, params.entry, environment.version)
    facts = PythonFacts(
        python=environment.folder, version=".".join(map(str, environment.version or ())) or None,
        installed=tuple(sorted(environment.modules)), packages=environment.packages, own=tuple(sorted(app.own)),
        used=tuple(app.used), damaged=tuple(app.damaged), wanted=tuple(app.wanted), files=app.files,
        evidence=(*environment.evidence, app.evidence),
    )  # fmt: skip
    # only for what seems to be missing: built modules, and packages in folders that are usually none
    facts.own += tuple(confirmed(reader, params.root, facts.own, dict.fromkeys(item.module for item in _missing(facts))))
    if environment.doubts and any(True for _ in _missing(facts)):
        facts.doubts = tuple(environment.doubts)
        for doubt in facts.doubts:
            reader.blind("modules outside the folders listed", doubt, "ask its interpreter by hand")
    return facts


def _missing(facts: PythonFacts) -> Iterator[Used]:
    """Imports that neither the standard library, the environment nor the application itself provides."""
    standard = standard_modules(version_of(facts.version))
    own = {name for module in facts.own for name in with_parents(module)}
    tops = {name.split(".")[0] for name in own}
    installed = {*facts.installed, *({"distutils"} if "_distutils_hack" in facts.installed else ())}
    for item in facts.used:
        top = item.module.split(".")[0]
        if top not in installed and (item.module not in own if top in tops else top not in standard):
            yield item


def judge(facts: PythonFacts, params: Params) -> Iterator[Finding]:
    """Missing modules (not while something unseen could bring them), damaged source, requirements not met."""
    told: set[tuple[str, bool | None]] = set()
    for item in _missing(facts) if not facts.doubts else ():
        if (item.module, item.reachable) in told:
            continue
        told.add((item.module, item.reachable))
        top = item.module.split(".")[0]
        severity = _severity(item.reachable) if item.sure else "info"
        yield MODULE_MISSING.found(
            item.evidence, *facts.evidence, component=top, severity=severity, file=item.file, line=item.line,
            module=item.module, python=facts.python, clues=(f"module:{top}", f"package:{canonical(top)}", f"path:{item.file}"),
        )  # fmt: skip
    for broken in facts.damaged:
        yield SOURCE_DAMAGED.found(
            broken.evidence, component=broken.file, severity=_severity(broken.reachable), clues=(f"path:{broken.file}",),
            file=broken.file, line=broken.line, message=broken.message,
        )  # fmt: skip
    for want in facts.wanted:
        installed = facts.packages.get(canonical(want.name))
        clues = (f"package:{canonical(want.name)}", f"path:{want.file}")
        if installed is None:
            yield REQUIREMENT_MISSING.found(
                want.evidence, *facts.evidence, component=want.name, clues=clues, line=want.line, python=facts.python,
                file=want.file, package=want.name,
            )  # fmt: skip
        elif want.pinned and not same_version(want.pinned, installed):
            yield VERSION_DIFFERS.found(
                want.evidence, *facts.evidence, component=want.name, clues=clues, line=want.line, pinned=want.pinned,
                installed=installed, file=want.file, package=want.name,
            )  # fmt: skip


def _severity(reachable: bool | None) -> Severity:
    return "warning" if reachable is None else "critical" if reachable else "info"


def show(facts: PythonFacts, params: Params) -> Iterator[Statement]:
    """How much was compared, so that `ok` comes with its number."""
    yield Statement(
        text="{files} source files: {used} imports and {wanted} requirements compared with {packages} packages in {python}",
        values={
            "files": facts.files, "used": len(facts.used), "wanted": len(facts.wanted), "packages": len(facts.packages),
            "python": facts.python,
        },
        evidence=facts.evidence,
    )  # fmt: skip
    if not judged_by_ours(version_of(facts.version)):
        yield Statement(
            text="it runs Python {version}; its standard library is judged by ours", values={"version": facts.version}
        )
