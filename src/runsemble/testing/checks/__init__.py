"""The checks, by subject; importing this package fills `runsemble.testing.registry.CHECKS`."""

from __future__ import annotations

from runsemble.testing.checks import agent_death as agent_death
from runsemble.testing.checks import attempts as attempts
from runsemble.testing.checks import bookkeeping as bookkeeping
from runsemble.testing.checks import cancelling as cancelling
from runsemble.testing.checks import containment as containment
from runsemble.testing.checks import dialects as dialects
from runsemble.testing.checks import dispositions as dispositions
from runsemble.testing.checks import ends as ends
from runsemble.testing.checks import gathering as gathering
from runsemble.testing.checks import hosting as hosting
from runsemble.testing.checks import leaving as leaving
from runsemble.testing.checks import moments as moments
from runsemble.testing.checks import output as output
from runsemble.testing.checks import resources as resources
from runsemble.testing.checks import steering as steering
from runsemble.testing.checks import studies as studies
from runsemble.testing.checks import subscribers as subscribers
from runsemble.testing.checks import surroundings as surroundings
from runsemble.testing.checks import user_blocks as user_blocks
