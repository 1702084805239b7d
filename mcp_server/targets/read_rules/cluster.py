"""Kubernetes. Values of Secrets never come through here."""

import re

from mcp_server.targets.read_rule import Parsed, Rule, refusing, same

_GLOBAL = "-n=word --namespace=word --context=name --cluster=name --request-timeout=number -v=/[0-6]/ --v=/[0-6]/ -h --help"
# from level 7 on, kubectl logs what the server answered, Secrets included
_SELECT = "-A --all-namespaces -l=text --selector=text --field-selector=text --chunk-size=int --show-labels --no-headers"
_PRINT = (
    "-o=text --output=text --template=text --sort-by=text -L=name --label-columns=name --show-kind "
    "--show-managed-fields --output-watch-events=!false --ignore-not-found --server-print "
    "--allow-missing-template-keys --subresource=word -w=!false --watch=!false --watch-only=!false"
)
_OUTPUT = re.compile(r"(json|yaml|name|wide|kyaml|(jsonpath|jsonpath-as-json|go-template|custom-columns)=.*)", re.DOTALL)
_TABLES = (None, "wide", "name")


def is_secret(resource: str) -> bool:
    """Whether `secrets`, `secret/name`, `secret.v1.` or a list of types holding one names Secrets."""
    return any(part.split("/")[0].split(".")[0].lower() in ("secret", "secrets") for part in resource.split(","))


def _get(parsed: Parsed) -> str | None:
    output = parsed.value("-o", "--output")
    if output is not None and not _OUTPUT.fullmatch(output):
        return "this output format is not known as a read"
    named = [item for item in parsed.operands if is_secret(item)]
    if named and (output not in _TABLES or parsed.has("--template", "--sort-by", "-L", "--label-columns")):
        return "it would print the values of Secrets; ask without -o, or with -o name"
    if any("://" in item for item in parsed.operands):
        return "resources are named, not fetched from an address"
    return None


def _bounded(parsed: Parsed) -> str | None:
    return None if parsed.has("--watch", "-w", "--timeout") else "give --watch=false or --timeout"


_NAMES = "/[A-Za-z0-9][A-Za-z0-9_.,:@/-]*/"
_ENDLESS = refusing("it never ends; ask once", "-w --watch --watch-only -f --follow")
_FILES = refusing("it reads files or addresses instead of the cluster", "-f --filename -k --kustomize -R --recursive")

KUBECTL = Rule(
    style="go",
    flags=_GLOBAL,
    never={
        **refusing(
            "the cluster and its credentials come from the settings",
            "--kubeconfig --server -s --token --user --username --password --as --as-group --as-uid --client-key "
            "--client-certificate --certificate-authority --insecure-skip-tls-verify --tls-server-name "
            "--cache-dir",
        ),
        **refusing(
            "it writes to the cluster",
            "apply create delete edit patch replace scale label annotate expose run set autoscale cordon "
            "uncordon drain taint certificate diff",
        ),
        **refusing("it runs inside the cluster", "exec attach cp debug port-forward proxy"),
    },
    subs={
        "get": Rule(
            style="go",
            flags=f"{_SELECT} {_PRINT}",
            operands=_NAMES,
            least=1,
            check=_get,
            never={**_FILES, **_ENDLESS, "--raw": "it asks the server for any address"},
        ),
        "describe": Rule(style="go", flags=f"{_SELECT} --show-events", operands=_NAMES, least=1, never=_FILES),
        "logs": Rule(
            style="go",
            operands="/[A-Za-z0-9][A-Za-z0-9_./-]*/",
            most=2,
            never=_ENDLESS,
            flags=(
                "-c=word --container=word --all-containers -p --previous --since=number --since-time=text "
                "--tail=/-?\\d{1,9}/ --timestamps --limit-bytes=int -l=text --selector=text --prefix --ignore-errors "
                "--max-log-requests=int --all-pods -f=!false --follow=!false --pod-running-timeout=number"
            ),
        ),
        "top": Rule(
            style="go",
            subs=same(
                "pod pods po node nodes no",
                Rule(
                    style="go",
                    operands="word",
                    flags=f"{_SELECT} --sort-by=word --containers --sum --show-capacity --use-protocol-buffers --show-swap",
                ),
            ),
        ),
        "events": Rule(
            style="go",
            flags=f"{_SELECT} -o=/json|yaml|name/ --output=/json|yaml|name/ --types=word --for=name -w=!false --watch=!false",
            never=_ENDLESS,
        ),
        "version": Rule(style="go", flags="--client -o=word --output=word --short"),
        "cluster-info": Rule(style="go", never={"dump": "it collects everything, logs and all; ask for what you need"}),
        "api-resources": Rule(
            style="go",
            flags=(
                "--api-group=word --namespaced --verbs=word -o=word --output=word --no-headers --sort-by=word "
                "--categories=word --cached"
            ),
        ),
        "api-versions": Rule(style="go"),
        "explain": Rule(
            style="go", flags="--recursive --api-version=name -o=word --output=word", operands="word", least=1, most=1
        ),
        "auth": Rule(
            style="go",
            subs={
                "can-i": Rule(
                    style="go",
                    flags="--list -A --all-namespaces -q --quiet --no-headers --subresource=word",
                    operands="glob",
                    most=3,
                ),
                "whoami": Rule(style="go", flags="-o=word --output=word"),
            },
        ),
        "config": Rule(
            style="go",
            subs={
                "view": Rule(
                    style="go",
                    flags="--minify --merge --flatten=!false -o=text --output=text",
                    never={"--raw": "it prints credentials", "--flatten": "it prints credentials"},
                ),
                "get-contexts": Rule(style="go", flags="--no-headers -o=word --output=word", operands="name", most=1),
                "current-context": Rule(style="go"),
                "get-clusters": Rule(style="go"),
                "get-users": Rule(style="go"),
            },
            never=refusing(
                "it writes the configuration",
                "use-context use set set-context set-cluster set-credentials unset delete-context delete-cluster "
                "delete-user rename-context",
            ),
        ),
        "rollout": Rule(
            style="go",
            subs={
                "status": Rule(
                    style="go",
                    flags="-w=!false --watch=!false --timeout=/[1-9]\\d*[smh]/ --revision=int -l=text --selector=text",
                    operands=_NAMES,
                    least=1,
                    check=_bounded,
                    never=_FILES,
                ),
                "history": Rule(
                    style="go",
                    flags="--revision=int -l=text --selector=text -o=word --output=word",
                    operands=_NAMES,
                    least=1,
                    never=_FILES,
                ),
            },
            never=refusing("it changes the rollout", "restart undo pause resume"),
        ),
        "wait": Rule(
            style="go",
            flags="--for=text --timeout=/[1-9]\\d*[smh]/ -A --all-namespaces -l=text --selector=text --all",
            operands=_NAMES,
            least=1,
            needs=("--for", "--timeout"),
            never=_FILES,
        ),
        "plugin": Rule(style="go", subs={"list": Rule(style="go", flags="--name-only")}),
        "options": Rule(style="go"),
        "help": Rule(style="go", operands="word", most=3),
    },
)

RULES = {"kubectl": KUBECTL}
