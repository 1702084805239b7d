"""systemd and servers that are asked for their version only."""

from collections.abc import Sequence

from mcp_server.targets.read_rule import Parsed, Rule, refusing, same

_UNITS = Rule(operands="glob")
_SHOW = (
    "-a --all -l --full -q --quiet --no-pager --no-legend --plain --no-ask-password --value --failed --reverse "
    "--after --before -t=word --type=word --state=word -p=word --property=word -P=word -n=int --lines=int -o=word "
    "--output=word --recursive --user --system --timestamp=word --show-types --with-dependencies --legend=!false -r "
    "-T --show-transaction"
)

SYSTEMCTL = Rule(
    flags=_SHOW,
    bare=True,
    subs=same(
        "status show cat is-active is-failed is-enabled list-units list-unit-files list-timers list-sockets "
        "list-jobs list-dependencies list-machines list-paths list-automounts get-default show-environment "
        "is-system-running",
        _UNITS,
    ),
    never=refusing("another machine is another target", "-H --host -M --machine"),
)


def _matches(parsed: Parsed) -> str | None:
    """`journalctl FIELD=value`, an absolute path, or `+`; journals by their names."""
    if any(name == "--file" and set(value or "") & set("*?[\\") for name, value in parsed.flags):
        return "name one journal: a pattern may match what is not to be read"
    for item in parsed.operands:
        field = item.partition("=")[0]
        known = item in ("+", "all") or item.startswith("/") or item.isdecimal()  # the number after `-n`
        if not known and not ("=" in item and field.replace("_", "").isalnum()):
            return f"`{item[:60]}` is neither FIELD=value nor a path"
    return None


def _journals(parsed: Parsed) -> Sequence[tuple[str, bool]]:
    """Journals named by their files: a folder of them is read with all below it."""
    return [(value, name != "--file") for name, value in parsed.flags if name in ("--directory", "--file") and value]


JOURNALCTL = Rule(
    flags=(
        "-u=glob --unit=glob --user-unit=glob -t=name --identifier=name -p=word --priority=word --facility=word "
        "-g=text --grep=text --case-sensitive=?word -n=?/(\\+?\\d{1,9}|all)/ --lines=?/(\\+?\\d{1,9}|all)/ "
        "-o=word --output=word --output-fields=word -S=text --since=text -U=text --until=text "
        "-b=?/[+-]?[0-9a-f]{0,32}([+-]\\d+)?|all/ --boot=?/[+-]?[0-9a-f]{0,32}([+-]\\d+)?|all/ -k --dmesg -r "
        "--reverse -a --all -x --catalog -q --quiet -m --merge --no-pager --no-full -l --full --no-hostname "
        "--no-tail --utc --system --user --list-boots --disk-usage --header --show-cursor -c=text --cursor=text "
        "--after-cursor=text -N --fields -F=word --field=word --list-catalog --verify --truncate-newline -e "
        "--pager-end --version --directory=absolute --file=absolute"
    ),
    operands="text",
    check=_matches,
    content=_journals,
    never={
        **refusing(
            "it changes the journal",
            "--vacuum-size --vacuum-time --vacuum-files --rotate --flush --sync --relinquish-var "
            "--smart-relinquish-var --setup-keys --update-catalog",
        ),
        **refusing("it never ends; use --since or -n", "-f --follow"),
        **refusing("it updates a file of its own; use --after-cursor", "--cursor-file"),
    },
)

_VERSION = (
    "it may write: testing a configuration opens its log files for writing and creates missing ones; only -v and -V are reads"
)

_TEST = "testing a configuration opens its log files for writing and creates missing ones; only -v and -V are reads"

RULES = {
    "systemctl": SYSTEMCTL,
    "journalctl": JOURNALCTL,
    "nginx": Rule(
        style="words", flags="-v -V -h", needs=("-v -V -h",), never={**refusing(_TEST, "-t -T"), "-s": "it sends a signal"}
    ),
    "gunicorn": Rule(flags="--version", needs=("--version",)),
    "apache2ctl": Rule(style="words", flags="-v -V", needs=("-v -V",)),
    "httpd": Rule(style="words", flags="-v -V", needs=("-v -V",)),
    "haproxy": Rule(style="words", flags="-v -vv", needs=("-v -vv",)),
    "postgres": Rule(flags="-V --version", needs=("-V --version",)),
    "psql": Rule(flags="-V --version", needs=("-V --version",)),
    "mysqld": Rule(flags="-V --version", needs=("-V --version",)),
    "redis-server": Rule(flags="-v --version", needs=("-v --version",)),
    "hostnamectl": Rule(flags="--no-pager --static --transient --pretty", subs={"status": Rule()}, bare=True),
    "timedatectl": Rule(
        flags="--no-pager -a --all -p=word --property=word --value",
        bare=True,
        subs=same("status show timesync-status show-timesync list-timezones", Rule()),
    ),
    "loginctl": Rule(
        flags="--no-pager -a --all -l --full -p=word --property=word --no-legend",
        bare=True,
        subs=same(
            "list-sessions session-status show-session list-users user-status show-user list-seats", Rule(operands="word")
        ),
    ),
    "systemd-analyze": Rule(
        flags="--no-pager --user --system",
        bare=True,
        subs=same("time blame critical-chain", Rule(operands="glob")),
    ),
    "systemd-cgls": Rule(flags="--no-pager -a --all -l --full -k -u=?glob --unit=?glob", operands="path"),
    "systemd-detect-virt": Rule(flags="-c -v -q --container --vm --quiet --list"),
}
