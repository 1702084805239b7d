"""Images that cannot be had: name, tag, registry, secret."""

import re
from collections.abc import Iterator

from mcp_server.cluster.cause import DOWN, Cause, CauseType
from mcp_server.cluster.objects import key_of, parts, space_of, words
from mcp_server.cluster.patterns import Pattern
from mcp_server.cluster.pods import Container, every_container
from mcp_server.cluster.world import Cluster

_MEANING = "The container never starts; its pods stay unready."

NOT_FOUND = CauseType(
    code="image_not_found",
    text="the registry has no image {image} for container {container}: its name or tag {tag} does not exist",
    confirm="list the tags of {repository} in the registry; compare with the image of the revision before",
    meaning=_MEANING, explains=(*DOWN, "image_pull_failed"),
)  # fmt: skip
DENIED = CauseType(
    code="image_denied",
    text="the registry refuses image {image} to container {container}: no or wrong credentials (imagePullSecrets: {secrets})",
    confirm="see that a Secret of type kubernetes.io/dockerconfigjson for that registry stands in imagePullSecrets and "
    "is current;"
    " some registries say the same for an image that does not exist",
    meaning=_MEANING,
    explains=(*DOWN, "image_pull_failed"),
)
SECRET_MISSING = CauseType(
    code="pull_secret_missing",
    text="imagePullSecrets names Secret {secret}, which does not exist in namespace {namespace}",
    confirm="kubectl -n {namespace} get secret {secret}",
    meaning="Images of a private registry cannot be pulled.", explains=(*DOWN, "image_denied", "image_pull_failed"),
)  # fmt: skip
REGISTRY = CauseType(
    code="registry_unreachable",
    text="the registry of image {image} (container {container}) cannot be reached from node {node}",
    confirm="resolve and connect to the registry's host from that node; compare the host's spelling in the image name",
    meaning=_MEANING, explains=(*DOWN, "image_pull_failed"),
)  # fmt: skip
TLS = CauseType(
    code="registry_certificate",
    text="node {node} does not trust the registry of image {image}, or the registry speaks plain HTTP",
    confirm="look at the registry's certificate from that node, and at the container runtime's registry settings",
    meaning=_MEANING, explains=(*DOWN, "image_pull_failed"),
)  # fmt: skip
LIMITED = CauseType(
    code="registry_rate_limit",
    text="the registry limits how often image {image} may be pulled",
    confirm="ask the registry for the limit that is left; pull with an account or from a mirror",
    meaning=_MEANING, explains=(*DOWN, "image_pull_failed"),
)  # fmt: skip
INVALID = CauseType(
    code="image_name_invalid",
    text="{image} of container {container} is no valid image name",
    confirm="compare it with registry/name:tag in lower case",
    meaning=_MEANING, explains=DOWN,
)  # fmt: skip
NEVER = CauseType(
    code="image_never_pulled",
    text="container {container} has imagePullPolicy Never, and image {image} is not on node {node}",
    confirm="list the images of that node (crictl images), or change imagePullPolicy",
    meaning=_MEANING, explains=DOWN,
)  # fmt: skip
PLATFORM = CauseType(
    code="image_platform",
    text="image {image} of container {container} is not built for the platform of node {node}",
    confirm="compare the platforms in the image's manifest with kubernetes.io/arch of the node",
    meaning="The program cannot be executed on that processor.",
    explains=(*DOWN, "crash_loop", "image_pull_failed", "command_not_permitted", "init_container_fails"),
)  # fmt: skip
FORMAT = CauseType(
    code="image_format_unsupported",
    text="the runtime of node {node} does not take image {image}: its format is no longer, or not yet, supported",
    confirm="look at the media type in the image's manifest; build and push it anew with a current tool",
    meaning=_MEANING, explains=(*DOWN, "image_pull_failed"),
)  # fmt: skip
SIGNATURE = CauseType(
    code="image_signature_invalid",
    text="image {image} of container {container} fails the signature check of node {node}",
    confirm="compare the node's signature policy with who signed the image; see whether the tag was pushed anew unsigned",
    meaning="The node's policy admits signed images only.", explains=(*DOWN, "image_pull_failed"),
)  # fmt: skip
NO_SPACE = CauseType(
    code="image_no_space",
    text="node {node} has no space left to unpack image {image}",
    confirm="see the use of the disk that holds the runtime's images on that node (df, crictl imagefsinfo)",
    meaning="No image that is not on the node already can be started there.", explains=(*DOWN, "image_pull_failed"),
)  # fmt: skip
FAILED = CauseType(
    code="image_pull_failed",
    text="image {image} of container {container} cannot be pulled; the events that say why are gone",
    confirm="describe a pod right after it was created, and look for the tag {tag} in the registry",
    meaning=_MEANING, explains=DOWN,
)  # fmt: skip

_PATTERNS = (
    (LIMITED, Pattern(r"toomanyrequests|rate limit|429 Too Many|QPS exceeded", re.I)),
    (NO_SPACE, Pattern(r"no space left on device", re.I)),
    (
        PLATFORM,
        Pattern(
            r"no match(ing manifest)? for (platform|[a-z]+/[a-z0-9]+)|does not match the (specified|host) platform"
            r"|no image found in (image index|manifest list) for architecture",
            re.I,
        ),
    ),
    (FORMAT, Pattern(r"media type \S+ is no longer supported|schema 1 manifest|unsupported (manifest )?media ?type", re.I)),
    (SIGNATURE, Pattern(r"signature validation failed|A signature was required|signature for identity", re.I)),
    (INVALID, Pattern(r"invalid reference format|couldn't parse image name", re.I)),
    (
        TLS,
        Pattern(
            r"x509:|server gave HTTP response to HTTPS client|tls: (?!handshake timeout)|certificate signed by unknown", re.I
        ),
    ),
    (
        REGISTRY,
        Pattern(
            r"no such host|i/o timeout|connection refused|no route to host|dial tcp|network is unreachable"
            r"|server misbehaving|Client\.Timeout|connection reset|50[0234] |TLS handshake timeout|registry is unavailable"
            r"|deadline ?exceeded|unexpected EOF",
            re.I,
        ),
    ),
    (
        DENIED,
        Pattern(
            r"unauthorized|authentication required|access denied|denied:|\b401\b|\b403\b|forbidden"
            r"|no basic auth|insufficient_scope|authorization failed|access to the resource is denied",
            re.I,
        ),
    ),
    (NOT_FOUND, Pattern(r"manifest unknown|not found|does not exist|name unknown|manifest for .+ unknown|\b404\b", re.I)),
)
_PULLS = ("ErrImagePull", "ImagePullBackOff", "ImageInspectError", "RegistryUnavailable", "SignatureValidationFailed")
_HUB = Pattern(r"does not exist|docker\.io/\S+: requested access to the resource is denied")
_FORMAT = Pattern(r"exec(?: user process caused:?)?.*exec format error|cannot execute binary file: exec format", re.I)
_SIMPLE = {"InvalidImageName": INVALID, "ErrImageNeverPull": NEVER}


def find(cluster: Cluster) -> Iterator[Cause]:
    """One cause per container that waits for its image; missing pull secrets wherever they are named."""
    for item in every_container(cluster):
        if item.waiting in _SIMPLE:
            yield _cause(cluster, _SIMPLE[item.waiting], item, [item.state()])
        elif item.waiting in _PULLS:
            yield from _pull(cluster, item)
        elif not item.ready and (lines := _foreign(cluster, item)):
            yield _cause(cluster, PLATFORM, item, lines)
    yield from _secrets(cluster)


def _foreign(cluster: Cluster, item: Container) -> list[str]:
    """What is said of a program for another processor: by the runtime, or in place of the program's own first line."""
    said = [f"log: {line}" for line in cluster.log(item.pod, item.name)[-5:]] + [item.state(), item.end()]
    return [line for line in said if _FORMAT.search(line)]


def _pull(cluster: Cluster, item: Container) -> Iterator[Cause]:
    image = words(item.spec, "image")
    told = [event.line() for event in cluster.events(item.pod, "Failed", "BackOff", "InspectFailed")]
    about = [line for line in told if image in line] or [line for line in told if "pull" in line.lower()]
    said = [item.state(), *reversed(about)]
    for kind, pattern in _PATTERNS:
        # the image's own name is no message: `not-found:1.0` proves nothing
        if any(pattern.search(line.replace(image, "") if image else line) for line in said):
            if kind is DENIED and _HUB.search(" ".join(said)) and not parts(item.pod, "spec.imagePullSecrets"):
                # Docker Hub says both at once for a name that nobody has
                yield _cause(cluster, NOT_FOUND, item, said, "medium")
            else:
                yield _cause(cluster, kind, item, said)
            return
    yield _cause(cluster, FAILED, item, said, "medium")


def _cause(cluster: Cluster, kind: CauseType, item: Container, quotes: list[str], sure: str = "high") -> Cause:
    image = words(item.spec, "image")
    node = words(item.pod, "spec.nodeName") or "(unknown)"
    key, field = (("Node", "", node), "status.images") if kind is NO_SPACE else item.mend(cluster, "image")
    repository, _, tag = image.partition("@") if "@" in image else image.rpartition(":")
    if "/" in tag or not repository:
        repository, tag = image, "latest"
    secrets = ", ".join(words(secret, "name") for secret in parts(item.pod, "spec.imagePullSecrets")) or "none"
    return kind.of(
        key, field, "high" if sure == "high" else "medium", touches=[key_of(item.pod), cluster.root(item.pod)],
        quotes=quotes, image=image, container=item.name, tag=tag, repository=repository, secrets=secrets,
        node=node, component=cluster.root(item.pod) if kind is NO_SPACE else None,
    )  # fmt: skip


def _secrets(cluster: Cluster) -> Iterator[Cause]:
    for pod in cluster.all("Pod"):
        space = space_of(pod)
        said = [event.line() for event in cluster.events(pod, "FailedToRetrieveImagePullSecret")]
        for index, secret in enumerate(parts(pod, "spec.imagePullSecrets")):
            name = words(secret, "name")
            told = [line for line in said if name in line]
            waits = any(words(status, "state.waiting.reason") in _PULLS for status in parts(pod, "status.containerStatuses"))
            if (
                name
                and cluster.get("Secret", space, name) is None
                and (told or (waits and cluster.absent("Secret", space, name)))
            ):
                key, field = cluster.mend(pod, f"imagePullSecrets[{index}].name")
                yield SECRET_MISSING.of(
                    key, field, "high", touches=[key_of(pod), ("Secret", space, name)], quotes=told,
                    secret=name, namespace=space,
                )  # fmt: skip
