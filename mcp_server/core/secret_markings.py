"""Text that its own marking says is controlled or classified: `CUI//SP-CTI …`, `SECRET//NOFORN`, `(S//NF) …`.

The marking and what it marks are withheld: the rest of its line, or of its paragraph where it begins the line. A marking is
a level, two strokes and controls that exist; `CUI//DISSEM-A` of a manual, or a word with two strokes behind it, is none.
"""

import re
from collections.abc import Iterator

Span = tuple[int, int]

MARKS = ("CUI//", "CONTROLLED//", "SECRET//", "CONFIDENTIAL//", "UNCLASSIFIED//", "RESTRICTED//", "TS//", "S//", "C//", "U//")
"""One of these begins every marking or stands behind its first word."""

_LONGEST = 4_000
"""Characters of a paragraph that are withheld: a marking may not hide all that follows it."""
_CONTROL = (
    r"(?:SP-[A-Z]{2,8}|[A-Z]{3,6}/SP-[A-Z]{2,8}|BASIC|FEDCON|FED ONLY|NOCON|DL ONLY|RELIDO|NOFORN|NF|ORCON|OC|IMCON|PROPIN|PR"
    r"|FOUO|LES|SBU|SSI|PCII|ITAR|EAR|REL(?: TO)? [A-Z]{3,4}(?:, ?[A-Z]{3,4}){0,20}|DISPLAY ONLY [A-Z, ]{3,80}|EYES ONLY"
    r"|SI(?:-[A-Z]{1,4})?|TK|HCS(?:-[A-Z])?|RD|FRD|CNWDI|SAR-[A-Z ]{2,20}|PRVCY|CTI|EXPT|NNPI|UCNI)"
)
_CONTROLS = rf"{_CONTROL}(?:(?:/|//){_CONTROL}){{0,8}}(?![\w/-])"
_LEVEL = r"(?:CUI|CONTROLLED|(?:(?:COSMIC |NATO )?TOP )?SECRET|(?:NATO )?(?:CONFIDENTIAL|RESTRICTED)|UNCLASSIFIED)"
_MARKING = re.compile(rf"(?<![\w/-])(?:{_LEVEL}//{_CONTROLS}|\((?:CUI|TS|S|C|U)//{_CONTROLS}\))")
_BEFORE = re.compile(r"[\s#;*>/\-\"']*")
_BLANK = re.compile(r"\n[ \t]*\r?\n|\\n\\n")


def spans(text: str) -> Iterator[Span]:
    """Where marked text stands, with its marking."""
    done = 0
    for found in _MARKING.finditer(text):
        if found.start() < done:
            continue
        line = text.rfind("\n", 0, found.start()) + 1
        if _BEFORE.fullmatch(text, line, found.start()):
            blank = _BLANK.search(text, found.end(), found.end() + _LONGEST)
            done = blank.start() if blank else min(len(text), found.end() + _LONGEST)
        else:
            done = text.find("\n", found.end())
            done = len(text) if done < 0 else done
        done = found.start() + len(text[found.start() : done].rstrip())
        yield found.start(), done
