"""What a command line touches: paths, units and packages as clues, and what kind of change it can be. Pure, and a guess.

A command is told because a person or a schedule ran it; whether it did anything is for the other sources to say.
"""

import posixpath
import re
import shlex
from collections.abc import Iterator

from mcp_server.core.change import ChangeClass
from mcp_server.core.clues import canonical, class_of

_READERS = (
    " awk cat cut date df diff dig dmesg du echo env false file free getent grep head hostname id iostat journalctl last less "
    "ls lsattr lsblk lsof man md5sum more netstat nproc ping printenv ps pwd readlink sha256sum ss stat strace tail tcpdump "
    "test top traceroute tree true uname uptime w wc whereis which who whoami zcat zgrep "
)
_SERVICE_READS = (
    " status show cat is-active is-failed is-enabled is-system-running list-units list-unit-files list-timers list-jobs "
    "list-dependencies list-sockets "
)
_PACKAGES = " apt apt-get aptitude dpkg dnf yum rpm zypper apk snap pip pip3 npm gem "
_PACKAGE_VERBS = " install remove purge upgrade update add del erase reinstall downgrade refresh revert "
_RUNTIME = " systemctl service kill pkill killall reboot shutdown "
_INFRASTRUCTURE = " ip iptables ip6tables nft ufw firewall-cmd sysctl mount umount modprobe rmmod swapoff swapon setenforce "
_BEFORE = " env nice ionice nohup time "
"""Programs that run the one named behind them."""
_PROGRAMS = ("/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/", "/usr/local/bin/", "/usr/local/sbin/", "/dev/", "/proc/")
_PATHLIKE = re.compile(r"[\w.@%+-]+(?:/[\w.@%+-]+)*")
_UNIT = re.compile(r"[\w@:.\\-]{1,200}")
MOST = 30


def words_of(command: str) -> list[str]:
    """The words of a command line; without quotes that match, as they stand between blanks."""
    try:
        return shlex.split(command)
    except ValueError:
        return command.split()


def program_of(command: str) -> str:
    """The program's name without its folder: of the shell's command where a shell runs one, of what nice or flock run."""
    words = words_of(command)
    while words and (
        "=" in words[0].split("/")[0] or posixpath.basename(words[0]) in ("env", "nice", "ionice", "nohup", "time")
    ):
        words = words[1:]
        while words and words[0].startswith("-"):
            words = words[2 if words[0] in ("-n", "-c", "-p", "-u") else 1 :]
    return posixpath.basename(words[0]) if words else ""


def only_reads(command: str) -> bool:
    """Whether the command is a look: `cat`, `journalctl`, `systemctl status`, with no redirection or second command."""
    if re.search(r"[|;&<>`]|\$\(", command):
        return False
    program, words = program_of(command), words_of(command)
    if program in ("systemctl", "service"):
        return any(_among(word, _SERVICE_READS) for word in words[1:3]) or len(words) == 1
    return _among(program, _READERS)


def clues_of(command: str, folder: str = "") -> tuple[str, ...]:
    """`path:x` for each path named, `unit:x` for units of systemctl and service, `package:x` for packages of an installer."""
    return tuple(dict.fromkeys(_clues(words_of(command), program_of(command), folder)))[:MOST]


def _clues(words: list[str], program: str, folder: str) -> Iterator[str]:
    verbs = [word for word in words[1:] if not word.startswith("-")]
    if program == "systemctl":
        yield from (f"unit:{_unit(word)}" for word in verbs[1:] if _UNIT.fullmatch(word))
    elif program == "service" and verbs and _UNIT.fullmatch(verbs[0]):
        yield f"unit:{_unit(verbs[0])}"
    elif _among(program, _PACKAGES):
        yield from (f"package:{canonical(re.split('[=<>~@]', word)[0])}" for word in verbs if _named(word))
    managed = _among(program, _PACKAGES) or program in ("systemctl", "service")
    for word in words:
        value = word.partition("=")[2] if word.startswith("-") else word
        path = posixpath.normpath(value) if value.startswith("/") else ""
        if (
            folder.startswith("/")
            and not path
            and not managed
            and ("/" in value or "." in value)
            and _PATHLIKE.fullmatch(value)
        ):
            path = posixpath.normpath(posixpath.join(folder, value))
        if path.count("/") >= 2 and not path.startswith(_PROGRAMS) and "\0" not in path and len(path) <= 300:
            yield f"path:{path}"


def _among(word: str, words: str) -> bool:
    return bool(word) and " " not in word and f" {word} " in words


def _named(word: str) -> bool:
    return not _among(word, _PACKAGE_VERBS) and re.fullmatch(r"[A-Za-z0-9][\w.+=~<>@:-]{0,100}", word) is not None


def _unit(name: str) -> str:
    return name if re.search(r"\.(service|socket|timer|target|mount|path|slice|scope)$", name) else f"{name}.service"


def class_of_command(command: str, clues: tuple[str, ...]) -> ChangeClass:
    """What kind of change it can be: of a package, of the running services, of the files that it names."""
    program = program_of(command)
    if _among(program, _PACKAGES):
        return "dependency"
    if _among(program, _RUNTIME):
        return "runtime"
    if _among(program, _INFRASTRUCTURE):
        return "infrastructure"
    kinds = [class_of(clue.removeprefix("path:")) for clue in clues if clue.startswith("path:")]
    return next((kind for kind in kinds if kind not in ("other", "data")), "other")
