"""An operation as data: what one YAML file in `operations/` (or a team's own folder) says.

    summary: Restart one service
    risk: medium
    cooldown_s: 120
    parameters:
      service: {type: name, description: Declared service or unit}
    gates:
      rollback: {accept_loss: "…"}          # only where an act cannot be taken back
      communication: {tell_from: staging}
    kinds:
      systemd:
        facts: [{diagnostic: service_status, arguments: {unit: "{unit}"}}]
        steps: [{verb: restart_unit, arguments: {service: "{service}"}}]
        verify: {diagnostic: service_status, arguments: {unit: "{unit}"}, expect: ok, deadline_s: 30}

The file's name is the operation's name. `{x}` stands for a parameter or for a settled argument of a step (the first step
that has it). A text that is nothing but one place takes the value as it is; an argument whose value is absent is left out.
A kind that is not named cannot do it, and `refused` may say why.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, JsonValue, StringConstraints, create_model, model_validator

from mcp_server.core.noun import Noun
from mcp_server.core.outcome import Verdict
from mcp_server.core.parameters import Parameters
from mcp_server.core.plan import Kind, Protection, Risk

NAME = r"^[A-Za-z0-9][A-Za-z0-9_.@:+-]{0,119}$"
"""What a `name` may be: ASCII, no leading dash, no space, no slash. `..` is refused besides."""
PLACE = re.compile(r"\{([a-z][a-z0-9_]{0,39})\}")

ParameterType = Literal["name", "text", "integer", "number", "boolean", "path", "choice"]


class ParameterSpec(Noun):
    """One parameter of an operation. `default` makes it optional; without one it is required."""

    type: ParameterType
    description: str = Field(min_length=5, max_length=200)
    default: JsonValue = None
    optional: bool = False
    least: float | None = None
    most: float | None = None
    choices: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.type in ("integer", "number") and (self.least is None or self.most is None):
            raise ValueError(f"a {self.type} needs `least` and `most`")
        if self.type == "choice" and not self.choices:
            raise ValueError("a choice needs `choices`")
        return self

    def field(self) -> tuple[Any, Any]:
        """Type and field for a parameter record."""
        bounds: dict[str, Any] = {"description": self.description}
        kind: Any
        match self.type:
            case "name":
                kind = Annotated[str, StringConstraints(pattern=NAME, strip_whitespace=False)]
                bounds["max_length"] = 120
            case "path":
                kind = Annotated[str, StringConstraints(pattern=r"^/[^\x00-\x1f\x7f]*$", strip_whitespace=False)]
                bounds["max_length"] = 1_000
            case "choice":
                kind = Literal[self.choices]
            case "text":
                kind = str
                bounds["max_length"] = 300
            case "boolean":
                kind = bool
            case _:
                kind = int if self.type == "integer" else float
                bounds |= {"ge": self.least, "le": self.most}
        if self.default is None and not self.optional:
            return kind, Field(**bounds)
        return (kind | None if self.default is None else kind), Field(self.default, **bounds)


class StepSpec(Noun):
    """One step as declared. `undo: none` says that it cannot be taken back although its verb might."""

    verb: str = Field(pattern=r"^[a-z][a-z0-9_]{2,40}$")
    arguments: Mapping[str, JsonValue] = {}
    undo: Literal["computed", "none"] = "computed"


class Ask(Noun):
    """A diagnostic to ask before."""

    diagnostic: str
    arguments: Mapping[str, JsonValue] = {}


class VerifySpec(Ask):
    """The diagnostic that shows that it worked."""

    expect: Verdict = "ok"
    deadline_s: float = Field(30, gt=0, le=900)
    steady_s: float = Field(0, ge=0, le=300)


class KindSpec(Noun):
    """The translation for one kind of environment."""

    steps: tuple[StepSpec, ...] = Field(min_length=1, max_length=20)
    facts: tuple[Ask, ...] = Field((), max_length=10)
    verify: VerifySpec


class SafetyNeeds(Noun):
    """The safety gate: which findings before forbid it."""

    forbidden: tuple[str, ...] = Field((), description="finding codes (diagnostic.code) that must not stand")


class RollbackNeeds(Noun):
    """The rollback gate: passes where every step can be taken back, or where the loss is accepted here, in words."""

    accept_loss: str = Field("", max_length=300)


class CommunicationNeeds(Noun):
    """The communication gate: from which protection on somebody must have been told before."""

    tell_from: Protection | Literal["never"] = "staging"


class GateNeeds(Noun):
    """What each gate must know. The monitoring gate needs nothing: the verification must have been able to look now."""

    safety: SafetyNeeds = SafetyNeeds()
    rollback: RollbackNeeds = RollbackNeeds()
    communication: CommunicationNeeds = CommunicationNeeds()


class Operation(Noun):
    """One intention, with its translation for each kind of environment that can do it."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{2,40}$")
    summary: str = Field(min_length=10, max_length=160)
    risk: Risk
    approvers: Literal[1, 2] = 1
    cooldown_s: float = Field(0, ge=0, le=86_400)
    waiting: str = Field("", max_length=300, description="what it costs to wait with it, for the person who decides")
    parameters: Mapping[str, ParameterSpec] = {}
    gates: GateNeeds = GateNeeds()
    kinds: Mapping[Kind, KindSpec] = Field(min_length=1)
    refused: Mapping[Kind, str] = Field({}, description="why a kind cannot do it")
    digest: str = Field("", description="sha256 of the file")
    path: str = ""

    @model_validator(mode="after")
    def _places(self) -> Self:
        for name in self.parameters:
            if not PLACE.fullmatch(f"{{{name}}}") or hasattr(Parameters, name):
                raise ValueError(f"a parameter cannot be called `{name}`: use a-z 0-9 _, and no word of the record itself")
        for kind, spec in self.kinds.items():
            for step in spec.steps:
                for place in places(step.arguments):
                    if place not in self.parameters:
                        raise ValueError(f"{kind}: step {step.verb} has a place {{{place}}}, but no parameter is called so")
        return self

    def record(self) -> type[Parameters]:
        """The parameter record: `parse` refuses with a sentence, `input_schema` describes."""
        fields: dict[str, Any] = {name: spec.field() for name, spec in self.parameters.items()}
        return create_model(f"{self.name}_parameters", __base__=Parameters, **fields)


def places(value: JsonValue | Mapping[str, JsonValue]) -> tuple[str, ...]:
    """Names of the places inside a value."""
    if isinstance(value, str):
        return tuple(PLACE.findall(value))
    if isinstance(value, Mapping):
        return tuple(name for item in value.values() for name in places(item))
    return tuple(name for item in value for name in places(item)) if isinstance(value, list) else ()


def filled(arguments: Mapping[str, JsonValue], values: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """The arguments with every place taken; those that are nothing but a place without a value are left out."""
    found = {key: _fill(value, values) for key, value in arguments.items()}
    return {key: value for key, value in found.items() if value is not None or arguments[key] is None}


def _fill(value: JsonValue, values: Mapping[str, JsonValue]) -> JsonValue:
    if isinstance(value, str):
        if whole := PLACE.fullmatch(value):
            return values.get(whole[1])
        return PLACE.sub(lambda match: str(values.get(match[1], "")), value)
    if isinstance(value, Mapping):
        return filled(value, values)
    return [_fill(item, values) for item in value] if isinstance(value, list) else value
