"""Sockets, addresses, routes and names. What sends packets must be bounded."""

import re

from mcp_server.targets.read_rule import Parsed, Rule, refusing

_SHOW = ("show", "list", "lst", "ls", "sh")
_OBJECTS = frozenset(
    (
        "address",
        "addr",
        "a",
        "link",
        "l",
        "route",
        "r",
        "ro",
        "rule",
        "ru",
        "neighbour",
        "neighbor",
        "neigh",
        "n",
        "maddress",
        "mroute",
        "tunnel",
        "tuntap",
        "netns",
        "vrf",
        "nexthop",
        "token",
        "ntable",
    )
)


def _ip(parsed: Parsed) -> str | None:
    """`ip OBJECT [show …]`: the object and the verb are written out; `get` asks for one route."""
    if not parsed.operands:
        return "name an object, such as `address`"
    target, *rest = parsed.operands
    if target not in _OBJECTS:
        return f"`{target}` is not known as a read"
    if rest and rest[0] not in _SHOW and not (rest[0] == "get" and target in ("route", "r", "ro")):
        return f"`{target} {rest[0]}` is not known as a read"
    if target == "netns" and len(rest) > 1:
        return "only the list of namespaces is a read"
    return None


def _tc(parsed: Parsed) -> str | None:
    known = len(parsed.operands) > 1 and parsed.operands[0] in ("qdisc", "class", "filter") and parsed.operands[1] in _SHOW
    return None if known else "only `qdisc|class|filter show` is a read"


def _ping(parsed: Parsed) -> str | None:
    count = parsed.value("-c")
    return None if count and 1 <= int(count) <= 10 else "only with -c COUNT from 1 to 10 does it end"


def _dig(parsed: Parsed) -> str | None:
    """`@server`, a name, a type, a class, or `+option`."""
    for item in parsed.operands:
        if not re.fullmatch(r"@?[A-Za-z0-9_.:-]+|\+(no)?[a-z]+(=\d+)?", item) or item[:1] == "-":
            return f"`{item[:60]}` is not known as a read"
        if item.lower() in ("axfr", "ixfr") or item.lower().startswith("ixfr="):
            return "a zone transfer is more than a look"
    return None


def _getent(parsed: Parsed) -> str | None:
    databases = "ahosts ahostsv4 ahostsv6 aliases ethers group hosts initgroups netgroup networks passwd protocols rpc services"
    return None if parsed.operands[0] in databases.split() else "this database may hold secrets"


def _ethtool(parsed: Parsed) -> str | None:
    return None if len(parsed.flags) <= 1 else "one question at a time"


_SS = (
    "-a -b -d -e -f=word -g -h -H -i -l -m -M -n -o -O -p -r -s -S -t -T -u -w -x -z -Z -0 -4 -6 -V --all --extended "
    "--family=word --header --no-header --info --listening --memory --numeric --options --processes --resolve "
    "--summary --tcp --tos --udp --raw --unix --ipv4 --ipv6 --version --oneline --no-queues --cgroup"
)

RULES = {
    "ss": Rule(
        flags=_SS,
        operands="/[A-Za-z0-9_.:*=!<>()\\[\\]/-]+/",
        never=refusing("it closes sockets", "-K --kill")
        | refusing("it writes a file", "-D --diag")
        | refusing("it reads a filter file", "-F --filter")
        | refusing("it never ends", "-E --events"),
    ),
    "netstat": Rule(
        flags=(
            "-a -e -g -i -l -n -N -o -p -r -s -t -u -v -w -W -x -4 -6 -A=word --all --extend --interfaces "
            "--listening --numeric --program --programs --route --statistics --tcp --udp --unix --wide --inet "
            "--inet6"
        ),
        never=refusing("it never ends", "-c --continuous"),
    ),
    "ip": Rule(
        style="words",
        operands="/[A-Za-z0-9_.:/@-]+/",
        check=_ip,
        flags=(
            "-4 -6 -0 -B -M -a -br -brief -c=!never -color=!never -d -details -f=word -family=word -h -human -j "
            "-json -N -Numeric -o -oneline -p -pretty -r -resolve -s -stats -statistics -t -timestamp -V -Version"
        ),
        never=refusing("it runs commands from a file", "-b -batch -force")
        | refusing("another network namespace is another target", "-n -netns")
        | refusing("it never ends", "monitor"),
    ),
    "tc": Rule(style="words", flags="-s -d -j -p -statistics -details -json -pretty", operands="word", check=_tc),
    "bridge": Rule(style="words", flags="-s -d -j -p -c=!never", operands="/(link|fdb|vlan|show|mdb)/", least=2, most=2),
    "ifconfig": Rule(flags="-a -s -v", operands="word", most=1),
    "route": Rule(flags="-n -e -4 -6 -F -C"),
    "arp": Rule(
        flags="-a -e -n -v -i=word",
        operands="address",
        most=1,
        never=refusing("it changes the table", "-d --delete -s --set -f --file"),
    ),
    "ethtool": Rule(style="words", flags="-i -S -k -g -a -c -l -P", operands="word", least=1, most=1, check=_ethtool),
    "ping": Rule(
        flags="-c=/10|[1-9]/ -i=/[1-9]\\d?/ -W=int -w=int -s=/\\d{1,3}/ -n -q -4 -6 -I=word -t=int",
        operands="address",
        least=1,
        most=1,
        check=_ping,
        never=refusing("it floods the network", "-f -l -b -p -A"),
    ),
    "traceroute": Rule(flags="-n -4 -6 -m=int -w=int -q=/[1-3]/", operands="address", least=1, most=1),
    "tracepath": Rule(flags="-n -b -4 -6 -m=int", operands="address", least=1, most=1),
    "dig": Rule(
        style="words",
        flags="-4 -6 -t=word -q=word -c=word -p=int -x=address -u -r",
        operands="text",
        check=_dig,
        never=refusing("queries are given in the command, not read from a file", "-f") | refusing("it sends a key", "-k -y"),
    ),
    "nslookup": Rule(
        style="words", flags="-type=word -query=word -port=int -timeout=int -debug", operands="address", least=1, most=2
    ),
    "host": Rule(
        flags="-4 -6 -a -C -d -t=word -v -W=int -R=int -T",
        operands="address",
        least=1,
        most=2,
        never=refusing("a zone transfer is more than a look", "-l"),
    ),
    "resolvectl": Rule(
        flags="--no-pager -4 -6 -i=word --legend=word --json=word",
        bare=True,
        subs={
            "status": Rule(operands="word"),
            "query": Rule(flags="-t=word --type=word", operands="address", least=1),
            "statistics": Rule(),
            "dns": Rule(operands="word", most=1),
            "domain": Rule(operands="word", most=1),
        },
    ),
    "getent": Rule(operands="name", least=1, check=_getent),
    "conntrack": Rule(
        flags="-L -C -S -p=word -s=address -d=address --src=address --dst=address",
        operands=None,
        needs=("-L -C -S",),
        never=refusing("it changes the table", "-D -F -I -U --delete --flush"),
    ),
    "nft": Rule(flags="-a -j -n -s -nn", subs={"list": Rule(operands="word", least=1)}),
    "iptables-save": Rule(flags="-c -t=word", never=refusing("it writes a file", "-f --file")),
    "nstat": Rule(flags="-a -s -z -j -p", needs=("-s",)),
}
