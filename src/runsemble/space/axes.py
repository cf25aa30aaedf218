"""One parameter and the values it takes, as written on a command line: ``beta=lin:0.1:0.9:9``."""

from __future__ import annotations

import decimal
import difflib
import math
import re
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from runsemble.errors import ParameterError
from runsemble.model.text import quote, shown, why_no_bytes
from runsemble.space.cells import CellReader
from runsemble.space.sample import Distribution, loguniform, normal, uniform

FORMS = """\
  NAME=A,B,C                 these values; quote one that holds a comma: 'NAME="a,b",c',
                             or blanks at its ends, which are dropped in a list of several
  NAME=lin:START:STOP:COUNT  evenly spaced, both ends included
  NAME=log:START:STOP:COUNT  evenly spaced on a logarithmic scale, both ends included
  NAME=range:STOP            0, 1, ... up to but not including STOP
  NAME=range:START:STOP[:STEP]
  NAME=@FILE                 one value per line
  NAME=uniform:LOW:HIGH      drawn by --sample, as are loguniform:LOW:HIGH and normal:MEAN:SD"""

#: More values of one parameter than this are taken for a slip of the pen.
MAX_COUNT = 100_000_000
#: A number that takes more characters than this is none; and one with a larger exponent.
_LONGEST, _LARGEST_EXPONENT = 400, 400

#: A word, and a number after a colon: what could be one of the forms.
_NUMBERS = re.compile(r"[A-Za-z]+:[-+.\d]")
#: An item of a list: a quoted text, in which a doubled quotation mark stands for one, or one that begins otherwise.
_ITEM = re.compile(r'[ \t]*"(?:[^"]|"")*"[ \t]*(?=,|\Z)|(?![ \t]*")[^,]*')
_CALL = re.compile(r"([A-Za-z]+)\((.*)\)")
_BRACKET = re.compile(r"[()\[\]{}]")
#: What some forms are called elsewhere.
_ELSEWHERE = {"linspace": "lin", "logspace": "log", "geomspace": "log", "arange": "range", "rand": "uniform",
              "random": "uniform", "gauss": "normal", "gaussian": "normal"}  # fmt: skip


class Steps(Sequence[int | float]):
    """Evenly spaced numbers, computed exactly and rounded once: 0.3 is 0.3, not 0.30000000000000004."""

    def __init__(self, start: Fraction, step: Fraction, count: int, *, whole: bool) -> None:
        self._unit = math.lcm(start.denominator, step.denominator)  #: whole numbers of its reciprocal: quick, and exact
        self._start, self._step = int(start * self._unit), int(step * self._unit)
        self._count, self._whole = count, whole

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: Any) -> Any:
        """Return the value at a position, or a list of them."""
        if isinstance(index, slice):
            return [self[at] for at in range(self._count)[index]]
        value = self._start + range(self._count)[index] * self._step
        return value // self._unit if self._whole else value / self._unit


def parse_axis(text: str, reader: CellReader, directory: str = ".") -> tuple[str, Sequence[Any] | Distribution]:
    """Return the name and the values that an argument such as ``beta=0.1,0.2`` stands for; see `FORMS`.

    Args:
        text: What was written.
        reader: Turns listed texts into values.
        directory: From where ``@FILE`` is seen.

    Raises:
        ParameterError: It has none of the forms.
    """
    name, equals, spec = text.partition("=")
    if not equals or not name.strip():
        raise _malformed(text, "a parameter is written NAME=VALUES")
    if not spec:
        raise _malformed(text, "there is no value after the equals sign")
    name = name.strip()
    if spec.startswith("@"):
        return name, _lines_of(name, spec[1:], reader, directory)
    kind, *fields = spec.split(":")
    if kind in _KINDS and fields:
        try:
            return name, _KINDS[kind](fields)
        except (ValueError, OverflowError) as error:
            raise _malformed(text, f"{error} (a text that is meant is quoted)") from None
    if _NUMBERS.match(spec) and (advice := _advice_on_kind(kind, fields)):
        raise _malformed(text, f"{advice} (a text that is meant is quoted)")
    return name, _listed(name, spec, reader)


def _advice_on_kind(kind: str, fields: Sequence[str]) -> str | None:
    """Return what to write instead of a word that is none of the forms, and was probably meant to be one."""
    if kind in ("lhs", "sobol"):
        return f"points are drawn with --sample {kind}:{fields[0]}, from parameters such as NAME=uniform:0:1"
    near = [_ELSEWHERE.get(kind.lower(), kind.lower())]
    if near[0] not in _KINDS:
        near = difflib.get_close_matches(kind.lower(), _KINDS, n=1, cutoff=0.6) if len(fields) > 1 else []
    return f"there is no form {kind!r}; did you mean {near[0]!r}?" if near else None


def _listed(name: str, spec: str, reader: CellReader) -> list[Any]:
    items = [spec] if "," not in spec and '"' not in spec else [item.strip(" \t") for item in _items_of(name, spec)]
    if "" in items:
        raise _malformed(f"{name}={spec}", 'there is an empty value between the commas; write "" for one that is meant')
    if advice := _advice_on_brackets(name, spec, items):
        raise _malformed(f"{name}={spec}", advice)
    words = [item[1:-1].replace('""', '"') if item.startswith('"') else item for item in items]
    return written_values(name, words, reader, f"-P {name}")


def _items_of(name: str, spec: str) -> list[str]:
    """Split a list at its commas, quotation marks and blanks left in."""
    items = []
    at = 0
    while (item := _ITEM.match(spec, at)) is not None:
        items.append(item[0])
        at = item.end() + 1
        if at > len(spec):
            return items
    raise _malformed(f"{name}={spec}", "a quotation mark is not closed, or stands inside a value")


def _advice_on_brackets(name: str, spec: str, items: Sequence[str]) -> str | None:
    """Return what to write instead of brackets that the comma would tear apart, or that are those of a function."""
    bare = spec.strip()
    called = _CALL.fullmatch(bare)
    if called is not None and (kind := called[1].lower()) in _KINDS:
        fields = ":".join(field.strip() for field in called[2].split(","))
        return f"write {name}={kind}:{fields}, with colons; quote it if you mean the text: '{name}=\"...\"'"
    torn = next((item for item in items if not item.startswith('"') and _is_torn(item)), None)
    if torn is None or len(items) < 2:
        return None
    if bare[0] + bare[-1] in ("[]", "()", "{}") and not _BRACKET.search(bare[1:-1]):
        return f"a list has no brackets: write '{name}={bare[1:-1]}'"
    return (
        f"the bracket in {quote(torn)} has no partner before the comma; quote it if you mean it: '{name}=\"f(a,b)\",c'"
    )


def _is_torn(item: str) -> bool:
    return any(item.count(opening) != item.count(closing) for opening, closing in ("()", "[]", "{}"))


class _Written:
    """A value together with how it was written."""

    __slots__ = ("text", "value")

    def __init__(self, value: Any, text: str) -> None:
        self.value, self.text = value, text

    @staticmethod
    def of(value: Any, text: str) -> Any:
        return value if type(value) is not str and str(value) == text else _Written(value, text)


def split_written(values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Separate the values of a parameter set from how they were written."""
    texts = {name: item.text for name, item in values.items() if type(item) is _Written}
    if not texts:
        return dict(values), texts
    return {name: item.value if type(item) is _Written else item for name, item in values.items()}, texts


def written_values(name: str, words: Sequence[str], reader: CellReader, where: str) -> list[Any]:
    """Return texts as the values of a parameter that are handed on as they were written."""
    return [_Written.of(reader.read(name, word, where), word) for word in words]


def _lines_of(name: str, file: str, reader: CellReader, directory: str) -> list[Any]:
    path = Path(directory, file)
    if problem := why_no_bytes(file):
        raise ParameterError(f"-P {name}=@…: the name of the file {problem}")
    try:
        with open(path, encoding="utf-8-sig") as stream:
            lines = [line.rstrip("\n") for line in stream]
    except OSError as error:
        raise ParameterError(f"-P {name}=@{file}: {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ParameterError(f"-P {name}=@{file}: {path} is not UTF-8 (byte {error.object[error.start]:#x})") from None
    words = [line for line in lines if line.strip()]
    if not words:
        raise ParameterError(f"-P {name}=@{file}: {path} holds no values; write one per line")
    return written_values(name, words, reader, f"-P {name}=@{file}")


def _linear(fields: list[str]) -> Steps:
    start, stop, count = _require_fields(fields, "lin", "START:STOP:COUNT", "lin:0.1:0.9:9")
    a, b, n = _fraction(start), _fraction(stop), _count(count)
    step = (b - a) / (n - 1) if n > 1 else Fraction(0)
    return Steps(a, step, n, whole=_is_whole(start) and _is_whole(stop) and step.denominator == 1)


def _logarithmic(fields: list[str]) -> list[float]:
    start, stop, count = _require_fields(fields, "log", "START:STOP:COUNT", "log:1e-3:1:7")
    n = _count(count)
    context = decimal.Context(prec=40)
    a, b = decimal.Decimal(str(_float(start))), decimal.Decimal(str(_float(stop)))
    if a <= 0 or b <= 0:
        raise ValueError("a logarithmic scale needs START and STOP above 0")
    with decimal.localcontext(context):
        low, high = a.ln(), b.ln()
        step = (high - low) / (n - 1) if n > 1 else decimal.Decimal(0)
        short = decimal.Context(prec=25)
        inner = [float(short.plus((low + at * step).exp())) for at in range(1, n - 1)]
    return [float(a), *inner, float(b)][:n]


def _range(fields: list[str]) -> Steps:
    if not 1 <= len(fields) <= 3:
        raise ValueError("range takes STOP, START:STOP or START:STOP:STEP, such as range:0:10:2")
    start, stop, step = (["0"] if len(fields) == 1 else []) + fields + ["1"] * (len(fields) < 3)
    a, b, by = _fraction(start), _fraction(stop), _fraction(step)
    if by == 0:
        raise ValueError("the step of a range cannot be 0")
    count = max(0, -((a - b) // by))
    if not count:
        raise ValueError(f"range from {start} to {stop} by {step} is empty")
    return Steps(a, by, _count(str(count)), whole=all(map(_is_whole, (start, stop, step))))


def _distribution(make: Callable[[float, float], Distribution], form: str, example: str) -> Any:
    def parse(fields: list[str]) -> Distribution:
        low, high = _require_fields(fields, form.partition(":")[0], form.partition(":")[2], example)
        return make(_float(low), _float(high))

    return parse


_KINDS: dict[str, Callable[[list[str]], Sequence[Any] | Distribution]] = {
    "lin": _linear,
    "log": _logarithmic,
    "range": _range,
    "uniform": _distribution(uniform, "uniform:LOW:HIGH", "uniform:0:1"),
    "loguniform": _distribution(loguniform, "loguniform:LOW:HIGH", "loguniform:1e-4:1e-1"),
    "normal": _distribution(normal, "normal:MEAN:SD", "normal:0:1"),
}


def _require_fields(fields: list[str], kind: str, form: str, example: str) -> list[str]:
    if len(fields) != form.count(":") + 1:
        raise ValueError(f"{kind} takes {form}, such as {example}")
    return fields


def _float(text: str) -> float:
    return float(_fraction(text))


def _fraction(text: str) -> Fraction:
    """Return a number exactly; only such as a float can stand for.

    Raises:
        ValueError: It is none. A huge exponent is refused before it is computed, which would take for ever.
    """
    clean = text.strip().lower()
    exponent = clean.partition("e")[2]
    try:
        if len(clean) > _LONGEST or (exponent and abs(int(exponent)) > _LARGEST_EXPONENT):
            raise ValueError
        value = Fraction(clean)
        float(value)
    except (ValueError, ZeroDivisionError, OverflowError):
        raise ValueError(f"{quote(text)} is no number that can be used here") from None
    return value


def _is_whole(text: str) -> bool:
    return bool(re.fullmatch(r"\s*[-+]?\d+\s*", text))


def _count(text: str) -> int:
    if not _is_whole(text) or len(text) > _LONGEST or int(text) < 1:
        raise ValueError(f"COUNT must be a whole number of at least 1, not {quote(text)}")
    if int(text) > MAX_COUNT:
        raise ValueError(f"{quote(text.strip())} values are more than the {MAX_COUNT:,} that one parameter may have")
    return int(text)


def _malformed(text: str, reason: str) -> ParameterError:
    return ParameterError(f"-P {shown(text)}: {reason}\n\nThe accepted forms:\n{FORMS}")
