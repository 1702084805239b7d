"""What is installed."""

from mcp_server.targets.read_rule import Parsed, Rule, refusing, same

_DPKG_QUERIES = "-l --list -L --listfiles -s --status -S --search -V --verify -C --audit -p --print-avail --get-selections"


def _one_query(parsed: Parsed) -> str | None:
    asked = [name for name, _ in parsed.flags if name in _DPKG_QUERIES.split() or name in ("-W", "--show", "--version")]
    return None if len(asked) == 1 else "exactly one query must be given"


_PIP = Rule(
    flags="--disable-pip-version-check --no-color --isolated --no-input -q -v",
    subs={
        "list": Rule(flags="--format=word -l --local --user --not-required --exclude=word --path=absolute -e --editable"),
        "freeze": Rule(flags="-l --local --user --all --exclude-editable --path=absolute"),
        "show": Rule(flags="-f --files", operands="word", least=1),
        "check": Rule(),
        "debug": Rule(),
    },
    bare=False,
    never=refusing("it changes or downloads packages", "install uninstall download wheel cache config"),
)

RULES = {
    "dpkg": Rule(
        flags=f"{_DPKG_QUERIES} --no-pager --version",
        operands="glob",
        check=_one_query,
        never=refusing("it changes packages", "-i --install -r --remove -P --purge --configure --unpack --set-selections"),
    ),
    "dpkg-query": Rule(
        flags=f"{_DPKG_QUERIES} -W --show -f=text --showformat=text --no-pager", operands="glob", check=_one_query
    ),
    "rpm": Rule(
        flags=(
            "-q -a -i -l -c -d -f=path -R --query --all --info --list --last --changelog --requires "
            "--provides --whatprovides=text --whatrequires=text --qf=text --queryformat=text --scripts -V --verify "
            "--file=path --nodeps --nosignature --nodigest -s"
        ),
        operands="name",
        needs=("-q --query -V --verify",),
        check=lambda parsed: (
            "queries only" if parsed.flags and parsed.flags[0][0] not in ("-q", "--query", "-V", "--verify") else None
        ),
        never=refusing("it changes packages", "-e -U -F --erase --install --upgrade --import --initdb --rebuilddb"),
    ),
    "apt-cache": Rule(
        subs=same(
            "policy show showpkg depends rdepends search madison pkgnames stats showsrc",
            Rule(flags="-a -n -q --names-only --installed --no-all-versions --full", operands="glob"),
        ),
        never=refusing("it writes a cache", "gencaches"),
    ),
    "apt-mark": Rule(subs=same("showhold showmanual showauto", Rule(operands="glob"))),
    "pip": _PIP,
    "pip3": _PIP,
    "apk": Rule(
        subs={"info": Rule(flags="-a -d -e -L -R -r -s -v -W", operands="name"), "version": Rule(flags="-v", operands="name")}
    ),
    "gem": Rule(subs={"list": Rule(flags="-l --local", operands="word", most=1)}),
    "snap": Rule(
        subs={**same("list", Rule(flags="--all", operands="word")), "changes": Rule(flags="--abs-time"), "version": Rule()}
    ),
    "uv": Rule(flags="-V --version", needs=("-V --version",)),
}
