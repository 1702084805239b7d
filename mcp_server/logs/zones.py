"""Time zones as log lines name them: offsets, abbreviations, IANA names.

Rule for abbreviations that several zones share (CST, IST, BST …): the zone configured for the source or the host
decides if it uses that abbreviation itself; otherwise the first meaning below counts and the stamp is marked as doubtful.
"""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache

_TABLE = """
UTC 0  GMT 0  UT 0  Z 0  ZULU 0  WET 0  AZOST 0  EGST 0
BST +1,+6,+11  CET +1  DFT +1  IST +5:30,+2,+1  MET +1  WAT +1  WEST +1
CAT +2  CEST +2  EET +2  HAEC +2  KALT +2  MEST +2  MESZ +2  SAST +2  USZ1 +2  WAST +2  MEZ +1
ADT -3,+4  AST -4,+3  EAT +3  EEST +3  FET +3  IDT +3  IOT +6,+3  MSK +3  SYOT +3  TRT +3  VOLT +3
IRST +3:30  AMT -4,+4  AMST -3,+5  AZT +4  GET +4  GST +4,-2  MSD +4  MUT +4  RET +4  SAMT +4  SCT +4  AZST +5
AFT +4:30  IRDT +4:30  AQTT +5  HMT +5  MAWT +5  MVT +5  ORAT +5  PKT +5  TFT +5  TJT +5  TMT +5  UZT +5  YEKT +5
SLST +5:30  NPT +5:45  ALMT +6  BIOT +6  BTT +6  KGT +6  OMST +6  VOST +6  YEKST +6  QYZT +6
CCT +6:30  MMT +6:30  CXT +7  DAVT +7  HOVT +7  ICT +7  KRAT +7  NOVT +7  THA +7  WIB +7  OMSST +7  NOVST +7
ACT -5,+8  AWST +8  BDT +8,+6  BNT +8  CHOT +8  HKT +8  HOVST +8  IRKT +8  MYT +8  PHT +8  PHST +8  SGT +8  ULAT +8
WITA +8  WST +8,+13  CWST +8:45  ACWST +8:45  CHOST +9  JST +9  KST +9  PWT +9  TLT +9  ULAST +9  WIT +9  YAKT +9
AWDT +9  IRKST +9  MART -9:30  ACST +9:30  ACDT +10:30  LHST +10:30,+11  LHDT +11
AEST +10  CHST +10  CHUT +10  DDUT +10  EST -5,+10  PGT +10  VLAT +10  YAKST +10  YAPT +10
AEDT +11  BOUGT +11  KOST +11  MIST +11  NCT +11  NFT +11  PONT +11  SAKT +11  SBT +11  SRET +11  VUT +11  VLAST +11
ANAT +12  FJT +12  GILT +12  MAGT +12  MHT +12  NZST +12  PETT +12  TVT +12  WAKT +12  WFT +12  MAGST +12  NFDT +12
NZDT +13  PHOT +13  TKT +13  TOT +13  FJST +13  CHAST +12:45  CHADT +13:45  LINT +14
AZOT -1  CVT -1  EGT -1  FNT -2  PMDT -2  UYST -2  WGST -2  BRST -2
ART -3  BRT -3  CLST -3  FKST -3  GFT -3  PMST -3  ROTT -3  SRT -3  UYT -3  WGT -3  NDT -2:30  NST -3:30  NT -3:30
BOT -4  CLT -4  COST -4  ECT -5,-4  EDT -4,+11  FKT -4  GYT -4  PYT -4  PYST -3  VET -4
CDT -5,-4  CIST -8  COT -5  CST -6,+8,-5  EASST -5  PET -5  EAST -6  GALT -6  MDT -6
MST -7,+8,+6:30  PDT -7  PST -8,+8  AKDT -8  AKST -9  GIT -9  GAMT -9  HDT -9  HADT -9  TAHT -10  CKT -10
HST -10  HAST -10  SDT -10  MIT -9:30  NUT -11  SST -11,+8  BIT -12  IDLW -12
"""
_WORDS_TOO = "ACT ART BIT CAT COST EAST EAT GET GILT GIT IOT MART MET MIST MIT MUT NT NUT PET RET SCT THA TOT UT VOLT WIT"
_WORDS = frozenset(re.findall("[A-Z]+", _WORDS_TOO))
"""Abbreviations that are words as well: they count only in capitals, GET never before what looks like a request."""
_OFFSET = re.compile(r"(?:UTC|GMT)?([+\-−‐‑–])([0-9]{1,2})(?::?([0-9]{2}))?(?::?[0-9]{2})?")


def _minutes(text: str) -> int:
    hours, _, rest = text.lstrip("+-").partition(":")
    total = int(hours) * 60 + int(rest or 0)
    return -total if text[0] == "-" else total


ABBREVIATIONS: dict[str, tuple[int, ...]] = {
    name: tuple(_minutes(part) for part in offsets.split(",")) for name, offsets in re.findall(r"(\S+) (\S+)", _TABLE)
}
"""Abbreviation → offsets in minutes, the commonest meaning first."""


@lru_cache(maxsize=512)
def offset_zone(text: str) -> tzinfo | None:
    """The zone of `+0200`, `-08`, `+05:30`, `GMT+2`, `UTC-3`, `+060` (minutes, as DB2 writes); None when it is none."""
    if len(text) == 4 and text[0] in "+-" and text[1:].isdigit():
        minutes = int(text[1:])
    else:
        match = _OFFSET.fullmatch(text)
        if match is None:
            return None
        minutes = int(match[2]) * 60 + int(match[3] or 0)
    if minutes > 18 * 60:
        return None
    sign = "+" if "+" in text else "-"
    return UTC if minutes == 0 else timezone(timedelta(minutes=minutes if sign == "+" else -minutes))


@lru_cache(maxsize=512)
def abbreviation(word: str) -> tuple[tzinfo, bool] | None:
    """The zone of an abbreviation and whether other zones share it; None when the word is no zone."""
    if word != word.upper() and word.upper() in _WORDS:
        return None
    offsets = ABBREVIATIONS.get(word.upper())
    if offsets is None:
        return None
    return (UTC if offsets[0] == 0 else timezone(timedelta(minutes=offsets[0]), word.upper())), len(offsets) > 1


@lru_cache(maxsize=128)
def iana(name: str) -> tzinfo | None:
    """The zone of an IANA name such as Europe/Berlin; None when there is none of that name."""
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        return None


def shown_twice(wall: datetime, zone: tzinfo | None) -> timedelta:
    """How far apart the instants are that a wall time may be, where the clock showed it twice, or never; else zero.

    `zone` None stands for that of this machine.
    """
    times = [wall.replace(tzinfo=None, fold=fold) for fold in (0, 1)]
    try:
        one, two = (time.astimezone(UTC) if zone is None else time.replace(tzinfo=zone).astimezone(UTC) for time in times)
    except (ValueError, OverflowError, OSError):  # the first and the last year have no neighbours to shift into
        return timedelta(0)
    return abs(two - one)


def settled(word: str, wall: datetime, known: tzinfo | None) -> tzinfo | None:
    """For a shared abbreviation: `known` (the source's or the host's zone) if it goes by that name at that wall time."""
    if known is None:
        return None
    try:
        for fold in (0, 1):
            if known.tzname(wall.replace(tzinfo=None, fold=fold)) == word.upper():
                return timezone(known.utcoffset(wall.replace(tzinfo=None, fold=fold)) or timedelta(0), word.upper())
    except (ValueError, OverflowError):
        return None
    return None
