"""Git. A repository's own configuration can name programs (external diff, textconv, file system monitor, pager): where a
diff may be made, `--no-ext-diff` and `--no-textconv` must be given; the command's environment switches off the others."""

from mcp_server.targets.read_rule import Parsed, Rule, refusing

_REVISION = "/[A-Za-z0-9_./@:^~*!{}=+][A-Za-z0-9_./@:^~*!{}=+ -]*/"
# `%G…` and `%(signature…)` run the program that verifies signatures; other names may stand for such a format
_PRETTY = "/(?!.*%G)(t?format:.*|.*%.*|oneline|short|medium|full|fuller|reference|raw)/"
_FIELDS = "/(?!.*signature).*/"
_FORMAT = (
    f"--oneline --format={_PRETTY} --pretty=?{_PRETTY} --date=word --abbrev-commit --no-abbrev-commit --abbrev=?int "
    "--decorate=?word --no-decorate --no-color --color=!never --no-notes --no-show-signature --no-mailmap "
    "--encoding=word -z"
)
_LIMIT = (
    "-n=int --max-count=int --skip=int --since=text --after=text --until=text --before=text --author=text "
    "--committer=text --grep=text -i -E -F --all --branches=?text --tags=?text --remotes=?text --first-parent "
    "--merges --no-merges --reverse --topo-order --date-order --graph --no-walk=?word --walk-reflogs -g --follow "
    "--full-history --left-right --cherry-pick --boundary --simplify-by-decoration --no-graph"
)
_DIFF = (
    "-p -u --patch --no-patch -s -U=int --unified=int --raw --stat=?text --numstat --shortstat --dirstat --summary "
    "--name-only --name-status -M=?text -C=?text --find-renames=?text --find-copies=?text --no-renames -w -b "
    "--ignore-all-space --ignore-space-change --ignore-blank-lines --diff-filter=word --no-ext-diff --no-textconv "
    "--full-index -R -S=text -G=text --minimal --patience --histogram -m --cc -c --first-parent --relative=?path "
    "--no-relative --exit-code --quiet --text -a --submodule=!short --ignore-submodules=?word --no-prefix"
)
_SAFE = ("--no-ext-diff", "--no-textconv")
_WRITES_FILE = {"--output": "it writes a file", "--ext-diff": "it runs a program", "--textconv": "it runs a program"}


def _quiet_diff(parsed: Parsed) -> str | None:
    """A diff may run what the repository's configuration names, unless told not to."""
    missing = [name for name in _SAFE if not parsed.has(name)]
    return f"a diff may run programs that the repository names; add {' '.join(missing)}" if missing else None


def _log(parsed: Parsed) -> str | None:
    listing = {"--no-patch", "-s", "-i", "-g", "-z", "--graph", "--no-graph"}
    diffs = {item.partition("=")[0] for item in _DIFF.split()} - listing - set(_SAFE) - {"--first-parent"}
    return _quiet_diff(parsed) if any(name in diffs for name, _ in parsed.flags) else None


def _inner(flags: str, **more: object) -> Rule:
    return Rule(flags=flags, operands=_REVISION, inherit=False, never=_WRITES_FILE, **more)  # type: ignore[arg-type]


RULES = {
    "git": Rule(
        flags=(
            "-C=absolute --git-dir=absolute --work-tree=absolute --no-pager --no-optional-locks --no-replace-objects "
            "--literal-pathspecs --version --bare --no-lazy-fetch"
        ),
        bare=True,
        inherit=False,
        never={
            **refusing("it sets configuration, which can name programs", "-c --config-env --exec-path"),
            **refusing("it runs a pager", "-p --paginate"),
            **refusing(
                "it changes the repository or reaches others",
                "add am apply bisect checkout cherry-pick clean clone commit fetch gc init maintenance merge mv "
                "notes pull push rebase reset restore revert rm stash switch worktree update-index update-ref "
                "filter-branch submodule",
            ),
        },
        subs={
            "log": _inner(f"{_FORMAT} {_LIMIT} {_DIFF}", check=_log),
            "show": _inner(f"{_FORMAT} {_DIFF}", check=_quiet_diff),
            "diff": _inner(f"{_DIFF} --cached --staged --merge-base --no-color --check -z", check=_quiet_diff),
            "status": _inner(
                "-s --short -b --branch --porcelain=?word --long -z --ahead-behind --no-ahead-behind "
                "--no-renames -u=?word --untracked-files=?word --ignored=?word --show-stash --no-column"
            ),
            "rev-parse": _inner(
                "--show-toplevel --git-dir --absolute-git-dir --git-common-dir --is-inside-work-tree "
                "--is-bare-repository --is-shallow-repository --abbrev-ref=?word --symbolic-full-name "
                "--short=?int --verify -q --quiet --show-prefix --show-superproject-working-tree"
            ),
            "rev-list": _inner(f"{_LIMIT} --count --objects --parents --timestamp --max-parents=int --min-parents=int"),
            "describe": _inner(
                "--all --tags --always --abbrev=?int --long --contains --exact-match --first-parent --match=text --exclude=text"
            ),
            "shortlog": _inner(f"-s -e -c --summary --numbered --email {_LIMIT}", least=1),
            "blame": _inner(
                "-l -t -e -w -s -L=text --root --porcelain -p --line-porcelain --date=word --no-textconv --since=text",
                needs=("--no-textconv",),
            ),
            "ls-files": _inner(
                "-c -d -m -o -s -t -u -v -z --cached --deleted --modified --others --stage --exclude-standard "
                "--full-name --error-unmatch"
            ),
            "ls-tree": _inner("-d -r -t -l -z --name-only --full-name --full-tree --long --abbrev=?int"),
            "cat-file": _inner("-t -s -e -p", needs=("-t -s -e -p",)),
            "for-each-ref": _inner(
                f"--count=int --sort=word --format={_FIELDS} --points-at=name --merged=?name --no-merged=?name --contains=?name"
            ),
            "show-ref": _inner("-d -h -s --head --heads --tags --branches --verify -q --hash=?int"),
            "name-rev": _inner("--tags --name-only --always --refs=text"),
            "merge-base": _inner("-a --all --is-ancestor --octopus --fork-point"),
            "count-objects": Rule(flags="-v -H", inherit=False),
            "branch": Rule(
                flags=(
                    "-a -r -v -l --list --show-current --all --remotes --contains=name --merged=?name "
                    f"--no-merged=?name --format={_FIELDS} --sort=word --no-color"
                ),
                inherit=False,
            ),
            "tag": Rule(
                flags=f"-l --list -n=?int --sort=word --format={_FIELDS} --contains=?name --points-at=?name",
                operands="glob",
                needs=("-l --list",),
                inherit=False,
            ),
            "remote": Rule(flags="-v --verbose", inherit=False),
            "reflog": Rule(
                inherit=False,
                bare=True,
                never=refusing("it removes entries", "expire delete"),
                subs={"show": _inner(f"{_FORMAT} {_LIMIT}")},
            ),
            "version": Rule(flags="--build-options", inherit=False),
        },
    ),
}
