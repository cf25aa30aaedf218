"""Every name of the founding systems is where their scripts look for it, with the documented parameters and defaults.

Names that are still to come are listed in `founding_xfail.txt`, which only shrinks: a listed name that is there fails.
"""

from __future__ import annotations

import abc
import functools
import types
from pathlib import Path
from typing import ClassVar

import pytest

from .founding import inspection
from .founding.notation import Attribute, Class, Data, Entry, Function, Method, Module, Property, entries_of
from .founding_names import SYSTEMS

LIST = Path(__file__).with_name("founding_xfail.txt")
LISTED = [line for line in LIST.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
TO_COME = frozenset(LISTED)
EVERY_ENTRY = [entry for entries in SYSTEMS.values() for entry in entries]


@pytest.mark.parametrize("entry", [entry for entry in EVERY_ENTRY if entry.path not in TO_COME], ids=lambda e: e.path)
def test_a_founding_name_is_there_as_documented(entry: Entry) -> None:
    faults = inspection.find_faults(entry)
    assert not faults, f"{entry.path}: {'; '.join(faults)}"


# One test per system, not per name, so that the summary has a line for each system instead of hundreds.
@pytest.mark.parametrize("system", SYSTEMS)
def test_a_listed_name_is_really_still_to_come(system: str) -> None:
    listed = [entry for entry in SYSTEMS[system] if entry.path in TO_COME]
    there = [entry.path for entry in listed if not inspection.find_faults(entry)]
    assert not there, f"there as documented now, so remove from {LIST.name}:\n" + "\n".join(there)
    if listed:
        pytest.xfail(f"{len(listed)} of {len(SYSTEMS[system])} names of {system} still to come")


def test_the_list_names_only_what_the_table_has_and_nothing_twice() -> None:
    assert sorted(TO_COME - {entry.path for entry in EVERY_ENTRY}) == [], "in the list but in no table"
    assert sorted(path for path in TO_COME if LISTED.count(path) > 1) == [], "listed twice"


def test_no_name_stands_twice_in_the_tables() -> None:
    paths = [entry.path for entry in EVERY_ENTRY]
    assert sorted({path for path in paths if paths.count(path) > 1}) == []


# The inspection itself: on a made-up module it must accept what fits and object to what does not.


class _Base(abc.ABC):
    @abc.abstractmethod
    async def wait(self) -> None: ...


class _Thing(_Base):
    count = 0
    limit: int
    table: ClassVar[dict[str, int]] = {"a": 1}
    base = _Base

    def __init__(self, path: str, *, where: Path = Path(".")) -> None:
        self.path = path

    @classmethod
    def make(cls, *args: object, **kwargs: object) -> None: ...

    @property
    def name(self) -> str:
        return self.path

    def add(self, cmd: str, hard: bool = False) -> None: ...

    async def wait(self) -> None: ...


def _send(results: object, times: int = 1) -> None: ...


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> str:
    module = types.ModuleType("made_up")
    vars(module).update(Base=_Base, Thing=_Thing, send=_send, LEVEL=3)
    monkeypatch.setattr(inspection, "import_module", functools.partial({"made_up": module, "abc": abc}.get))
    return "made_up"


THING = Class("Thing", "(path, *, where=Path('.'))", bases=("Base", "abc.ABC"), calls=("(_, where=_)",), sample="('x')")


@pytest.mark.parametrize(
    "what",
    [
        Data("LEVEL"),
        Function("send", "(results, times=1)", calls=("(_)", "(_, times=_)")),
        Function("send"),
        THING,
        Class("Base", members=(Method("wait", "()", is_abstract=True, is_async=True),)),
    ],
    ids=lambda what: what.name,
)
def test_the_inspection_accepts_what_is_as_documented(made_up: str, what: Data | Function | Class) -> None:
    for entry in entries_of(Module(made_up, (what,))):
        assert inspection.find_faults(entry) == []


@pytest.mark.parametrize(
    "member",
    [
        Attribute("count", "0"),
        Attribute("path", "'x'"),
        Attribute("table", keys=("a",)),
        Attribute("base", is_class="Base"),
        Property("name"),
        Method("add", "(cmd, hard=False)", calls=("(_)",)),
        Method("make", "(*args, **kwargs)", binding="classmethod"),
        Method("make", calls=("(_)",), binding="callable on the class"),
        Method("wait", "()", is_async=True),
    ],
    ids=lambda member: member.name,
)
def test_the_inspection_accepts_a_member_that_is_as_documented(
    made_up: str, member: Method | Property | Attribute
) -> None:
    assert inspection.find_faults(Entry(made_up, member, THING)) == []


@pytest.mark.parametrize(
    ("what", "fault"),
    [
        (Data("ABSENT"), "has no ABSENT"),
        (Data("LEVEL", keys=("a",)), "not a mapping"),
        (Function("Thing"), "not a function"),
        (Function("send", "(results, times=2)"), "its signature is (results, times=1), not (results, times=2)"),
        (Function("send", "(times=1, results=None)"), "its signature"),
        (Function("send", "(results)"), "its signature"),
        (Function("send", "(results, *, times=1)"), "its signature"),
        (Function("send", "(results, times=True)"), "its signature"),
        (Function("send", calls=("()",)), "cannot be called with ()"),
        (Function("send", calls=("(_, profile=_)",)), "cannot be called with (_, profile=_)"),
        (Function("send", is_async=True), "not async"),
        (Class("send"), "not a class"),
        (Class("Thing", "(path)"), "its signature"),
        (Class("Base", bases=("Thing",)), "does not derive from Thing"),
        (Class("Thing", bases=("absent.Base",)), "does not derive from absent.Base"),
    ],
)
def test_the_inspection_objects_to_what_differs(made_up: str, what: Data | Function | Class, fault: str) -> None:
    assert fault in "; ".join(inspection.find_faults(Entry(made_up, what)))


@pytest.mark.parametrize(
    ("member", "fault"),
    [
        (Attribute("absent"), "has no absent"),
        (Attribute("count", "1"), "it is 0, not 1"),
        (Attribute("limit"), "has no limit"),
        (Attribute("add"), "it is a method"),
        (Attribute("table", keys=("b",)), "no key 'b'"),
        (Attribute("base", is_class="Thing"), "not the class Thing"),
        (Property("absent"), "has no absent"),
        (Property("add"), "not a property"),
        (Method("absent"), "has no absent"),
        (Method("count"), "not a method"),
        (Method("make"), "not an ordinary method"),
        (Method("add", binding="classmethod"), "not a classmethod"),
        (Method("add", binding="callable on the class"), "cannot be called on the class"),
        (Method("add", is_abstract=True), "not abstract"),
        (Method("wait"), "it is async"),
        (Method("add", "(cmd, hard=True)"), "its signature"),
    ],
)
def test_the_inspection_objects_to_a_member_that_differs(
    made_up: str, member: Method | Property | Attribute, fault: str
) -> None:
    assert fault in "; ".join(inspection.find_faults(Entry(made_up, member, THING)))


@pytest.mark.parametrize("sample", ["()", "(1, nothing=2)"])
def test_an_instance_that_cannot_be_made_is_a_fault(made_up: str, sample: str) -> None:
    thing = Class("Thing", sample=sample)
    (fault,) = inspection.find_faults(Entry(made_up, Attribute("path"), thing))
    assert f"Thing{sample} cannot be made" in fault


def test_without_an_instance_an_attribute_counts_as_there_when_the_class_declares_it(made_up: str) -> None:
    thing = Class("Thing")
    assert inspection.find_faults(Entry(made_up, Attribute("limit"), thing)) == []
    assert inspection.find_faults(Entry(made_up, Attribute("limit", "0"), thing)) == ["it has no default, not 0"]


def test_a_module_that_is_not_there_is_a_fault_and_a_broken_one_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "founding_broken.py").write_text("import founding_nowhere\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert inspection.find_faults(Entry("founding_absent.inner", Module("founding_absent.inner"))) != []
    with pytest.raises(ModuleNotFoundError, match="founding_nowhere"):
        inspection.find_faults(Entry("founding_broken", Module("founding_broken")))
