"""Helm. Values and rendered manifests hold secrets and never come through here."""

from mcp_server.targets.read_rule import Rule, refusing, same

_HELM = "-n=word --namespace=word --kube-context=name -h --help"
_SECRETS = "it prints values, which hold secrets; see `status`, `get notes` and `get metadata`"

HELM = Rule(
    style="go",
    flags=_HELM,
    never={
        **refusing(
            "the cluster and its credentials come from the settings",
            "--kubeconfig --kube-apiserver --kube-token --kube-as-user --kube-as-group --kube-ca-file "
            "--kube-insecure-skip-tls-verify --registry-config --repository-config --repository-cache",
        ),
        **refusing(
            "it changes releases, repositories or files",
            "install upgrade uninstall delete rollback repo pull push package create dependency plugin registry test",
        ),
        **refusing("it fetches and renders charts, which may hold secrets", "template show lint verify"),
    },
    subs={
        **same(
            "list ls",
            Rule(
                style="go",
                flags=(
                    "-A --all-namespaces -a --all --deployed --failed --pending --superseded --uninstalled "
                    "--uninstalling -d --date -r --reverse -m=int --max=int --offset=int -q --short "
                    "-o=/table|json|yaml/ --output=/table|json|yaml/ -f=text --filter=text -l=text --selector=text "
                    "--no-headers --time-format=text"
                ),
            ),
        ),
        "status": Rule(
            style="go",
            flags="--revision=int -o=!table --output=!table --show-resources --show-desc",
            operands="word",
            least=1,
            most=1,
            never=refusing(_SECRETS, "-o --output"),
        ),
        **same(
            "history hist",
            Rule(
                style="go", flags="--max=int -o=/table|json|yaml/ --output=/table|json|yaml/", operands="word", least=1, most=1
            ),
        ),
        "get": Rule(
            style="go",
            subs=same(
                "notes metadata",
                Rule(
                    style="go",
                    flags="--revision=int -o=/table|json|yaml/ --output=/table|json|yaml/",
                    operands="word",
                    least=1,
                    most=1,
                ),
            ),
            never=refusing(_SECRETS, "all values manifest hooks"),
        ),
        "version": Rule(style="go", flags="--short --template=text -c --client"),
        "search": Rule(
            style="go",
            subs={
                "repo": Rule(
                    style="go",
                    operands="name",
                    most=1,
                    flags=(
                        "-l --versions --version=text -o=/table|json|yaml/ --output=/table|json|yaml/ -r --regexp "
                        "--devel --max-col-width=int --fail-on-no-result"
                    ),
                )
            },
        ),
        "env": Rule(style="go", operands="word", most=1),
        "help": Rule(style="go", operands="word", most=3),
    },
)

RULES = {"helm": HELM}
