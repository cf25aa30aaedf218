"""How ensembles are made and found."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterable, Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import anyio.to_thread

from runsemble.ensemble import creation
from runsemble.ensemble.creation import HalfMade, require_whole
from runsemble.ensemble.home import Home
from runsemble.ensemble.options import ensemble_options, require_parameter_sets
from runsemble.ensemble.overview import drivers_of
from runsemble.errors import LeaseError, StoreError
from runsemble.store.file import store_path
from runsemble.store.reader import reading

if TYPE_CHECKING:
    from runsemble.ensemble.rebuild import Rebuilt


class Making(Home):
    """What makes an ensemble, finds one, or removes it."""

    @classmethod
    async def create(
        cls,
        path: str | os.PathLike[str],
        *,
        runs: Iterable[Any] | AsyncIterable[Any] = (),
        cmd: Sequence[str | os.PathLike[str]] | Callable[..., Any] | None = None,
        **options: Any,
    ) -> Self:
        """Make an ensemble; nothing runs until it is executed.

        When anything is wrong, nothing is left behind.

        Args:
            path: Its directory, which must be new.
            runs: Parameter sets, each a mapping of names to values; or `RunSpec` objects, with commands of their own.
            cmd: Program and arguments, with placeholders as in `multirun`; or a function.
            options: Further options, see `ensemble_options`.

        Raises:
            UsageError: Something makes no sense; where a run is at fault, `.index` says which.
            FeedError: `runs` raised.
            StoreError: The record cannot be made.
        """
        require_parameter_sets(runs)
        study, first_id = ensemble_options(path, cmd, options)
        return cls(await creation.create(study, runs, first_id))

    @classmethod
    async def create_overwrite(cls, path: str | os.PathLike[str], **options: Any) -> Self:
        """Make an ensemble; remove the one that is there, with everything in its directory. See `create`."""
        study, _ = ensemble_options(path, options.get("cmd"), _without_runs(options))
        await creation.checked(study)  # refuses nonsense before it is too late
        if await cls._is_there(path) is not None:
            await cls.clear(path)
        return await cls.create(path, **options)

    @classmethod
    async def create_resume(cls, path: str | os.PathLike[str], **options: Any) -> Self:
        """Return the ensemble that is there, else make one, in the place of half of one if need be; see `create`."""
        is_whole = await cls._is_there(path)
        if is_whole:
            return await cls.open(path)
        if is_whole is False:
            await cls.clear(path)
        return await cls.create(path, **options)

    @classmethod
    async def _is_there(cls, path: str | os.PathLike[str]) -> bool | None:
        """Tell whether an ensemble is there; False if there is only half of one, whose maker died."""
        try:
            await cls.open(path)
        except HalfMade:
            return False
        except StoreError:
            return None
        return True

    @classmethod
    async def open(cls, path: str | os.PathLike[str]) -> Self:
        """Return an existing ensemble.

        Raises:
            StoreError: There is none, it is damaged, or from a newer version.
        """
        ensemble = cls(path)
        async with reading(ensemble.path) as reader:
            require_whole(ensemble.path, await reader.settings())
            return ensemble

    @classmethod
    async def exists(cls, path: str | os.PathLike[str]) -> bool:
        """Tell whether there is an ensemble that can be opened."""
        return bool(await cls._is_there(path))

    @classmethod
    async def clear(cls, path: str | os.PathLike[str]) -> None:
        """Remove an ensemble, its record and its run directories; without effect where there is none.

        Raises:
            LeaseError: It is being driven.
        """
        ensemble = cls(path)
        if not await anyio.to_thread.run_sync(os.path.exists, store_path(ensemble.path)):
            return
        async with reading(ensemble.path) as reader:
            drivers = await drivers_of(reader)
            if drivers:
                raise LeaseError(f"{ensemble.path} is being driven by {drivers[0]}: stop it first")
        await anyio.to_thread.run_sync(shutil.rmtree, ensemble.path)

    @classmethod
    async def rebuild(cls, path: str | os.PathLike[str]) -> Rebuilt:
        """Make the record of an ensemble anew that is damaged or lost, from everything that is left.

        Whatever can be read of the old record is taken over. Runs that were lost with it are found by their
        directories: with parameters and results, but nobody knows how they ended, so they are pending again. The old
        file is kept under another name. A record with which nothing is wrong is left as it is.

        Raises:
            LeaseError: Somebody drives it.
            StoreError: There is none, what its runs do is not known any more, or the record cannot be written.
        """
        from runsemble.ensemble.rebuild import rebuild  # seldom needed

        return await rebuild(path)


def _without_runs(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name not in ("runs", "cmd")}
