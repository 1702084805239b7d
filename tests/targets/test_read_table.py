"""The read table: what is hostile stays out, what an engineer reads stays in, and nothing added turns a no into a yes."""

import shlex
import string
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_server.targets.read_rule import Rule, flags_of
from mcp_server.targets.read_rules import REFUSED, load
from mcp_server.targets.read_table import MOST_ARGUMENTS, MOST_CHARACTERS, content_paths, is_read, why_not


def lines(name: str) -> list[tuple[str, ...]]:
    """Each non-empty line of a file beside this one, as the words that `shlex` makes of it."""
    text = (Path(__file__).parent / "read_table" / name).read_text(encoding="utf8")
    return [tuple(shlex.split(line)) for line in text.split("\n") if line.strip()]


HOSTILE_LINES, READ_LINES = lines("hostile.txt"), lines("reads.txt")
SHELL = ("|", "||", "&", "&&", ";", ">", ">>", "<", "2>&1", "`id`", "$(id)", "> /etc/passwd", "x;", "x|", "x&", "&>/tmp/x")
FORMS = [
    (), ("",), ("ls", "a\0b"), ("ls", "a\nb"), ("ls\n",), ("ls", "\x1b[2J"), ("ls", "a\u202eb"), ("ls", "\u200b"),
    ("ls", "\u2212l"), ("ls", "\u2014all"), ("l\u0455",), ("\uff4c\uff53",), (" ls",), ("ls ",), ("ls", "\ud800"),
    ("kubectl", "g\u0435t", "pods"), ("systemctl", "\u0455tatus", "nginx"), ("ls", "a" * 20_000), ("ls", *["a"] * 300),
]  # fmt: skip


def test_the_lists_are_long_enough_to_mean_something() -> None:
    assert len(set(HOSTILE_LINES)) >= 300
    assert len(set(READ_LINES)) >= 150


@pytest.mark.parametrize("argv", HOSTILE_LINES + FORMS, ids=lambda argv: " ".join(argv)[:60] or "(nothing)")
def test_hostile_lines_are_refused_with_a_sentence(argv: tuple[str, ...]) -> None:
    sentence = why_not(argv)
    assert sentence
    assert not is_read(argv)
    assert len(sentence) < 400
    assert "\n" not in sentence
    assert content_paths(argv) == ()


@pytest.mark.parametrize("argv", READ_LINES, ids=" ".join)
def test_reads_are_allowed(argv: tuple[str, ...]) -> None:
    assert why_not(argv) is None


def test_a_text_is_no_command_line() -> None:
    assert not is_read("ls")
    assert not is_read(["ls", 1])  # type: ignore[list-item]


def test_limits_are_exact() -> None:
    assert is_read(["stat", *["a"] * 63])
    assert not is_read(["ls", *["-a"] * MOST_ARGUMENTS])
    assert is_read(["ls", *["-a"] * (MOST_ARGUMENTS - 1)])
    assert is_read(["ls", "a" * (MOST_CHARACTERS - 2)])
    assert not is_read(["ls", "a" * (MOST_CHARACTERS - 1)])


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("nginx -t", "opens its log files for writing"),
        ("journalctl -f", "never ends"),
        ("kubectl get pods -w", "never ends"),
        ("kubectl get secret x -o yaml", "values of Secrets"),
        ("kubectl get pods --kubeconfig=/x", "come from the settings"),
        ("bash -c id", "runs other programs"),
        ("curl http://x", "HTTP reader"),
        ("find / -delete", "removes, runs or writes"),
        ("git -C /x diff", "--no-ext-diff --no-textconv"),
        ("systemctl -H db status", "another target"),
        ("frobnicate", "not in the table"),
    ],
)
def test_a_refusal_says_why(line: str, words: str) -> None:
    assert words in (why_not(line.split()) or "")


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_wrappers_interpreters_and_editors_are_refused_whatever_follows(name: str) -> None:
    for rest in ((), ("--version",), ("ls",), ("-c", "ls")):
        assert not is_read((name, *rest))
        assert not is_read((f"/usr/bin/{name}", *rest))


def every_rule(table: dict[str, Rule]) -> list[tuple[tuple[str, ...], Rule]]:
    found: list[tuple[tuple[str, ...], Rule]] = []
    todo = [((name,), rule) for name, rule in table.items()]
    while todo:
        path, rule = todo.pop()
        found.append((path, rule))
        todo += [((*path, name), sub) for name, sub in rule.subs.items()]
    return found


RULES = every_rule(dict(load()))


def test_every_flag_and_operand_kind_is_declared_well() -> None:
    for path, rule in RULES:
        for name, flag in flags_of(rule.flags).items():
            assert name[0] in "-+", (path, name)
            assert flag.kind != "", (path, name)
            if flag.kind and not flag.kind.startswith("/"):
                assert flag.kind in ("int", "number", "word", "name", "address", "glob", "path", "absolute", "text"), (
                    path,
                    name,
                )


@pytest.mark.parametrize(
    "argv", [(*path, *rest) for path, _ in RULES for rest in (("--frobnicate",), ("-\u00e9",))], ids=" ".join
)
def test_an_unknown_flag_is_refused_everywhere(argv: tuple[str, ...]) -> None:
    assert not is_read(argv)


@given(st.sampled_from(HOSTILE_LINES + READ_LINES), st.data())
@settings(max_examples=400)
def test_shell_syntax_and_unknown_flags_never_help(argv: tuple[str, ...], data: st.DataObject) -> None:
    word = data.draw(st.sampled_from((*SHELL, "--frobnicate", "--frobnicate=1", "a\nb", "a\0b")))
    at = data.draw(st.integers(1, len(argv)))
    longer = (*argv[:at], word, *argv[at:])
    swallowed = at > 1 and argv[at - 1].startswith("-")  # a value of a flag, not a flag
    if not swallowed or word in SHELL:
        assert not is_read(longer)


@given(st.sampled_from(HOSTILE_LINES), st.sampled_from(READ_LINES))
@settings(max_examples=300)
def test_a_refused_program_stays_refused_behind_a_read(hostile: tuple[str, ...], read: tuple[str, ...]) -> None:
    for glue in (";", "&&", "|", "\n"):
        assert not is_read((*read, glue, *hostile))


_DANGEROUS = {
    "find": ("-delete", "-exec", "-execdir", "-ok", "-fprint", "-fprintf", "-fls"),
    "journalctl": ("--rotate", "--flush", "--sync", "--setup-keys", "--follow", "-f", "--vacuum-size=1"),
    "ss": ("-K", "--kill", "-D", "-E"), "sysctl": ("-w", "-p", "--system", "a=b"), "dmesg": ("-C", "-c", "-D", "-E", "-w"),
    "git": ("--exec-path=/x", "--output=/x", "--ext-diff"), "kubectl": ("-w", "--raw", "--kubeconfig=/x", "-f"),
    "docker": ("-H", "--host=x", "--config=/x", "--follow"), "date": ("-s", "--set=1"), "systemctl": ("-H", "--host=x", "-M"),
}  # fmt: skip


@given(st.data())
@settings(max_examples=400)
def test_a_dangerous_flag_anywhere_before_the_end_of_flags_refuses(data: st.DataObject) -> None:
    program = data.draw(st.sampled_from(sorted(_DANGEROUS)))
    argv = data.draw(st.sampled_from([line for line in READ_LINES if line[0] == program]))
    flag = data.draw(st.sampled_from(_DANGEROUS[program]))
    end = argv.index("--") if "--" in argv else len(argv)
    at = data.draw(st.integers(1, end))
    assert not is_read((*argv[:at], flag, *argv[at:])), (*argv[:at], flag, *argv[at:])


@given(
    st.lists(
        st.text(st.characters(codec="utf-8"), max_size=12) | st.sampled_from([w for line in READ_LINES for w in line]),
        max_size=8,
    )
)
@settings(max_examples=500)
def test_any_words_get_an_answer(argv: list[str]) -> None:
    sentence = why_not(argv)
    assert sentence is None or isinstance(sentence, str)
    assert is_read(argv) == (sentence is None)


@given(st.sampled_from(READ_LINES), st.data())
@settings(max_examples=300)
def test_abbreviated_long_flags_are_refused(argv: tuple[str, ...], data: st.DataObject) -> None:
    long = [at for at, word in enumerate(argv) if word.startswith("--") and len(word.partition("=")[0]) > 4]
    if not long:
        return
    at = data.draw(st.sampled_from(long))
    name, equals, value = argv[at].partition("=")
    short = data.draw(st.integers(3, len(name) - 1))
    cut = name[:short]
    known = {flag for _, rule in RULES for flag in flags_of(rule.flags)}
    if cut not in known:
        assert not is_read((*argv[:at], cut + equals + value, *argv[at + 1 :]))


@given(st.text(string.ascii_letters + string.digits, min_size=1, max_size=8))
@settings(max_examples=200)
def test_programs_nobody_listed_are_refused(name: str) -> None:
    if name not in load():
        assert not is_read((name,))


def test_files_that_would_be_printed_are_named() -> None:
    assert content_paths(("cat", "-n", "/a", "/b")) == [("/a", False), ("/b", False)]
    assert content_paths(("grep", "-rn", "x", "/etc")) == [("/etc", True)]
    assert content_paths(("grep", "-e", "x", "/etc/hosts")) == [("/etc/hosts", False)]
    assert content_paths(("openssl", "x509", "-in", "/c.pem", "-noout")) == [("/c.pem", False)]
    assert content_paths(("ls", "/etc")) == ()
