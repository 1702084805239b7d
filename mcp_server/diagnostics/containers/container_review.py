"""Are containers made and run as containers should be: pinned, not root, limited, checked, without secrets inside?"""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta

from pydantic import Field

from mcp_server.core.clock import Moment
from mcp_server.core.container_lines import image_lines
from mcp_server.core.declare import Diagnostic, Facts
from mcp_server.core.docker_calls import Container, Image, ReadContainers, ReadImages
from mcp_server.core.outcome import Finding, FindingType, Statement
from mcp_server.core.parameters import Parameters
from mcp_server.core.reader import Reader
from mcp_server.core.text import amount

NAMED = 12
"""Containers that one finding names."""


class Params(Parameters):
    """What counts as old, and which containers are reviewed."""

    old_days: int = Field(180, ge=1, le=3_650, description="Days since an image was made that are a finding")
    stopped: bool = Field(False, description="Review containers that do not run as well")


class ReviewFacts(Facts):
    """Containers and the images behind them; `images` is None where they could not be seen."""

    now: Moment
    containers: tuple[Container, ...] = ()
    left_out: int = 0
    images: tuple[Image, ...] | None = None
    tagged: dict[str, str] = {}
    containers_evidence: str = ""
    images_evidence: str | None = None


def _type(code: str, text: str, meaning: str, advice: str, severity: str = "warning") -> FindingType:
    return FindingType.model_validate(
        {"code": code, "text": "{containers}: " + text, "severity": severity, "meaning": meaning, "advice": advice}
    )


UNPINNED = _type(
    "unpinned_image", "the image is named without a version that stays ({details})",
    "The next creation may run other code, and nobody can say which ran before.",
    "Name a version, better a digest (name@sha256:…).",
)  # fmt: skip
MOVED = _type(
    "image_moved", "the image's name means another image by now ({details})",
    "What would be started anew is not what runs: a restart by recreation is a deployment.",
    "Compare both images before anything is recreated.",
)  # fmt: skip
OLD = _type(
    "old_image", "the image was made long ago ({details})",
    "Mended faults of its base have not reached it.", "Build it anew on a current base.", "info",
)  # fmt: skip
ROOT = _type(
    "runs_as_root", "the program runs as root",
    "A fault in it has every right inside, and fewer walls to the host.", "Give the image a USER, or the container a user.",
)  # fmt: skip
NO_LIMITS = _type(
    "no_limits", "nothing limits them ({details})",
    "One of them can take memory or processes from everything else on the host.", "Set limits from what they use.",
)  # fmt: skip
NO_HEALTH_CHECK = _type(
    "no_health_check", "there is no health check",
    "A program that hangs counts as running.", "Add a check that does what a caller does.",
)  # fmt: skip
SECRET_ENVIRONMENT = _type(
    "secret_in_environment", "secrets stand in environment variables ({details})",
    "Whoever may inspect the container, and every crash report, sees them.", "Hand them over as files (secrets, *_FILE).",
)  # fmt: skip
SECRET_IMAGE = _type(
    "secret_in_image", "secrets stand in the image or its history ({details})",
    "Whoever can pull the image has them; deleting a later layer does not help.",
    "Change the secret, and build with secret mounts instead of arguments.", "critical",
)  # fmt: skip
PRIVILEGED = _type(
    "privileged", "they can do what the host can ({details})",
    "A fault in them is a fault of the host.", "Take away what is not needed.", "critical",
)  # fmt: skip
DOCKER_SOCKET = _type(
    "docker_socket", "the daemon's socket is mounted into them",
    "Whoever controls them controls every container and the host.", "Use a proxy that allows reading only.", "critical",
)  # fmt: skip
UNBOUNDED_LOG = _type(
    "unbounded_log", "their log (json-file without max-size) grows without bound",
    "It ends with a full disk, for everything on the host.", "Set max-size and max-file, or the driver `local`.",
)  # fmt: skip
NO_RESTART = _type(
    "no_restart_policy", "nothing starts them again after an end or a boot",
    "They stay down until somebody notices.", "Set a restart policy, or name what supervises them.", "info",
)  # fmt: skip

DIAGNOSTIC = Diagnostic(
    question="Are containers pinned, not root, limited, health-checked and free of secrets (names only, never values)?",
    area="containers",
    facts=ReviewFacts,
    places=("docker",),
    timeout_s=30,
    tool=False,
    examples=({}, {"stopped": True, "old_days": 90}),
    next=("container_status", "container_limits"),
)


def collect(reader: Reader, params: Params) -> ReviewFacts:
    """Containers and their images."""
    seen = reader.look(ReadContainers())
    chosen = tuple(
        item for item in seen.value.containers if params.stopped or item.status in ("running", "restarting", "paused")
    )
    facts = ReviewFacts(
        now=reader.now, containers=chosen, left_out=len(seen.value.containers) - len(chosen), containers_evidence=seen.evidence
    )
    if seen.value.cut:
        reader.cut("containers", seen.value.cut)
    if not chosen:
        reader.empty("containers that run")
        return facts
    with reader.part("images of the containers"):
        images = reader.look(ReadImages())
        facts.images, facts.tagged, facts.images_evidence = images.value.images, images.value.tagged, images.evidence
        for name in images.value.missing:
            reader.blind(f"image {name[:19]}", "missing: the daemon has deleted it", "")
    return facts


_MOVING = re.compile(r"(?:latest|stable|main|master|edge|nightly|dev|current|lts|rolling)?")
_RIGHTS = ("ALL", "SYS_ADMIN", "SYS_PTRACE", "SYS_MODULE", "NET_ADMIN", "DAC_READ_SEARCH", "SYS_RAWIO", "BPF")


def judge(facts: ReviewFacts, params: Params) -> Iterator[Finding]:
    """One finding for each rule, naming the containers that break it."""
    images = {image.id: image for image in facts.images or ()}
    old = facts.now - timedelta(days=params.old_days)

    def made(item: Container) -> Image | None:
        return images.get(item.image_id)

    rules: tuple[tuple[FindingType, Callable[[Container], str | None]], ...] = (
        (UNPINNED, _unpinned),
        (MOVED, lambda item: item.image if facts.tagged.get(item.image, item.image_id) != item.image_id else None),
        (OLD, lambda item: _days(facts.now, image.created) if (image := made(item)) and image.created and image.created < old
         else None),
        (ROOT, lambda item: "" if _root(item.user) else None),
        (NO_LIMITS, _limitless),
        (NO_HEALTH_CHECK, lambda item: "" if item.health_command in ((), ("NONE",)) else None),
        (SECRET_ENVIRONMENT, lambda item: ", ".join(_own(item, made(item))) or None),
        (SECRET_IMAGE, lambda item: ", ".join(_baked(made(item))) or None),
        (PRIVILEGED, _powers),
        (DOCKER_SOCKET, lambda item: "" if any(mount.source.endswith("/docker.sock") for mount in item.mounts) else None),
        (UNBOUNDED_LOG, lambda item: None if item.log_limited else ""),
        (NO_RESTART, lambda item: "" if item.restart_policy == "no" and item.status == "running" else None),
    )  # fmt: skip
    for kind, rule in rules:
        broken = {item.name: told for item in facts.containers if (told := rule(item)) is not None}
        if broken:
            yield _found(facts, kind, broken)


def _found(facts: ReviewFacts, kind: FindingType, broken: dict[str, str]) -> Finding:
    names = list(broken)
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    details = [f"{name}: {told}" if len(names) > 1 else told for name, told in broken.items() if told][:NAMED]
    evidence = [facts.containers_evidence, *([facts.images_evidence] if facts.images_evidence else [])]
    return kind.found(
        *evidence, component=names[0] if len(names) == 1 else None, containers=", ".join(names[:NAMED]) + more,
        clues=tuple(f"container:{name}" for name in names[:NAMED]), details="; ".join(details),
    )  # fmt: skip


def _unpinned(item: Container) -> str | None:
    if "@sha256:" in item.image or item.image.startswith("sha256:"):
        return None
    tag = item.image.rpartition("/")[2].partition(":")[2]
    return item.image if _MOVING.fullmatch(tag) else None


def _days(now: Moment, then: Moment) -> str:
    return amount((now - then).days, "day")


def _root(user: str) -> bool:
    return user.partition(":")[0] in ("", "0", "root")


def _limitless(item: Container) -> str | None:
    lacking = [name for name, limit in (("memory", item.memory_limit), ("processes", item.pids_limit)) if not limit]
    return f"no limit of {' and '.join(lacking)}" if lacking else None


def _own(item: Container, image: Image | None) -> list[str]:
    """Secrets that were given to the container itself, not those that its image brings along."""
    return [name for name in item.secret_names if image is None or name not in image.secret_names]


def _baked(image: Image | None) -> list[str]:
    return list(dict.fromkeys((*image.secret_names, *image.secret_steps))) if image else []


def _powers(item: Container) -> str | None:
    powers = ["privileged"] if item.privileged else []
    powers += [name for name in (name.removeprefix("CAP_") for name in item.capabilities) if name in _RIGHTS]
    powers += [f"the host's {name} namespace" for name in item.host_namespaces if name != "network"]
    return ", ".join(powers) or None


def show(facts: ReviewFacts, params: Params) -> Iterator[Statement]:
    """How many were reviewed, and their images."""
    yield Statement(
        text="{count} reviewed, {left} that do not run left out",
        values={"count": amount(len(facts.containers), "container"), "left": facts.left_out},
        evidence=(facts.containers_evidence,),
    )
    if facts.images and facts.images_evidence:
        yield from image_lines(facts.images, facts.now, facts.images_evidence)
