"""How the hooks of an ensemble are tried out."""

from __future__ import annotations

from runsemble.ensemble.errands import hook_errand, run_errand
from runsemble.ensemble.home import Home
from runsemble.store.reader import reading


class Trying(Home):
    """What calls hooks by hand."""

    async def call_prep_ensemble(self) -> str:
        """Call `prep_ensemble` now, without noting that it was; return what went wrong, "" if nothing did."""
        return await self._call("prep_ensemble")

    async def call_post_ensemble(self) -> str:
        """Call `post_ensemble` now; return what went wrong, "" if nothing did."""
        return await self._call("post_ensemble")

    async def _call(self, name: str) -> str:
        async with reading(self.path) as reader:
            settings = await reader.settings()
        call = settings.get("hooks", {}).get(name)
        return "" if call is None else await run_errand(hook_errand(call, settings["submit_dir"]), self.path)
