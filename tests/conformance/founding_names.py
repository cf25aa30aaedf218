"""Every public name of the founding systems, as their public API documentation gives them.

Typed from that documentation and never from our own code: a drop-in is right when it agrees with this table.
"""

from __future__ import annotations

from .founding import cluster, facade, fermipy_jobs, fyrd, karana, themis
from .founding.notation import Entry, entries_of

#: The founding systems by name, each with the names of its drop-in.
SYSTEMS: dict[str, tuple[Entry, ...]] = {
    "facade": entries_of(*facade.NAMES),
    "karana": entries_of(*karana.NAMES),
    "themis": entries_of(*themis.NAMES),
    "cluster": entries_of(*cluster.NAMES),
    "fyrd": entries_of(*fyrd.NAMES),
    "fermipy_jobs": entries_of(*fermipy_jobs.NAMES),
}
