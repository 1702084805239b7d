"""Files, folders and filesystems."""

from collections.abc import Sequence

from mcp_server.targets.read_rule import Parsed, Rule, refusing


def _printed(parsed: Parsed) -> Sequence[tuple[str, bool]]:
    return [(path, False) for path in parsed.operands]


def _searched(parsed: Parsed) -> Sequence[tuple[str, bool]]:
    given = parsed.has("-e", "--regexp")
    recursive = parsed.has("-r", "--recursive") or parsed.value("-d") == "recurse"
    return [(path, recursive) for path in parsed.operands[0 if given else 1 :]]


def _grep(parsed: Parsed) -> str | None:
    if not _searched(parsed):
        return "name the files to search; standard input is closed"
    return None


def _find(parsed: Parsed) -> str | None:
    tests = [name for name, _ in parsed.flags if name.startswith("-") and name not in ("-H", "-L", "-P")]
    return None if tests or parsed.operands else "name where to look"


_WRITES = refusing("it removes, runs or writes", "-delete -exec -execdir -ok -okdir -fprint -fprint0 -fprintf -fls")
_MOUNTS = refusing("it changes the mounted filesystems", "-a -o -t -B --bind --all --make-private -r -w")
_LIST = (
    "-a -A -b -B -c -C -d -f -F -g -G -h -H -i -k -l -L -m -n -N -o -p -q -Q -r -R -s -S -t -u -U -v -x -X -Z -1 "
    "--all --almost-all --author --directory --full-time --group-directories-first --human-readable --inode "
    "--numeric-uid-gid --recursive --reverse --size --si --color=?word --sort=word --time=word --time-style=text "
    "--ignore=text -I=text -w=int"
)

RULES = {
    "ls": Rule(flags=_LIST, operands="path"),
    "stat": Rule(
        flags="-L --dereference -f --file-system -c=text --format=text --printf=text -t --terse", operands="path", least=1
    ),
    "readlink": Rule(flags="-f -e -m -n -q -v -z --canonicalize", operands="path", least=1),
    "realpath": Rule(flags="-e -m -L -P -q -s -z", operands="path", least=1),
    "namei": Rule(flags="-l -m -o -v -x --long", operands="path", least=1),
    "getfacl": Rule(flags="-a -c -d -e -n -p -t --omit-header --absolute-names", operands="path", least=1),
    "lsattr": Rule(flags="-a -d -l -v -p", operands="path", least=1),
    "file": Rule(flags="-b -i -L -h --brief --mime --mime-type", operands="path", least=1),
    "tree": Rule(flags="-a -d -f -i -l -p -s -h -u -g -D -L=int -x --du --noreport -P=glob -I=glob", operands="path"),
    "cat": Rule(flags="-A -b -e -E -n -s -t -T -v --number --show-all", operands="path", least=1, content=_printed),
    "head": Rule(flags="-n=int -c=number -q -v --lines=int --bytes=number", operands="path", least=1, content=_printed),
    "tail": Rule(
        flags="-n=/[+-]?\\d{1,9}/ -c=/[+-]?\\d{1,9}[kKmM]?/ -q -v --lines=/[+-]?\\d{1,9}/ --bytes=/[+-]?\\d{1,9}[kKmM]?/",
        operands="path",
        least=1,
        content=_printed,
        never=refusing("it never ends; read the end again instead", "-f -F --follow --retry"),
    ),
    "wc": Rule(flags="-c -l -L -m -w --bytes --chars --lines --words", operands="path", least=1, content=_printed),
    "md5sum": Rule(operands="path", least=1, content=_printed),
    "sha256sum": Rule(flags="-b -t", operands="path", least=1, content=_printed),
    "grep": Rule(
        flags=(
            "-a -b -c -E -F -G -P -h -H -i -I -l -L -n -o -q -r -s -v -w -x -z -m=int -A=int -B=int -C=int "
            "-e=text -d=word --regexp=text --count --extended-regexp --fixed-strings --perl-regexp --ignore-case "
            "--no-ignore-case --invert-match --word-regexp --line-regexp --files-with-matches "
            "--files-without-match --max-count=int --only-matching --quiet --silent --no-messages --byte-offset "
            "--with-filename --no-filename --line-number --text --recursive "
            "--include=glob --exclude=glob --exclude-dir=glob --after-context=int --before-context=int "
            "--context=int --color=?word --colour=?word --binary-files=word --null"
        ),
        operands="text",
        least=1,
        check=_grep,
        content=_searched,
        never={
            **refusing("patterns are given in the command, not read from a file", "-f --file"),
            **refusing("it follows links to anywhere; use -r", "-R --dereference-recursive"),
        },
    ),
    "find": Rule(
        style="words",
        flags=(
            "-H -L -P -maxdepth=int -mindepth=int -name=text -iname=text -path=text -ipath=text -wholename=text "
            "-regex=text -iregex=text -regextype=word -type=/[bcdpflsD](,[bcdpflsD])*/ -xtype=/[bcdpflsD]/ "
            "-size=/[+-]?\\d+[bcwkMG]?/ -mtime=/[+-]?[\\d.]+/ -mmin=/[+-]?[\\d.]+/ -ctime=/[+-]?[\\d.]+/ "
            "-cmin=/[+-]?[\\d.]+/ -atime=/[+-]?[\\d.]+/ -amin=/[+-]?[\\d.]+/ -newer=path -newermt=text "
            "-newerct=text -user=word -group=word -uid=int -gid=int -perm=/[-/]?[0-7]{1,5}/ -inum=int "
            "-links=/[+-]?\\d+/ -samefile=path -fstype=word -empty -readable -writable -executable -nouser "
            "-nogroup -xdev -mount -noleaf -daystart -depth -ignore_readdir_race -prune -quit -print -print0 -ls "
            "-printf=text -true -false -not -a -and -o -or"
        ),
        operands="path",
        check=_find,
        never=_WRITES,
    ),
    "df": Rule(
        flags=(
            "-a -h -H -i -k -l -m -P -T -B=number -t=word -x=word --all --human-readable --inodes --local "
            "--portability --print-type --output=?word --total --type=word --exclude-type=word --block-size=number "
            "--si"
        ),
        operands="path",
    ),
    "du": Rule(
        flags=(
            "-a -b -c -d=int -h -H -k -L -l -m -P -s -S -t=number -x -X=path -0 --all --apparent-size --bytes "
            "--total --max-depth=int --human-readable --inodes --one-file-system --summarize --separate-dirs "
            "--threshold=number --time=?word --time-style=text --exclude=glob --si"
        ),
        operands="path",
    ),
    "mount": Rule(flags="-l -v -h -V --show-labels --version", never=_MOUNTS),
    "findmnt": Rule(
        flags=(
            "-A -a -b -D -e -f -J -l -n -P -R -r -T=path -t=word -o=word -S=path -M=path -m -k -s -u -v --all --df "
            "--json --list --noheadings --output=word --raw --real --pseudo --types=word --target=path --source=path "
            "--bytes --fstab --kernel"
        ),
        operands="path",
    ),
    "lsblk": Rule(
        flags=(
            "-a -b -d -D -f -i -J -l -m -n -o=word -O -p -P -r -s -S -t -T -x=word -z -e=word -I=word --all --bytes "
            "--fs --json --list --noheadings --output=word --output-all --paths --raw --topology --nodeps --tree"
        ),
        operands="path",
    ),
}
