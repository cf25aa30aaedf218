"""Puts the record of a study together again: from what can be read of the old one, else from run directories."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import Any

from runsemble.agent import place as places
from runsemble.agent.spool import replay
from runsemble.ensemble.identity import run_identity
from runsemble.ensemble.recipe import new_settings
from runsemble.ensemble.remains import Remains, find_remains
from runsemble.ensemble.spare import NAME, keep_spare, read_spare
from runsemble.errors import StoreError
from runsemble.model.status import Cause
from runsemble.nodes.place import host_name
from runsemble.store.file import store_path
from runsemble.store.lease import Holder, Lease
from runsemble.store.records import CAUSE_NUMBER, STATUS_NUMBER, NewRun
from runsemble.store.renewal import Renewal
from runsemble.store.salvage import Salvage
from runsemble.store.sound import TESTS, sound_run
from runsemble.workdir.layout import PRIVATE, default_name, run_of_default_name

#: Epochs that are left out where the last one is not known, so that no agent has seen a higher one.
MARGIN = 1000
#: What is left with a run of which only its directory was found.
STATE_LOST = "its state was lost with the record of the study"
COMMAND_LOST = "its own command was lost with the record of the study: add the run again"


class Salvaging:
    """A record in the making.

    Args:
        directory: The study's.
        path: Of the new file; nothing is there yet.
    """

    def __init__(self, directory: str, path: str) -> None:
        self._directory = directory
        self._spare = read_spare(directory)
        self._new = Renewal(path)
        self._unknown = self._from_directories = self._without_command = 0
        self._recipes: dict[int, dict[str, Any]] = {}
        self._settings: dict[str, Any] = {}
        self._last = -1  #: the greatest id that any run is known to have had
        self._epoch: int | None = None
        self._has_own = False  #: whether runs may have commands of their own

    def close(self) -> None:
        """Write nothing more."""
        self._new.close()

    # The old file

    def take_nothing(self) -> None:
        """Begin without the old file.

        Raises:
            StoreError: Then there is nothing to begin with.
        """
        self._take_recipes([])
        self._take_settings()
        self._add_places()

    def take_file(self, old: Salvage) -> None:
        """Take over what can be read of the old file.

        Raises:
            StoreError: Nobody knows what the study's commands are.
        """
        last_recipe = old.last_key("recipes") or 100
        self._take_recipes([row for rows in old.numbered("recipes", 1, last_recipe) for row in rows])
        for table in ("settings", "commands", "agents"):
            self._new.add(table, filter(TESTS[table], old.named(table)))
        self._take_settings()
        lease = as_lease(old)
        self._epoch = None if lease is None else lease.epoch
        self._last = self._last_id(old)
        self._take_runs(old)
        for table in ("attempts", "results"):
            self._take_table(old, table, self._last)
        for table in ("ends", "events"):
            last = old.last_key(table)
            self._take_table(old, table, (4 * self._last + 1000) if last is None else last)
        self._add_places()
        self._take_leaves(old)

    def _last_id(self, old: Salvage) -> int:
        """Return the greatest id that runs may have: from whatever part of the file tells one."""
        first = int(self._settings.get("first_id", 0))
        total = old.number("SELECT sum(number) FROM counts")
        told = [old.last_key(table) for table in ("runs", "attempts", "results")]
        told += [old.number("SELECT max(run) FROM ends"), None if total is None else first + total - 1]
        return max((id_ for id_ in told if id_ is not None and 0 <= id_ < 1 << 40), default=-1)

    def _take_recipes(self, rows: list[tuple[Any, ...]]) -> None:
        read: dict[int, dict[str, Any]] = {}
        for id_, spec in rows:
            recipe = _as_recipe(spec)
            if type(id_) is int and recipe is not None:
                read[id_] = recipe
        spare = self._spare.recipes if self._spare is not None else {}
        self._recipes = {**spare, **read}
        if not self._recipes:
            raise StoreError(
                f"nobody knows what runs in {self._directory} do: neither the record nor "
                f"{os.path.join(PRIVATE, NAME)} can be read; make a new study (runsemble create), and take "
                "what you need from the run directories by hand",
                path=store_path(self._directory),
            )
        self._new.add("recipes", ((id_, json.dumps(recipe)) for id_, recipe in self._recipes.items()))

    def _take_settings(self) -> None:
        spare = self._spare.settings if self._spare is not None else {}
        self._new.add_settings({**new_settings(), **spare})
        self._settings = self._new.settings()

    def _take_runs(self, old: Salvage) -> None:
        for rows in old.numbered("runs", 0, self._last):
            self._add_runs(rows)

    def _take_leaves(self, old: Salvage) -> None:
        """Take over runs that the old file holds, and to which nothing in it leads any more; the last that it gives."""
        if self._count() < self._last + 1 - int(self._settings["first_id"]):
            for rows in old.leaves("runs"):
                self._add_runs([row for row in rows if type(row[0]) is int and row[0] <= self._last])

    def _add_runs(self, rows: Iterable[tuple[Any, ...]]) -> None:
        good = [one for row in rows if (one := sound_run(row, self._recipes)) is not None]
        for row, is_known in good:
            if self._new.add("runs", [row]):
                self._unknown += not is_known
                self._has_own = self._has_own or (row[3] is not None and '"steps"' in row[3])

    def _take_table(self, old: Salvage, table: str, last: int) -> None:
        for rows in old.numbered(table, 0, last):
            self._new.add(table, filter(TESTS[table], rows))

    def _add_places(self) -> None:
        """Add agents that left their spools beside the record."""
        for spool in _spools_in(self._directory):
            epoch = replay(spool).epoch
            place = os.path.join(places.root(), os.path.basename(spool).removeprefix("spool-"))
            self._new.add("agents", [(place, spool, host_name(), epoch, None)])

    # Run directories

    def take_directories(self) -> None:
        """Take in runs of which only their directories are left."""
        names = set(self._new.column("SELECT directory FROM runs WHERE directory IS NOT NULL"))

        def is_known(directory: str) -> bool:
            if directory in names:
                return True
            run = run_of_default_name(directory)
            sql = "SELECT count(*) FROM runs WHERE id = ? AND directory IS NULL"
            return run is not None and self._new.count(sql, run) > 0

        recipe = self._recipes[max(self._recipes)]
        nameless = []
        for remains in find_remains(self._directory, recipe["run_dir"], is_known):
            if remains.id is None or self._new.has_run(remains.id):
                nameless.append(remains)
            else:
                self._take_remains(remains, remains.id)
        next_id = max(self._last, self._new.count("SELECT max(id) FROM runs") if self._count() else -1) + 1
        next_id = max(next_id, int(self._settings["first_id"]))
        for id_, remains in enumerate(nameless, next_id):
            self._take_remains(remains, id_)

    def _count(self) -> int:
        return self._new.count("SELECT count(*) FROM runs")

    def _take_remains(self, remains: Remains, id_: int) -> None:
        number = max(self._recipes)
        digest = self._recipes[number].get("digest", "")
        directory = "" if remains.directory == default_name(id_) else remains.directory
        identity = bytearray(run_identity(digest, remains.params_text))
        run = NewRun(id_, number, remains.params_text, "", directory, identity)
        self._from_directories += 1
        if self._has_own:
            self._without_command += 1
            aborted, cause = STATUS_NUMBER["aborted"], CAUSE_NUMBER[Cause.ABORTED]
            self._new.add_lost_run(run, remains.attempt, COMMAND_LOST, aborted, cause)
        else:
            self._unknown += 1
            self._new.add_lost_run(run, remains.attempt, STATE_LOST, STATUS_NUMBER["pending"], None)
        if remains.result is not None:
            self._new.add("results", [(id_, *remains.result)])
        self._last = max(self._last, id_)

    # The end

    def finish(self) -> dict[str, Any]:
        """Finish the new file; return what there is to tell of it.

        Raises:
            StoreError: There is something wrong with it.
        """
        new, first = self._new, int(self._settings["first_id"])
        new.settle()
        is_anything_known = self._epoch is not None
        epoch = max(self._epoch or 0, new.count("SELECT max(epoch) FROM agents"))
        runs = self._count()
        facts = {
            "runs": runs,
            "results": new.count("SELECT count(*) FROM results"),
            "attempts": new.count("SELECT count(*) FROM attempts"),
            "from_directories": self._from_directories,
            "unknown": self._unknown,
            "without_command": self._without_command,
            "lost": max(0, self._last + 1 - first - runs),
            "may_lack": not is_anything_known,
        }
        keep_spare(self._directory, self._settings, self._recipes)
        verdict = new.finish(epoch + (1 if is_anything_known else MARGIN))
        if verdict != "ok":
            raise StoreError(f"the new record of {self._directory} is not sound: {verdict}; the disk may be at fault")
        return facts


def _as_recipe(text: Any) -> dict[str, Any] | None:
    try:
        recipe = json.loads(text)
    except (ValueError, TypeError):
        return None
    is_whole = isinstance(recipe, dict) and {"steps", "run_dir", "output", "retry"} <= recipe.keys()
    return recipe if is_whole else None


def _spools_in(directory: str) -> list[str]:
    private = os.path.join(directory, PRIVATE)
    return sorted(os.path.join(private, name) for name in os.listdir(private) if name.startswith("spool-"))


def as_lease(old: Salvage) -> Lease | None:
    """Return what the lease of a salvaged file says; None if that cannot be read."""
    try:
        row = old.lease()
        if row is None:
            return None
        epoch, holder, beat, beat_boot_s = row
        return Lease(
            epoch=int(epoch),
            holder=Holder.parse(holder) if holder else None,
            beat=int(beat),
            beat_boot_s=float(beat_boot_s),
        )
    except (ValueError, TypeError):
        return None
