"""What makes a run the same run: its parameters, its commands, its templates and inputs, and nothing else.

Where it stands in a list does not matter, nor the order of its parameters. The command is what the user wrote: where a
program such as ``./model`` lies makes no difference. Runs that are equal in all of that, as repeats of a Monte Carlo
study are, are told apart by how many equal ones come before them.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from runsemble import codec
from runsemble.workdir.staging import StagedFile

#: Bytes of an identity.
SIZE = 16
#: The content of larger files is not read: their size and time of change stand for it.
MAX_READ_BYTES = 256 << 20

#: What of a recipe says what its runs do.
_TELLING = ("steps", "templates", "runs_here", "is_literal")
#: What the codec tags of which the elements have no order.
_WITHOUT_ORDER = ("set", "frozenset", "dict")
#: What of a command does not.
_CIRCUMSTANCES = ("timeout_s", "cores", "gpus", "mem_mib", "named")


def recipe_digest(recipe: Mapping[str, Any], staged: list[StagedFile], output_path: str) -> str:
    """Return what stands for the commands, templates and inputs of a study, in hexadecimal; reads the inputs.

    Args:
        recipe: See `Study.as_recipe`.
        staged: Its inputs.
        output_path: The study's directory, where its functions are.

    Raises:
        OSError: An input cannot be read.
    """
    facts = {name: recipe[name] for name in _TELLING}
    facts["steps"] = _telling(recipe["steps"])
    facts["templates"] = [{**template, "path": "", "shown": ""} for template in recipe["templates"]]
    for step in facts["steps"]:
        if step["call"] is not None:
            step["call"] = {
                **step["call"],
                "path": "",
                "import_from": [],
                "content": call_digest(step["call"], output_path),
            }
    facts["inputs"] = [[item.name, input_digest(item.origin or item.source)] for item in staged]
    return _digest(json.dumps(facts, sort_keys=True).encode("utf-8", "surrogatepass")).hex()


def run_identity(digest: str, params_text: str, own: str | None = None) -> bytes:
    """Return the identity of a run.

    Args:
        digest: Of its study, see `recipe_digest`.
        params_text: Its parameters, as JSON.
        own: What it alone has, as JSON.
    """
    if own is not None:
        own = _telling_own(own)
    params = canonical(params_text)
    hashed = _begun(digest).copy()
    hashed.update((f"{params}\0{own}" if own else params).encode("utf-8", "surrogatepass"))
    return hashed.digest()


@lru_cache(64)
def _telling_own(own: str) -> str:
    """Return what says what a run does, of what it alone has; many runs have the same."""
    facts = json.loads(own)
    if "steps" in facts:
        facts["steps"] = _telling(facts["steps"])
    return json.dumps(facts, sort_keys=True)


@lru_cache(8)
def _begun(digest: str) -> hashlib.blake2b:
    """Return the hash of what all runs of a study begin with."""
    return hashlib.blake2b(f"{digest}\0".encode(), digest_size=SIZE)


def canonical(text: str) -> str:
    """Return JSON of the codec's as it is for all values that are equal: the order of keys, and of sets, is no part."""
    if "," not in text:  # there is nothing in it to be put in order
        return text
    names = text.count(',"') + 1
    if names == text.count('":') and text.count("{") == 1 and "[" not in text and "\\" not in text:
        # Nothing but names and scalars, in which no sign is any other's: a tenth of the time, as with most runs.
        return '{"' + ',"'.join(sorted(text[2:-1].split(',"'))) + "}"
    value = json.loads(text)
    if codec.TAG in text:
        value = _in_order(value)
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _in_order(value: Any) -> Any:
    """Return JSON with the elements of what has no order in one that depends on nothing else."""
    if isinstance(value, list):
        return [_in_order(one) for one in value]
    if not isinstance(value, dict):
        return value
    found = {name: _in_order(one) for name, one in value.items()}
    if found.get(codec.TAG) in _WITHOUT_ORDER and isinstance(found.get(codec.VALUE), list):
        found[codec.VALUE] = sorted(found[codec.VALUE], key=lambda one: json.dumps(one, sort_keys=True))
    return found


def call_digest(call: Mapping[str, Any], output_path: str) -> str:
    """Return what stands for the code of a Python call.

    Raises:
        OSError: It cannot be read.
    """
    return _file_digest(os.path.join(output_path, call["path"]))


def _telling(steps: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return what commands say of what they do: not their circumstances, nor where a script was found."""
    telling = [{name: value for name, value in step.items() if name not in _CIRCUMSTANCES} for step in steps]
    for step in telling:
        step["cmd"] = [step.pop("program"), *step["cmd"][1:]]
        if step["script"] is not None:
            step["script"] = {**step["script"], "path": "", "shown": ""}
    return telling


def input_digest(path: str) -> str:
    """Return what stands for the content of a file or a directory.

    Raises:
        OSError: It cannot be read.
    """
    if not os.path.isdir(path):
        return _file_digest(path)
    parts = []
    for above, directories, names in os.walk(path):
        directories.sort()
        for name in sorted(names):
            file = os.path.join(above, name)
            content = os.readlink(file) if os.path.islink(file) else _file_digest(file)
            parts.append(f"{os.path.relpath(file, path)}\0{content}")
    return _digest("\n".join(parts).encode("utf-8", "surrogateescape")).hex()


def _file_digest(path: str) -> str:
    info = os.stat(path)
    if info.st_size > MAX_READ_BYTES:
        return f"{info.st_size}-{info.st_mtime_ns}"
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=SIZE)).hexdigest()


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=SIZE).digest()
