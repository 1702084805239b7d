"""Docker and Compose. (Podman is not known: even its lists write to its store.)"""

from mcp_server.targets.read_rule import Parsed, Rule, refusing, same

_REFERENCE = "/[A-Za-z0-9][A-Za-z0-9_.:@/-]*/"
_LIST = "-a --all -f=text --filter=text --format=text --no-trunc -q --quiet"
_ENDLESS = refusing("it never ends; ask once", "-f --follow -w --watch")
_NAMES = Rule(style="go", flags="-f=text --format=text", operands=_REFERENCE, least=1)


def _go(flags: str = "", operands: str | None = None, *, least: int = 0, most: int = 64, needs: tuple[str, ...] = ()) -> Rule:
    return Rule(style="go", flags=flags, operands=operands, least=least, most=most, needs=needs, never=_ENDLESS)


def _group(subs: dict[str, Rule]) -> Rule:
    return Rule(style="go", subs=subs)


def _top(parsed: Parsed) -> str | None:
    """Options of `ps` follow the container; the one that shows environments is refused."""
    wrong = [item for item in parsed.operands[1:] if "e" in item and not item.startswith("-") and "," not in item]
    return "a BSD `e` shows environments, which hold secrets" if wrong or "environ" in "".join(parsed.operands[1:]) else None


_PS = _go(f"{_LIST} -n=int --last=int -l --latest -s --size")
_LOGS = _go(
    "-n=/\\d{1,9}|all/ --tail=/\\d{1,9}|all/ --since=text --until=text -t --timestamps --details -f=!false "
    "--follow=!false"
,
            _REFERENCE, least=1, most=1)  # fmt: skip
_STATS = _go("-a --all --format=text --no-trunc --no-stream", _REFERENCE, needs=("--no-stream",))
_IMAGES = _go(f"{_LIST} --digests --tree", _REFERENCE, most=1)
_PROCESSES = Rule(style="go", operands="/[A-Za-z0-9-][A-Za-z0-9_.,:=%-]*/", least=1, most=4, check=_top)
_HISTORY = _go("--format=text -H --human --no-trunc -q --quiet --platform=name", _REFERENCE, least=1, most=1)
_EVENTS = _go("-f=text --filter=text --format=text --since=text --until=text", needs=("--until",))
_DF = _go("--format=text -v --verbose")
_INFO = _go("-f=text --format=text")
_PORT = _go("", "/[A-Za-z0-9][A-Za-z0-9_./-]*/", least=1, most=2)
_DIFF = _go("", _REFERENCE, least=1, most=1)
_CONTAINER_INSPECT = _go("-f=text --format=text -s --size --type=word", _REFERENCE, least=1)

COMPOSE = Rule(
    style="go",
    flags=(
        "-f=absolute --file=absolute -p=word --project-name=word --project-directory=absolute --profile=word "
        "--ansi=word --all-resources --env-file=absolute"
    ),
    subs={
        "ps": _go("-a --all --format=text --filter=text --no-trunc -q --quiet --services --status=word --orphans", "word"),
        "ls": _go("-a --all --format=text --filter=text -q --quiet"),
        "logs": _go(
            "-n=/\\d{1,9}|all/ --tail=/\\d{1,9}|all/ --since=text --until=text -t --timestamps --no-color "
            "--no-log-prefix --index=int -f=!false --follow=!false",
            "word",
        ),
        **same(
            "config convert",
            _go(
                "-q --quiet --services --volumes --images --profiles --networks --no-interpolate --hash=text "
                "--format=/json|yaml/ --no-normalize --no-path-resolution --environment=!false",
                "word",
                needs=("-q --quiet --services --volumes --images --profiles --networks --hash --no-interpolate",),
            ),
        ),
        "top": _go("", "word"),
        "images": _go("--format=text -q --quiet", "word"),
        "port": _go("--index=int --protocol=word", "word", least=2, most=2),
        "version": _go("-f=word --format=word --short"),
        "stats": _go("-a --all --format=text --no-stream --no-trunc", "word", needs=("--no-stream",)),
        "volumes": _go("--format=text -q --quiet", "word"),
    },
    never=refusing(
        "it changes containers",
        "up down start stop restart kill rm pause unpause create build pull push run scale watch wait attach cp "
        "exec publish commit",
    ),
)

DOCKER = Rule(
    style="go",
    flags="-c=name --context=name -l=word --log-level=word -v --version --help",
    bare=True,
    never={
        **refusing(
            "another host or configuration is another target",
            "-H --host --config --tls --tlsverify --tlscacert --tlscert --tlskey -D",
        ),
        **refusing(
            "it changes containers, images or the host",
            "run start stop restart kill rm rmi create build pull push commit tag load import update rename "
            "pause unpause wait login logout cp export save attach",
        ),
        **refusing("it runs inside a container", "exec"),
    },
    subs={
        "ps": _PS,
        "images": _IMAGES,
        "logs": _LOGS,
        "stats": _STATS,
        "top": _PROCESSES,
        "port": _PORT,
        "diff": _DIFF,
        "inspect": _CONTAINER_INSPECT,
        "version": _INFO,
        "info": _INFO,
        "history": _HISTORY,
        "events": _EVENTS,
        "search": _go("-f=text --filter=text --format=text --limit=int --no-trunc", "name", least=1, most=1),
        "container": _group(
            {
                **same("ls list ps", _PS),
                "inspect": _CONTAINER_INSPECT,
                "logs": _LOGS,
                "top": _PROCESSES,
                "stats": _STATS,
                "port": _PORT,
                "diff": _DIFF,
            }
        ),
        "image": _group(
            {
                **same("ls list", _IMAGES),
                "inspect": _go("-f=text --format=text --platform=name", _REFERENCE, least=1),
                "history": _HISTORY,
            }
        ),
        "network": _group(
            {**same("ls list", _go(_LIST)), "inspect": _go("-f=text --format=text -v --verbose", _REFERENCE, least=1)}
        ),
        "volume": _group({**same("ls list", _go(_LIST + " --cluster")), "inspect": _NAMES}),
        "context": _group({**same("ls list", _go(_LIST)), "inspect": _go("-f=text --format=text", _REFERENCE), "show": _go()}),
        "system": _group({"df": _DF, "info": _INFO, "events": _EVENTS}),
        "node": _group(
            {
                **same("ls list", _go(_LIST)),
                "inspect": _go("-f=text --format=text --pretty", _REFERENCE, least=1),
                "ps": _go(_LIST + " --no-resolve", _REFERENCE),
            }
        ),
        "service": _group(
            {
                **same("ls list", _go(_LIST)),
                "inspect": _go("-f=text --format=text --pretty", _REFERENCE, least=1),
                "ps": _go(_LIST + " --no-resolve", _REFERENCE, least=1),
                "logs": _go(
                    "-n=int --tail=/\\d+|all/ --since=text -t --timestamps --details --no-trunc --no-resolve "
                    "--no-task-ids --raw -f=!false --follow=!false",
                    _REFERENCE,
                    least=1,
                    most=1,
                ),
            }
        ),
        "stack": _group(
            {
                **same("ls list", _go(_LIST)),
                "ps": _go(_LIST + " --no-resolve", "word", least=1),
                "services": _go(_LIST, "word", least=1),
            }
        ),
        "secret": _group(
            {**same("ls list", _go(_LIST)), "inspect": _go("-f=text --format=text --pretty", _REFERENCE, least=1)}
        ),
        "config": _group(same("ls list", _go(_LIST))),
        "plugin": _group({**same("ls list", _go(_LIST)), "inspect": _NAMES}),
        "buildx": _group(
            {"ls": _go("--format=text --no-trunc"), "du": _go("--filter=text --verbose --format=text"), "version": _go()}
        ),
        "compose": COMPOSE,
        "help": _go("", "word", most=3),
    },
)


RULES = {"docker": DOCKER, "docker-compose": COMPOSE}
