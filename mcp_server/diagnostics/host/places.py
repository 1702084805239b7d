"""Which places can be named as target here: this host, and the contexts of docker and kubectl. Listed, never switched."""

from collections.abc import Iterator

from mcp_server.core.address import Address
from mcp_server.core.declare import Diagnostic, Facts
from mcp_server.core.docker_calls import ReadDockerContexts
from mcp_server.core.kubernetes_calls import ReadContexts
from mcp_server.core.noun import Noun
from mcp_server.core.outcome import Finding, Statement
from mcp_server.core.parameters import Parameters
from mcp_server.core.reader import Reader

LISTED = 100


class Params(Parameters):
    """None."""


class NamedPlace(Noun):
    """An address as `target` takes it; `note` says what else is known of it."""

    target: str
    note: str = ""
    evidence: str = ""


class PlacesFacts(Facts):
    """Everything that can be named."""

    places: tuple[NamedPlace, ...] = ()


DIAGNOSTIC = Diagnostic(
    question="Which places can be named as target: docker's and kubectl's contexts? Whether they answer: preflight target=…",
    area="host",
    facts=PlacesFacts,
    tool=False,
    next=("preflight",),
)


def collect(reader: Reader, params: Params) -> PlacesFacts:
    """Names and addresses from the configuration of docker and kubectl; nobody is connected to."""
    found = [NamedPlace(target="local", note="this host")]
    with reader.part("contexts of docker"):
        docker = reader.look(ReadDockerContexts())
        found += [
            NamedPlace(target=str(Address("docker", (item.name,))), note=item.endpoint, evidence=docker.evidence)
            for item in docker.value.contexts
        ]
        for path, why in docker.value.failed.items():
            reader.blind(path, why, "mend it, or remove the context")
    with reader.part("contexts of kubectl"):
        kubernetes = reader.look(ReadContexts())
        found += [
            NamedPlace(target=str(Address("k8s", (name,))), evidence=kubernetes.evidence) for name in kubernetes.value.names
        ]
        if not kubernetes.value.names:
            reader.empty("contexts of kubectl")
    return PlacesFacts(places=tuple(found))


def judge(facts: PlacesFacts, params: Params) -> Iterator[Finding]:
    """A list judges nothing."""
    yield from ()


def show(facts: PlacesFacts, params: Params) -> Iterator[Statement]:
    """One line each; a part of a place is named behind it."""
    for item in facts.places[:LISTED]:
        evidence = (item.evidence,) if item.evidence else ()
        yield Statement(text="{target}" + ("  {note}" if item.note else ""), values=item.model_dump(), evidence=evidence)
    if len(facts.places) > LISTED:
        yield Statement(text="{count} more are not listed", values={"count": len(facts.places) - LISTED})
    yield Statement(text="parts are named behind it: docker://CONTEXT/CONTAINER, k8s://CONTEXT/NAMESPACE/KIND/NAME")
