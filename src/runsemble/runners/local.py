"""The runner for this machine."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Literal

import anyio.to_thread

from runsemble.agent import inventory
from runsemble.errors import RequestError
from runsemble.model.resources import Inventory, Request, count_of, require_count
from runsemble.nodes.cores import CoreClaims
from runsemble.nodes.local import LocalNode
from runsemble.nodes.place import host_name
from runsemble.runners.engine import Engine
from runsemble.runners.pooled import PooledRunner, Survivors
from runsemble.sched.pool import Pool


class ParallelLocalRunner(PooledRunner):
    """Runs in parallel on this machine, on as many cores and GPUs as this process may really use.

    Args:
        max_parallel: Runs at the same time; None: as many as the cores allow. More than there are cores means slots:
            then cores are neither counted nor assigned.
        cores: Cores to use; None: all in the affinity mask, as far as the control group's CPU quota pays for them.
        gpus: GPUs to use: a number, or their ids; None: those in ``CUDA_VISIBLE_DEVICES`` or ``ROCR_VISIBLE_DEVICES``,
            else what ``nvidia-smi`` or ``rocm-smi`` lists, asked when the first run wants one.
        mem_mib: Memory to give away, in MiB; None: this machine's, or the control group's limit.
        named: Counters of your own, such as licences: ``{"solver": 2}``.
        pin: Confine runs to the cores they were given. ``"auto"``: if no other study of this user has claimed them.
        grace_s: Seconds between TERM and KILL when a run is ended.
        survivors: What happens to processes that outlive their run: "kill", or "leave" for those who start daemons.
        output_path: New directory for runs that are added with parameters; ``multirun-<date>-<time>`` when None.
        counts_small: Whether a run of one core counts as one core. If not, `max_parallel` alone limits those; others
            are counted by cores and GPUs, and what asks for more than there is gets all there is.
        agents: Agents that start runs, side by side; None: one, and further ones where runs are so short, or cores so
            many, that this pays.

    Raises:
        RequestError: A size is negative, zero, or more than this machine has.
    """

    def __init__(
        self,
        max_parallel: int | None = None,
        cores: int | None = None,
        gpus: int | Sequence[str] | None = None,
        mem_mib: int | None = None,
        named: Mapping[str, int] | None = None,
        pin: Literal["auto"] | bool = "auto",
        grace_s: float = 5.0,
        survivors: Survivors = "kill",
        output_path: str | os.PathLike[str] | None = None,
        counts_small: bool = True,
        agents: int | None = None,
    ) -> None:
        super().__init__(grace_s=grace_s, survivors=survivors, output_path=output_path)
        sizes = {"max_parallel": max_parallel, "cores": cores, "mem_mib": mem_mib, "agents": agents}
        for name, value in sizes.items():
            if value is not None:
                require_count(name, value, 1)
        for name, count in (named or {}).items():
            require_count(f"named[{name!r}]", count, 1)
        if pin not in ("auto", True, False):
            raise RequestError(f"pin must be 'auto', True or False, not {pin!r}")
        self._usable = inventory.usable_cores()
        if cores is not None and cores > len(self._usable):
            raise RequestError(f"cores={cores}, but this process may use {count_of(len(self._usable), 'core')}")
        self._cores = cores or len(self._usable)
        self._max_parallel = max_parallel
        self._gpus = gpus if not isinstance(gpus, int) else None
        if isinstance(gpus, int):
            require_count("gpus", gpus, 0)
            self._gpus = [str(index) for index in range(gpus)]
        self._mem_mib = mem_mib
        self._named = dict(named or {})
        self._pin = pin
        self._counts_small = counts_small
        self._agents = agents
        self._claims = CoreClaims()
        self._knows_gpus = self._gpus is not None

    async def _make_engine(self, request: Request | None) -> Engine:
        vendor, gpus = await self._find_gpus(asks_tools=False)
        is_exact = self._counts_cores and self._counts_small
        ids, pin = self._choose_cores() if is_exact else (self._usable[: self._cores], False)
        tenure = self.tenure
        new = [None] * max((self._agents or 1) - len(tenure.places), 0)
        nodes = [LocalNode(place, tenure.spool_directory) for place in (*tenure.places, *new)]
        return Engine(
            [(0, node) for node in nodes],
            Pool([self._inventory(ids, gpus)]),
            self.bus,
            pin=pin,
            gpu_vendor=vendor,
            grace_s=self._grace_s,
            survivors=self._survivors,
            tenure=tenure,
            relieves=self._agents is None,
        )

    async def find_inventory(self, request: Request) -> Inventory:
        """Return what there is to give away to runs that ask for `request`, without claiming any of it."""
        _, gpus = await self._find_gpus(asks_tools=request.gpus > 0)
        return self._inventory(self._usable[: self._cores], gpus)

    @property
    def _counts_cores(self) -> bool:
        return self._max_parallel is None or self._max_parallel <= self._cores

    def _inventory(self, ids: Sequence[int], gpus: Sequence[str]) -> Inventory:
        return Inventory(
            cores=tuple(ids),
            gpus=tuple(gpus),
            mem_mib=self._mem_mib or inventory.usable_memory_mib(),
            named=self._named,
            slots=self._max_parallel,
            counts_cores=self._counts_cores,
            counts_small=self._counts_small,
            threads_per_core=inventory.threads_per_core(list(ids)),
            host=host_name(),
        )

    def _release_engine(self) -> None:
        self._claims.release()

    def _choose_cores(self) -> tuple[Sequence[int], bool]:
        """Return the core ids to use, and whether runs may be confined to them."""
        plain = self._usable[: self._cores]
        if self._pin is False:
            return plain, False
        has_quota = len(self._usable) < len(os.sched_getaffinity(0))
        claimed = self._claims.claim(self._usable, self._cores)
        if claimed is None or (has_quota and self._pin == "auto"):
            return plain, self._pin is True
        return claimed, True

    async def _prepare_for(self, engine: Engine, request: Request) -> None:
        if request.gpus and not self._knows_gpus and not engine.pool.nodes[0].gpus:
            engine.placement.gpu_vendor, gpus = await self._find_gpus(asks_tools=True)
            engine.pool.add_gpus(0, tuple(gpus))
            self._knows_gpus = not gpus  # of a machine that has none; others are asked again, as devices may change

    async def _find_gpus(self, asks_tools: bool) -> tuple[str, Sequence[str]]:
        vendor, found = "", list[str]()
        if asks_tools or any(name in os.environ for name in inventory.VISIBLE_DEVICES.values()):
            vendor, found = await anyio.to_thread.run_sync(inventory.usable_gpus)
        if self._gpus is None:
            return vendor, found
        if found and all(gpu.isdigit() for gpu in self._gpus):  # "two GPUs" means two of those that are visible
            return vendor, found[: len(self._gpus)]
        return vendor or "nvidia", list(self._gpus)
