"""Files of kernel parameters: which count, what they want, and what differs."""

from hypothesis import given
from hypothesis import strategies as st

from mcp_server.core.sysctl import Wish, differing, dotted, effective, running, wishes


def test_a_name_counts_once_and_names_give_the_order() -> None:
    paths = ["/usr/lib/sysctl.d/50-a.conf", "/etc/sysctl.d/50-a.conf", "/usr/lib/sysctl.d/10-b.conf", "/etc/sysctl.d/README"]
    assert effective(paths) == ["/usr/lib/sysctl.d/10-b.conf", "/etc/sysctl.d/50-a.conf"]


def test_lines_comments_slashes_and_the_last_word() -> None:
    text = "# c\n; c\n a.b=1\nnet/ipv4/conf/eth0.100/x = 2 \n-e.f = 3\n-g.h\nnonsense\nlist = 1\t2   3\n"
    assert wishes([("/1", text), ("/2", "a.b = 9")]) == {
        "net.ipv4.conf.eth0/100.x": Wish("2", "/1"), "e.f": Wish("3", "/1"), "g.h": None, "list": Wish("1 2 3", "/1"),
        "a.b": Wish("9", "/2"),
    }  # fmt: skip
    assert dotted("net.ipv4.conf.eth0/100.x") == "net.ipv4.conf.eth0/100.x"


def test_a_pattern_yields_to_a_name_and_to_an_exception() -> None:
    wanted = wishes([("/1", "net.*.f = 1\n-net.a.f\nnet.b.f = 2\nx = \n")])
    now = running("net.a.f = 5\nnet.b.f = 2\nnet.c.f = 7\nx = \nother = 3\nsysctl: cannot stat /proc/sys/y\n")
    assert differing(wanted, now) == {"net.c.f": (Wish("1", "/1"), "7")}


@given(st.text(max_size=300))
def test_any_text_is_survived(text: str) -> None:
    differing(wishes([("/x", text)]), running(text))
