"""Processes, memory, users, clock and kernel."""

import re

from mcp_server.targets.read_rule import Parsed, Rule, refusing

_PS_LETTERS = re.compile(r"-?[aAcdfFhHjlLmMrSTvwxXyZ]*e?[aAcdfFhHjlLmMrSTvwxXyZ]*|-?aux[wf]*")
_PS_LIST = re.compile(r"\d+(,\d+)*|[a-z_]+(:\d+)?(=[\w%]*)?(,[a-z_%]+(:\d+)?(=[\w%]*)?)+|%?[a-z_]{2,}=?")
_PS_LONG = re.compile(
    r"--(forest|headers|no-headers?|cumulative|deselect|version|pid=\d+(,\d+)*|ppid=\d+(,\d+)*"
    r"|sort=[-+]?[%a-z_]+(,[-+]?[%a-z_]+)*"
    r"|format=[%a-z_:,=\d]+|user=[\w-]+|cols=\d+|width=\d+)"
)


def _ps(parsed: Parsed) -> str | None:
    """`ps` has two grammars, and falls back from one to the other: a BSD `e` shows every environment, secrets included."""
    users, everything, takes = False, False, ""
    for word in parsed.operands:
        if takes:
            if not (_PS_LIST.fullmatch(word) if takes in "opq" else re.fullmatch(r"[\w.,-]+", word)) or word.startswith("-"):
                return f"`{word}` is not known as a value of `{takes}`"
            if "environ" in word:
                return "environments hold secrets"
            takes = ""
        elif word.startswith("--"):
            if not _PS_LONG.fullmatch(word) or "environ" in word:
                return f"`{word}` is not known as a read"
            users |= word.startswith("--user")
        elif word.isdecimal():
            continue
        else:
            letters, last = (word[:-1], word[-1]) if word[-1:] in ("o", "p", "q", "u", "U", "C", "t") else (word, "")
            if last in ("u", "U") and not word.startswith("-"):
                last = ""  # BSD `u`: a format, no value
            if not word.startswith("-") and "e" in letters:
                return "a BSD `e` shows environments, which hold secrets; write `-e`"
            if not _PS_LETTERS.fullmatch(letters) and not re.fullmatch(r"-?a?u?x?u?w*", letters):
                return f"`{word}` is not known as a read"
            everything |= "e" in letters
            takes, users = last, users or last in ("u", "U", "C", "t")
    if users and everything:
        return "`-e` together with a user or name may be read as BSD options, which show environments"
    return "a value is missing" if takes else None


def _top(parsed: Parsed) -> str | None:
    return None if parsed.has("-b") and parsed.has("-n") else "only with -b and -n COUNT does it end"


def _samples(parsed: Parsed) -> str | None:
    return "an interval without a count never ends" if sum(map(str.isdecimal, parsed.operands)) == 1 else None


def _assigns(parsed: Parsed) -> str | None:
    return "an assignment writes" if any("=" in item for item in parsed.operands) else None


def _format(parsed: Parsed) -> str | None:
    wrong = [item for item in parsed.operands if not item.startswith("+")]
    return "a date without `+` sets the clock" if wrong else None


_WHO = "-a -b -d -H -l -m -p -q -r -t -T -w -u --all --boot --count --heading --login --users"
_DMESG = refusing(
    "it changes the kernel's message buffer or console"
, "-C --clear -c --read-clear -D --console-off -E --console-on -n --console-level")  # fmt: skip

RULES = {
    "ps": Rule(style="raw", operands="text", check=_ps),
    "pgrep": Rule(
        flags=(
            "-a -c -f -i -l -n -o -v -w -x -u=word -U=word -g=int -G=word -P=int -s=int -t=word -d=text --list-name "
            "--full --exact --count --newest --oldest --parent=int"
        ),
        operands="text",
        most=1,
    ),
    "pidof": Rule(flags="-s -c -x -o=int", operands="name", least=1),
    "pstree": Rule(flags="-a -c -g -l -n -p -s -S -t -T -u -U -A -h", operands="word", most=1),
    "top": Rule(
        flags="-b -c -H -i -n=int -d=number -p=/\\d+(,\\d+)*/ -u=word -U=word -o=word -w=?int -S -s -1",
        check=_top,
        never=refusing("interactive", "--interactive"),
    ),
    "uptime": Rule(flags="-p -s --pretty --since -V --version"),
    "uname": Rule(
        flags="-a -s -n -r -v -m -p -i -o --all --kernel-name --kernel-release --kernel-version --machine --nodename"
    ),
    "hostname": Rule(
        flags="-a -d -f -i -I -s -y -A --fqdn --long --short --ip-address --all-ip-addresses --domain --alias",
        never=refusing("it sets the name", "-b -F --boot --file"),
    ),
    "arch": Rule(),
    "nproc": Rule(flags="--all --ignore=int"),
    "lscpu": Rule(flags="-a -b -c -e=?word -J -p=?word -x -y --all --json --extended=?word --parse=?word"),
    "lsmem": Rule(flags="-a -b -J -n -o=word -P -r -s --all --bytes --json --summary=?word"),
    "lsmod": Rule(),
    "modinfo": Rule(flags="-F=word -n", operands="word", least=1),
    "lspci": Rule(flags="-k -m -n -nn -t -v -D -mm -vv -d=text"),
    "lsusb": Rule(flags="-t -v"),
    "lsns": Rule(flags="-J -l -n -p=int -r -u -W -t=word -o=word --json --noheadings", operands="int", most=1),
    "lslocks": Rule(flags="-b -i -J -n -o=word -p=int -r -u --json --noheadings"),
    "lsipc": Rule(flags="-m -q -s -g -J -r -t --json"),
    "ipcs": Rule(flags="-a -m -q -s -c -l -p -t -u -b --human"),
    "free": Rule(
        flags="-b -k -m -g -h -l -L -t -v -w --bytes --kilo --mega --giga --kibi --mebi --gibi --human --si --total --wide",
        never=refusing("it never ends; ask once", "-s --seconds -c --count"),
    ),
    "vmstat": Rule(
        flags="-a -d -f -m -n -s -S=word -t -w -D --stats --slabs --disk --wide --timestamp -p=path",
        operands="int",
        most=2,
        check=_samples,
    ),
    "iostat": Rule(flags="-c -d -h -k -m -N -p=?word -t -x -y -z -s", operands="word", most=4, check=_samples),
    "mpstat": Rule(flags="-A -u -n -I=word -P=word -N=word", operands="int", most=2, check=_samples),
    "pidstat": Rule(
        flags="-d -h -H -I -l -r -R -s -t -u -U -v -w -C=text -p=word -G=text", operands="int", most=2, check=_samples
    ),
    "sar": Rule(
        flags="-A -b -B -d -h -H -p -q -r -R -S -t -u -v -w -W -y -z -n=word -P=word -s=word -i=int -f=absolute",
        operands="int",
        most=2,
        never=refusing("it writes a file", "-o"),
        check=_samples,
    ),
    "id": Rule(flags="-a -G -g -n -r -u -z -Z --group --groups --name --real --user", operands="word", most=1),
    "whoami": Rule(),
    "groups": Rule(operands="word", most=4),
    "users": Rule(),
    "tty": Rule(),
    "who": Rule(flags=_WHO),
    "w": Rule(flags="-f -h -i -o -s -u -p --no-header --short --from --old-style --ip-addr", operands="word", most=1),
    "last": Rule(
        flags="-a -d -F -i -R -w -x -n=int -s=text -t=text -p=text --limit=int --since=text --until=text --fulltimes --system",
        operands="word",
    ),
    "lastb": Rule(flags="-a -d -F -i -R -w -x -n=int -s=text -t=text"),
    "lastlog": Rule(flags="-u=word -t=int -b=int --user=word --time=int --before=int"),
    "date": Rule(
        flags="-u --utc --universal -R --rfc-email -I=?word --iso-8601=?word --rfc-3339=word -d=text --date=text -r=path",
        operands="/\\+[%A-Za-z0-9:._ /T+-]*/",
        most=1,
        check=_format,
        never=refusing("it sets the clock", "-s --set"),
    ),
    "cal": Rule(flags="-3 -y -m", operands="int", most=3),
    "printenv": Rule(operands="/(PATH|LANG|LC_[A-Z]+|TZ|HOME|USER|SHELL|PWD|TERM|HOSTNAME)/", least=1),
    "sysctl": Rule(
        flags="-a -A -n -N -e -b -r=text -x --all --names --values --ignore --pattern=text --deprecated",
        operands="glob",
        check=_assigns,
        never=refusing("it writes kernel parameters", "-w --write -p --load --system -f -q"),
    ),
    "dmesg": Rule(
        flags=(
            "-H -J -k -r -L=?word -P -T -t -u -x -e -d -l=word -f=word --human --json --kernel --raw --color=?word "
            "--nopager --ctime --notime --userspace --decode --reltime --level=word --facility=word --since=text "
            "--until=text --time-format=word -S --syslog"
        ),
        never={**_DMESG, **refusing("it never ends", "-w --follow -W --follow-new"), "-F": "read the file itself"},
    ),
    "getconf": Rule(flags="-a", operands="name", most=2),
    "prlimit": Rule(flags="-p=int --pid=int --noheadings --raw -o=word --output=word", needs=("-p --pid",)),
    "lsof": Rule(
        flags=(
            "-a -b -c=text -d=text -F=?word -g=int -i=?text -K=?word -l -L -n -N -O -o -P -p=/\\d+(,\\d+)*/ -R "
            "-s=?text -t -T=?word -u=text -U -V -w -x=?word"
        ),
        operands="/\\+L1|\\/[^;&|<>`$*?]*|[46]?([a-zA-Z]{3})?(@[\\w.-]+)?:[\\w,-]+/",
        never=refusing("it never ends", "-r +r") | refusing("it runs a handler or writes a cache", "-A -k -m -D"),
    ),
    "swapon": Rule(flags="--show=?word --noheadings --raw --bytes -s --summary", needs=("--show -s --summary",)),
    "numastat": Rule(flags="-c -m -n -p=word -s -v -z"),
    "sensors": Rule(flags="-A -f -j -u"),
    "systemd-cgtop": Rule(flags="-b -1 -n=!1 -p -t -c -m -i -P -k --batch --raw --depth=int", needs=("-1 -n",)),
    "openssl": Rule(
        style="words",
        subs={
            "version": Rule(style="words", flags="-a -v -d -b -p"),
            "x509": Rule(
                style="words",
                needs=("-noout", "-in"),
                flags=(
                    "-in=absolute -noout -text -subject -issuer -dates -startdate -enddate -serial -fingerprint "
                    "-sha256 -ext=word -checkend=int -checkhost=word -checkip=address -email -purpose -alias -hash "
                    "-subject_hash -issuer_hash -ocsp_uri -nameopt=text -inform=word -pubkey -modulus"
                ),
                content=lambda parsed: [(parsed.value("-in") or "", False)],
            ),
        },
        inherit=False,
    ),
}
