"""Names of months as programs write them, in lower case."""

_ENGLISH = "january february march april may june july august september october november december"
_OTHERS = """
januar februar märz april mai juni juli august september oktober november dezember
jän jän mär apr mai jun jul aug sep okt nov dez
janvier février mars avril mai juin juillet août septembre octobre novembre décembre
janv févr mars avr mai juin juil août sept oct nov déc
enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre
ene feb mar abr may jun jul ago sep oct nov dic
gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre
gen feb mar apr mag giu lug ago set ott nov dic
janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro
jan fev mar abr mai jun jul ago set out nov dez
januari februari maart april mei juni juli augustus september oktober november december
jan feb mrt apr mei jun jul aug sep okt nov dec
"""


def _names() -> dict[str, int]:
    months: dict[str, int] = {"sept": 9}
    for number, name in enumerate(_ENGLISH.split(), start=1):
        months[name] = months[name[:3]] = number
    for line in _OTHERS.strip().splitlines():
        for number, name in enumerate(line.split(), start=1):
            months.setdefault(name, number)
    return months


MONTHS = _names()
"""Name or abbreviation → 1 … 12."""
