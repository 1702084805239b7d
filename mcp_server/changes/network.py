"""Which network, name and firewall configuration was edited, and which links, addresses or leases came and went?"""

import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from mcp_server.core.calls import ListFolder, ReadHost
from mcp_server.core.change import Change, Window
from mcp_server.core.clock import stamp
from mcp_server.core.clues import ports_in
from mcp_server.core.declare import ChangeSource, Scope
from mcp_server.core.edits import Edit, change_of, edits, since_boot
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.journal import Journal
from mcp_server.core.journal_calls import JournalEntry
from mcp_server.core.outcome import Statement, Value
from mcp_server.core.reader import Reader
from mcp_server.core.recurring import Occurrence, folded, nearest

CHANGE_SOURCE = ChangeSource(
    question="Which network, name and firewall configuration was edited, and which links and addresses came and went?"
)

NAMES = (
    "/etc/resolv.conf", "/run/systemd/resolve/resolv.conf", "/etc/hosts", "/etc/hostname", "/etc/nsswitch.conf",
    "/etc/systemd/resolved.conf", "/etc/systemd/resolved.conf.d", "/etc/dnsmasq.conf", "/etc/dnsmasq.d",
)  # fmt: skip
LINKS = (
    "/etc/network", "/etc/netplan", "/etc/systemd/network", "/run/systemd/network", "/etc/NetworkManager",
    "/etc/sysconfig/network-scripts", "/etc/sysconfig/network", "/etc/wpa_supplicant",
)  # fmt: skip
FIREWALL = (
    "/etc/nftables.conf", "/etc/nftables.d", "/etc/nftables", "/etc/iptables", "/etc/sysconfig/iptables", "/etc/ufw",
    "/etc/firewalld", "/etc/hosts.allow", "/etc/hosts.deny", "/etc/fail2ban",
)  # fmt: skip
_DAEMONS = (
    "systemd-networkd",
    "NetworkManager",
    "dhclient",
    "dhcpcd",
    "wpa_supplicant",
    "systemd-resolved",
    "ufw",
    "firewalld",
)
MATCHES = (
    *((f"SYSLOG_IDENTIFIER={name}",) for name in _DAEMONS),
    ("_TRANSPORT=kernel", "PRIORITY=4", "PRIORITY=5", "PRIORITY=6"),
)
_SAYS = (
    r"[Ll]ink is ([Uu]p|[Dd]own)|[Ll]ink [Uu]p|[Ll]ink [Dd]own|link becomes ready|([Ll]ost|[Gg]ained) carrier|DHCPv?\d? ?lease|"
    r"DHCPv4 address|bound to |state change: .* -> (activated|deactivating|disconnected|failed|unavailable)|renamed from|"
    r"(entered|left) promiscuous mode|Switching to (fallback )?DNS server|Using degraded feature set|new default|no lease"
)
_LINK = re.compile(r"(?:^|[\s(:])(?P<link>(?:en|eth|wl|ww|bond|br|team|vlan|tun|tap|wg|ib)[\w.@-]{0,14})(?=[\s:),]|$)")
_VIRTUAL = re.compile(r"\b(?:veth|cali|cni|flannel|docker0|br-[0-9a-f]{12}|virbr|vnet|lxc)\w*")
_HEX = re.compile(r"0x[0-9a-f]{1,8}")
_NUMBERS = re.compile(r"\d+")
SHOWN, READ_LIMIT = 15, 65_536


def collect(reader: Reader, window: Window, scope: Scope) -> Iterator[Change]:
    """Edits of configuration; what the network's services and the kernel said of links; links that are down now."""
    count = 0
    for places, kind in ((NAMES, "names"), (LINKS, "links"), (FIREWALL, "firewall")):
        for edit in edits(reader, window, places, depth=3):
            count += 1
            yield change_of(edit, "network", edit.entry.path, ("infrastructure",), _named(reader, edit, kind))
    if not count:
        reader.empty("network: no configuration of links, names or firewall was edited in the window")
    with reader.part("journal"):
        seen = Journal(reader, window, scope.journal).entries(
            MATCHES, fields=("MESSAGE", "SYSLOG_IDENTIFIER"), what="news of the network", grep=_SAYS, limit=2_000
        )
        yield from _news(reader, seen.value.entries, scope, seen.evidence)
    with reader.part("state of links"):
        yield from _down(reader, window)


def _named(reader: Reader, edit: Edit, kind: str) -> tuple[str, ...]:
    """Ports that a firewall's file names: losing them loses clues, not the change."""
    if kind != "firewall" or edit.entry.type != "file" or edit.entry.size > READ_LIMIT:
        return ()
    with reader.part(f"ports in {edit.entry.path}"):
        try:
            text = reader.file(edit.entry.path, length=READ_LIMIT).value.text
        except CouldNotLook as failure:
            if failure.reason in ("missing", "refused"):
                return ()
            raise
        dports = (f"port:{int(port)}" for port in re.findall(r"dports?\s+(\d{1,5})\b", text) if 0 < int(port) < 65_536)
        return tuple(dict.fromkeys((*dports, *ports_in(text.splitlines()))))[:40]
    return ()


def _news(reader: Reader, entries: Sequence[JournalEntry], scope: Scope, evidence: str) -> Iterator[Change]:
    """What was said of links and names; the links of containers come and go with them and are counted only."""
    rows: dict[tuple[str, str], list[Occurrence[JournalEntry]]] = {}
    virtual = 0
    for entry in entries:
        said = entry.get("MESSAGE")
        if _VIRTUAL.search(said):
            virtual += 1
            continue
        shape = (entry.get("SYSLOG_IDENTIFIER"), _NUMBERS.sub("#", said)[:100])
        rows.setdefault(shape, []).append(Occurrence(at=entry.at, stamp=entry.stamp, what=entry))
    if virtual:
        reader.empty(f"network: {virtual} messages about links of containers and virtual machines left out")
    if not rows:
        reader.empty("network: no link, lease or name server changed, as far as the journal shows")
    near, rest = nearest([item for row in rows.values() for item in folded(row, scope.onset)], scope.onset, SHOWN)
    for item in near:
        said, by = item.what.get("MESSAGE"), item.what.get("SYSLOG_IDENTIFIER") or "kernel"
        link = _LINK.search(said)
        text, more = item.again("{by} said of the network: {said}")
        yield Change(
            source="network", kind="link" if link else "network", classes=("infrastructure",), at=item.at, stamp=item.stamp,
            component=link["link"] if link else by, clues=(f"link:{link['link']}",) if link else (),
            summary=Statement(text=text, values={"by": by, "said": said[:300], **more}, evidence=(evidence,), at=item.at),
        )  # fmt: skip
    if rest:
        values: dict[str, Value] = {"count": sum(item.count for item in rest)}
        yield Change(
            source="network", kind="network", classes=("infrastructure",), at=rest[-1].at, stamp=rest[-1].stamp,
            component="network",
            summary=Statement(
                text="{count} further messages about links and names", values=values, evidence=(evidence,), at=rest[-1].at
            ),
        )  # fmt: skip


def _down(reader: Reader, window: Window) -> Iterator[Change]:
    """Links that are switched on and carry nothing, with how often that happened since the boot; the kernel keeps no time."""
    try:
        links = reader.look(ListFolder(path="/sys/class/net")).value.entries
    except CouldNotLook as failure:
        if failure.reason == "missing":
            reader.blind("state of links", "missing: /sys is not mounted here", "ip -s link, on the host itself")
            return
        raise
    for name in sorted(PurePosixPath(entry.path).name for entry in links):
        if name == "lo" or _VIRTUAL.match(name):
            continue
        flags, state = _said(reader, name, "flags"), _said(reader, name, "operstate")
        if not flags.text or state.text in ("", "up", "unknown"):
            continue
        if not _HEX.fullmatch(flags.text):
            reader.blind(f"state of link {name}", "damaged: its flags are no number", f"ip link show {name}")
            continue
        if not int(flags.text, 16) & 1:
            continue  # switched off: that is how it is configured
        lost = _said(reader, name, "carrier_down_count")
        booted = reader.look(ReadHost(sample_s=0))
        at, doubt_ms = since_boot(reader.now, booted.value.booted, window)
        values: dict[str, Value] = {
            "link": name,
            "state": state.text,
            "lost": int(lost.text) if lost.text.isdecimal() else None,
        }
        text = "link {link} is switched on and its state is {state}; since when is not known"
        if lost.text.isdecimal() and int(lost.text):
            values["lost"] = int(lost.text)
            text += ", it lost its carrier {lost} times since the boot"
        yield Change(
            source="network", kind="link", classes=("infrastructure",), at=at, doubt_ms=doubt_ms, stamp=stamp(at),
            component=name, clues=(f"link:{name}",),
            summary=Statement(text=text, values=values, evidence=tuple(filter(None, (flags.evidence, state.evidence,
                              booted.evidence))), at=at),
        )  # fmt: skip


class _Told:
    """One small file of /sys and its evidence; empty where the kernel keeps none."""

    def __init__(self, text: str = "", evidence: str = "") -> None:
        self.text, self.evidence = text, evidence


def _said(reader: Reader, link: str, name: str) -> _Told:
    try:
        seen = reader.file(f"/sys/class/net/{link}/{name}", length=100)
    except CouldNotLook as failure:
        if failure.reason in ("missing", "failed"):  # gone meanwhile, or not told while it is switched off
            return _Told()
        raise
    return _Told(seen.value.text.strip(), seen.evidence)
