"""The table of known reads, as data. `load` gathers it; names must be unique."""

from collections.abc import Mapping

from mcp_server.targets.read_rule import Rule, refusing

REFUSED: Mapping[str, str] = {
    **refusing(
        "it runs other programs; call the program itself",
        "sh bash dash zsh ksh fish csh tcsh busybox toybox python python2 python3 perl ruby node php lua tclsh env xargs sudo "
        "su doas pkexec nohup timeout nice ionice chroot unshare nsenter setsid stdbuf script watch parallel strace ltrace gdb "
        "ssh make time flock systemd-run runuser setpriv taskset chrt numactl exec eval command awk gawk mawk",
    ),
    **refusing("it can write files or run programs", "sed vi vim nano ed ex emacs less more man tee dd"),
    **refusing(
        "network requests go through the program's own HTTP reader",
        "curl wget nc ncat netcat socat telnet ftp scp sftp rsync",
    ),
}
"""Programs that are refused with a reason of their own; all others are refused as unknown."""


def load() -> Mapping[str, Rule]:
    """Every rule by program name."""
    from mcp_server.targets.read_rules import cluster, containers, files, git, helm, host, network, packages, services

    table: dict[str, Rule] = {}
    for module in (cluster, containers, files, git, helm, host, network, packages, services):
        for name, rule in module.RULES.items():
            assert name not in table and name not in REFUSED, name
            table[name] = rule
    return table
