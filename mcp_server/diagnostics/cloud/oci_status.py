"""Does an instance or container instance of Oracle Cloud run, by what its control plane says?"""

from collections.abc import Iterator

from pydantic import Field

from mcp_server.core.declare import Diagnostic, Facts
from mcp_server.core.oci_calls import OCID, OciResource, ReadOciResource
from mcp_server.core.outcome import Finding, FindingType, Statement
from mcp_server.core.parameters import Parameters
from mcp_server.core.reader import Reader

RUNNING = ("RUNNING", "ACTIVE")
CHANGING = ("STARTING", "STOPPING", "PROVISIONING", "CREATING", "UPDATING", "MOVING", "CREATING_IMAGE")


class Params(Parameters):
    """Which resource, with whose rights."""

    id: str = Field(max_length=250, pattern=f"^{OCID.pattern}$", description="OCID of an instance or container instance")
    profile: str = Field("DEFAULT", max_length=60, pattern=r"^[\w.-]+$", description="Profile of the configuration file")
    config_file: str | None = Field(
        None, max_length=1_000, pattern=r"^/[^\x00]*$", description="Configuration file; default: the SDK's"
    )
    endpoint: str | None = Field(
        None, max_length=300, pattern=r"^https?://[\w.:\[\]/-]+$", description="Address of the service; default: the region's"
    )


class OciFacts(Facts):
    """What the control plane said."""

    resource: OciResource
    evidence: str


NOT_RUNNING = FindingType(
    code="not_running",
    text="{name} is {state} {fault}",
    severity="critical",
    meaning="The control plane says that it does not run.",
    advice="What changed says who stopped it; plan_action can start it.",
)
IN_CHANGE = FindingType(
    code="in_change",
    text="{name} is {state}: the control plane is at work on it",
    meaning="It neither runs nor rests yet.",
    advice="Ask again; when it stays so for minutes, look at its work requests.",
)


def collect(reader: Reader, params: Params) -> OciFacts:
    """One look."""
    call = ReadOciResource(id=params.id, profile=params.profile, config_file=params.config_file, endpoint=params.endpoint)
    seen = reader.look(call)
    return OciFacts(resource=seen.value, evidence=seen.evidence)


def judge(facts: OciFacts, params: Params) -> Iterator[Finding]:
    """Only running is well."""
    found = facts.resource
    if found.state in CHANGING:
        yield IN_CHANGE.found(facts.evidence, component=found.id, name=found.name, state=found.state)
    elif found.state not in RUNNING:
        yield NOT_RUNNING.found(facts.evidence, component=found.id, name=found.name, state=found.state, fault=found.fault)


def show(facts: OciFacts, params: Params) -> Iterator[Statement]:
    """Its state in one line."""
    found = facts.resource
    yield Statement(
        text="{name} ({shape}) is {state}", values={"name": found.name, "shape": found.shape, "state": found.state},
        evidence=(facts.evidence,),
    )  # fmt: skip


DIAGNOSTIC = Diagnostic(
    question="Does this instance or container instance of Oracle Cloud run?",
    area="cloud",
    facts=OciFacts,
    timeout_s=30,
    tool=False,
    examples=({"id": "ocid1.instance.oc1.eu-frankfurt-1.antheljrexample"},),
)
