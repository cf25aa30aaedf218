"""The JSON codec for parameters and results, shared by driver, agent and in-run helpers.

JSON alone loses Python's types: tuples become lists, integer keys become strings, NaN becomes null. Here every value
comes back with the type it had. What JSON cannot hold is written as a tagged object::

    {"__type__": "tuple", "value": [1, 2]}

and a dict that itself owns the key ``__type__`` is tagged in turn, so no user value is ever mistaken for a tag.
Types are compared with ``type(x) is``: a subclass (an ``IntEnum``, a ``numpy.float64``) is not its base class.

This file runs on every Python from 3.8 on and imports nothing but ``json`` until a value needs more.

Source: JSON is RFC 8259; the tags are our own.
"""

from __future__ import annotations

import json
import json.encoder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

TAG = "__type__"
VALUE = "value"


_write = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def _new_flat_writer() -> Any:
    """Return what writes a dict of scalars as `_write` does, but into parts.

    `JSONEncoder.encode` makes a new encoder in C for every value, which is half of its time; benchmarks/scale.py.
    """
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return lambda value, _: [_write(value)]
    quote = json.encoder.encode_basestring_ascii
    return make(None, None, quote, None, ":", ",", False, False, False)


_write_flat = _new_flat_writer()


class CannotEncode(TypeError):
    """A value has no exact JSON form."""


class CannotUnpickle(Exception):
    """A value was stored as a pickle that cannot be loaded here; the cause says why."""


def encode(value: Any, *, allow_pickle: bool = False) -> str:
    """Return `value` as JSON text that `decode` turns back into an equal value of the same types.

    The text is decoded again and compared before it is returned, so a normal return guarantees the round trip.

    Args:
        value: Any combination of None, bool, int, float, str, list, tuple, dict, set, frozenset, bytes, complex,
            Decimal, date, time, datetime, timedelta and Path; other types need `allow_pickle`.
        allow_pickle: Pickle the whole value when it has no exact JSON form, and mark it as pickle.

    Raises:
        CannotEncode: The value has no exact JSON form and `allow_pickle` is false.
        Exception: Whatever `pickle.dumps` raises for an object that cannot be pickled.
    """
    kind = type(value)
    if kind is dict:
        text = encode_flat(value)
        if text is not None:
            return text
    try:
        if kind is int or (kind is float and value - value == 0.0):
            return repr(value)
        text = _write(_to_json(value))
        if is_same(decode(text), value):
            return text
        problem = "does not survive a round trip through JSON"
    except (CannotEncode, RecursionError, ValueError, ArithmeticError) as error:
        problem = str(error)
    if not allow_pickle:
        raise CannotEncode(problem)
    import pickle

    return mark_pickle(pickle.dumps(value, protocol=4))


def mark_pickle(raw: bytes) -> str:
    """Return the JSON text that `decode` takes for a value pickled as `raw`."""
    import binascii

    return _write({TAG: "pickle", VALUE: binascii.b2a_base64(raw, newline=False).decode("ascii")})


def decode(text: str | bytes, *, allow_pickle: bool = False) -> Any:
    """Return the value that `text` holds; text never written by `encode` is ordinary JSON.

    Args:
        text: JSON text, as UTF-8 when given as bytes.
        allow_pickle: Load a value that was marked as pickle. Loading a pickle runs code: allow it only for files
            that the reading user owns.

    Raises:
        ValueError: The text is not JSON, holds an unknown tag, or a malformed one.
        PermissionError: The value is a pickle and `allow_pickle` is false.
        CannotUnpickle: The value is a pickle that cannot be loaded here.
    """
    try:
        return _from_json(json.loads(text), allow_pickle)
    except RecursionError:
        raise ValueError("JSON nested too deeply") from None


_FLAT = frozenset({int, float, str, bool, type(None)})
_NAMES = frozenset({str})


def encode_flat(value: dict[Any, Any]) -> str | None:
    """Return a dict of scalars as `encode` does; None for any other, and where plain JSON does not tell everything."""
    if TAG in value or not (_FLAT.issuperset(map(type, value.values())) and _NAMES.issuperset(map(type, value))):
        return None
    try:
        text: str = "".join(_write_flat(value, 0))
    except ValueError:  # a float that is no number, an int of too many digits
        return None
    return None if "\\ud" in text else text  # two lone surrogates would come back as one character


def is_same(left: Any, right: Any) -> bool:
    """Tell whether two values are equal in value and in every type; NaN is the same as NaN, 0.0 is not -0.0."""
    kind = type(left)
    if kind is not type(right):
        return False
    if kind is float:
        return bool(repr(left) == repr(right))
    if kind is list or kind is tuple:
        return len(left) == len(right) and all(map(is_same, left, right))
    if kind is dict:
        return len(left) == len(right) and all(
            is_same(lk, rk) and is_same(left[lk], right[rk]) for lk, rk in zip(left, right)
        )
    if kind is complex:
        return repr(left) == repr(right)
    if kind is set or kind is frozenset:
        return _fingerprint(frozenset(left)) == _fingerprint(frozenset(right))
    if kind.__module__ == "decimal":
        return str(left) == str(right)
    return bool(left == right)


def _fingerprint(value: Any) -> str:
    """Return a text that is the same for hashable values that are the same, whatever the order of their hashes."""
    kind = type(value)
    if kind is tuple:
        return "(" + ",".join(map(_fingerprint, value)) + ")"
    if kind is frozenset:
        return "{" + ",".join(sorted(map(_fingerprint, value))) + "}"
    return kind.__qualname__ + repr(value)


def _to_json(value: Any) -> Any:
    kind = type(value)
    if value is None or kind is bool or kind is str or kind is int:
        return value
    if kind is float:
        return value if value - value == 0.0 else _tagged("float", repr(value))
    if kind is list:
        return [_to_json(x) for x in value]
    if kind is dict:
        if TAG not in value and all(type(k) is str for k in value):
            return {k: _to_json(v) for k, v in value.items()}
        return _tagged("dict", [[_to_json(k), _to_json(v)] for k, v in value.items()])
    if kind is tuple:
        return _tagged("tuple", [_to_json(x) for x in value])
    if kind is set or kind is frozenset:
        return _tagged(kind.__name__, [_to_json(x) for x in value])
    if kind is bytes:
        import binascii

        return _tagged("bytes", binascii.b2a_base64(value, newline=False).decode("ascii"))
    if kind is complex:
        return _tagged("complex", [_to_json(value.real), _to_json(value.imag)])
    return _scalar_to_json(value, kind)


def _scalar_to_json(value: Any, kind: type) -> Any:
    """Tag the standard library's own scalars, told by the name of their type so that nothing is imported."""
    name = kind.__module__ + "." + kind.__qualname__
    if name == "decimal.Decimal":
        return _tagged("Decimal", str(value))
    if name in ("datetime.date", "datetime.time", "datetime.datetime"):
        zone = getattr(value, "tzinfo", None)
        if (zone is None or type(zone).__qualname__ == "timezone") and not getattr(value, "fold", 0):
            return _tagged(kind.__qualname__, value.isoformat())
    if name == "datetime.timedelta":
        return _tagged("timedelta", [value.days, value.seconds, value.microseconds])
    if name in ("pathlib.PosixPath", "pathlib._local.PosixPath"):
        return _tagged("Path", str(value))
    raise CannotEncode("a value of type " + name + " has no exact JSON form")


def _tagged(name: str, value: Any) -> dict[str, Any]:
    return {TAG: name, VALUE: value}


def _from_json(value: Any, allow_pickle: bool) -> Any:
    kind = type(value)
    if kind is list:
        return [_from_json(x, allow_pickle) for x in value]
    if kind is not dict:
        return value
    if TAG not in value:
        return {k: _from_json(v, allow_pickle) for k, v in value.items()}
    try:
        return _untag(value[TAG], value[VALUE], allow_pickle)
    except (KeyError, TypeError, AttributeError, ArithmeticError) as error:
        raise ValueError("malformed tag " + repr(value.get(TAG)) + " in JSON: " + repr(error)) from error


def _untag(name: str, body: Any, allow_pickle: bool) -> Any:
    if name == "dict":
        return {_from_json(k, allow_pickle): _from_json(v, allow_pickle) for k, v in body}
    if name in _SEQUENCES:
        return _SEQUENCES[name]([_from_json(x, allow_pickle) for x in body])
    if name == "float":
        return float(body)
    if name == "complex":
        real, imag = (_from_json(x, allow_pickle) for x in body)
        return complex(real, imag)
    if name in ("bytes", "pickle"):
        import binascii

        raw = binascii.a2b_base64(body)
        return raw if name == "bytes" else _unpickle(raw, allow_pickle)
    return _scalar_from_json(name, body)


_SEQUENCES = {"tuple": tuple, "set": set, "frozenset": frozenset}


def _scalar_from_json(name: str, body: Any) -> Any:
    if name == "Decimal":
        from decimal import Decimal

        return Decimal(body)
    if name == "Path":
        from pathlib import Path

        return Path(body)
    if name in ("date", "time", "datetime", "timedelta"):
        import datetime

        cls = getattr(datetime, name)
        return cls(*body) if name == "timedelta" else cls.fromisoformat(body)
    raise ValueError("unknown tag " + repr(name) + " in JSON")


def _unpickle(raw: bytes, allow_pickle: bool) -> Any:
    if not allow_pickle:
        raise PermissionError("the value was stored as a pickle, and loading pickles is not allowed here")
    import pickle

    try:
        return pickle.loads(raw)
    except Exception as error:
        raise CannotUnpickle(repr(error)) from error
