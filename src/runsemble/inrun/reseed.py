"""Gives every call random numbers of its own.

Forks share the state of every generator, and a function that was pickled carries its generators along; left alone,
all calls would draw the same numbers.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def prepare(seed: int | None) -> None:
    """Load what `reseed` will need, so that no fork has to; nothing that a fork would pay for without need."""
    if seed is None:
        return
    import random  # noqa: F401

    if "numpy" in sys.modules:
        __import__("numpy.random")  # it is loaded when it is first used, and would not be seeded any more then


def reseed(seed: int | None, run_id: int) -> None:
    """Seed the global generators of `random`, of numpy and of torch, as far as they are loaded.

    Args:
        seed: Makes the numbers depend on it and on `run_id` alone, and different for every pair; None: take
            randomness from the system.
        run_id: Number of the run.
    """
    if seed is not None:
        _seed_all(_digest(b"%d %d" % (seed, run_id)), with_pythons_own=True)
    elif "numpy.random" in sys.modules or "torch" in sys.modules:
        _seed_all(os.urandom(64), with_pythons_own=False)  # which sees to it by itself in a fork


def generators_of(function: Any) -> list[Any]:
    """Return the generators of `random` and of numpy that are global variables of a function, or around it."""
    kinds = _kinds()
    if not kinds:
        return []
    values = list(getattr(function, "__globals__", {}).values())
    for cell in getattr(function, "__closure__", None) or ():
        try:
            values.append(cell.cell_contents)
        except ValueError:  # a variable that was never set
            continue
    return list({id(value): value for value in values if isinstance(value, kinds) and not _is_systems(value)}.values())


def part(generators: list[Any], seed: int | None, run_id: int) -> None:
    """Let a function's own generators draw other numbers in every run.

    Where they go on from depends on the state they were in, on `run_id`, and on nothing else: a generator that was
    given a seed gives the same numbers to the same run again. With a `seed` it depends on that one and `run_id`.
    """
    for place, generator in enumerate(generators):
        own = b"" if seed is not None else _draw(generator)
        _restart(generator, _digest(b"%s %d %d %s" % (str(seed).encode(), run_id, place, own)))


def _kinds() -> tuple[type, ...]:
    """Return the types of generators that anybody in this process can have."""
    kinds = []
    if "random" in sys.modules:
        kinds.append(sys.modules["random"].Random)
    if "numpy.random" in sys.modules:
        kinds += [sys.modules["numpy.random"].Generator, sys.modules["numpy.random"].RandomState]
    return tuple(kinds)


def _is_systems(generator: Any) -> bool:
    """Tell whether a generator takes its numbers from the system, and has no state that forks could share."""
    return "random" in sys.modules and isinstance(generator, sys.modules["random"].SystemRandom)


def _is_pythons(generator: Any) -> bool:
    return "random" in sys.modules and isinstance(generator, sys.modules["random"].Random)


def _digest(text: bytes) -> bytes:
    import hashlib  # where there is nothing to be seeded, a fork shall not pay for it

    return hashlib.sha512(text).digest()


def _draw(generator: Any) -> bytes:
    return bytes(generator.randbytes(32) if _is_pythons(generator) else generator.bytes(32))


def _restart(generator: Any, entropy: bytes) -> None:
    if hasattr(generator, "bit_generator"):  # numpy's Generator
        kind = type(generator.bit_generator)
        generator.bit_generator.state = kind(int.from_bytes(entropy, "little")).state
    elif _is_pythons(generator):
        generator.seed(entropy)
    else:
        generator.seed(_words(entropy))


def _seed_all(entropy: bytes, with_pythons_own: bool) -> None:
    if with_pythons_own:
        sys.modules["random"].seed(entropy[:16])
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed(_words(entropy[16:48]))
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(int.from_bytes(entropy[48:56], "little", signed=True))


def _words(entropy: bytes) -> list[int]:
    return [int.from_bytes(entropy[at : at + 4], "little") for at in range(0, len(entropy), 4)]
