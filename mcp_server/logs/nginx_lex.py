"""An nginx file as a flat stream of statements; the lexer is crossplane's, fed with text that the reader read."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Statement:
    """`term` ended it: `;`, `{`, `}` (which also closes the block around it), or nothing at the end of the file."""

    name: str
    args: tuple[str, ...]
    line: int
    term: str


class SyntaxProblem(Exception):
    """The text ends, or goes on, where it must not."""

    def __init__(self, message: str, line: int | None) -> None:
        super().__init__(message)
        self.message, self.line = message, line


def statements(text: str) -> Iterator[Statement]:
    """The flat stream of statements and closing braces. Raises SyntaxProblem at the first place that cannot be read."""
    from crossplane.errors import NgxParserBaseException
    from crossplane.lexer import _balance_braces, _lex_file_object

    words: list[str] = []
    line = last = 1
    ended = False
    try:
        # the lexer stops without a word inside an open quote: then the comment put at the end does not come out
        for word, at, quoted in _balance_braces(_lex_file_object([text, "\n#end\n"])):
            last = at
            if not quoted and word in (";", "{", "}"):
                if words or word == "}":
                    yield Statement(words[0] if words else "", tuple(words[1:]), line, word)
                else:
                    raise SyntaxProblem(f'unexpected "{word}"', at)
                words = []
            elif not quoted and word.startswith("#"):
                ended = word == "#end"
            else:
                line = line if words else at
                words.append(word)
    except NgxParserBaseException as error:
        raise SyntaxProblem(str(error.strerror), error.lineno) from None
    if words:
        raise SyntaxProblem(f'unexpected end of file, expecting ";" after "{words[0][:60]}"', line)
    if not ended:
        raise SyntaxProblem("unexpected end of file inside a quoted text", last)


def top_level(text: str) -> frozenset[str]:
    """Names of the statements outside every block, as far as the text can be read."""
    names: set[str] = set()
    depth = 0
    try:
        for statement in statements(text):
            if depth == 0 and statement.name:
                names.add(statement.name)
            depth += {"{": 1, "}": -1}.get(statement.term, 0)
    except SyntaxProblem:
        pass  # found again, and said, by the walk
    return frozenset(names)
