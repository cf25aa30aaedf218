"""Wording of a plan: how long it would take, how well the machine is used, and what another one would do."""

from __future__ import annotations

from runsemble.display.table import Column, text_table
from runsemble.display.words import duration_words
from runsemble.model.resources import count_of
from runsemble.sched.plan import Plan, Scale


def plan_lines(plan: Plan, width: int) -> list[str]:
    """Return the lines that tell people of a plan, the answer first.

    Args:
        plan: What would come of the study.
        width: Columns of the terminal.
    """
    lines = [_answer(plan)]
    if plan.unknown_count:
        lines.append(
            f"nobody knows how long {count_of(plan.unknown_count, 'run')} will take: a wave is the time of one run"
        )
    if plan.run_count:
        lines += [_use(plan), *_tail(plan), *_waits(plan)]
    if plan.is_sampled:
        lines.append(f"estimated from {plan.played_count} of {plan.run_count} runs, played one by one")
    lines += [f"{count_of(never.count, 'run')} would never start: {never.why}" for never in plan.never]
    return lines + (["", *_table(plan, width)] if plan.run_count and len(plan.scales) > 1 else [])


def _answer(plan: Plan) -> str:
    return (
        f"{count_of(plan.run_count, 'run')} would take {_time(plan, plan.makespan)} on {_machine(plan, plan.machine)}"
    )


def _machine(plan: Plan, scale: Scale) -> str:
    parts = [count_of(scale.cores, "core")] + ([count_of(scale.gpus, "GPU")] if scale.gpus else [])
    where = " and ".join(parts) if plan.counts_cores else "its slots"
    return f"{where} of {scale.nodes} nodes" if scale.nodes > 1 else where


def _use(plan: Plan) -> str:
    unit = "cores" if plan.counts_cores else "slots"
    parts = [f"{100 * plan.machine.busy_cores:.0f} % of {unit} busy"]
    if plan.busy_gpus is not None:
        parts.append(f"{100 * plan.busy_gpus:.0f} % of GPUs busy")
    if plan.unit == "s":
        hours = f"{plan.used_core / 3600:.3g} of {plan.asked_core / 3600:.3g} {unit[:-1]}-hours used"
        parts.append(hours)
    return ", ".join(parts)


def _tail(plan: Plan) -> list[str]:
    if not plan.tail:
        return []
    return [f"in the last {_time(plan, plan.tail)} of it less than a quarter of the machine is busy"]


def _waits(plan: Plan) -> list[str]:
    if len(plan.waits) < 2:
        return []
    return [
        f"with {wait.shape} a run waits {_time(plan, wait.mean)} on average, {_time(plan, wait.longest)} at most"
        for wait in plan.waits
        if wait.longest > 0
    ]


def _table(plan: Plan, width: int) -> list[str]:
    nodes, cores, gpus = (Column(head, is_number=True, is_needed=True) for head in ("nodes", "cores", "GPUs"))
    takes, busy = Column("takes", is_number=True, is_needed=True), Column("busy", is_number=True)
    never = Column("never start", is_number=True)
    for scale in plan.scales:
        nodes.cells.append(str(scale.nodes))
        cores.cells.append(str(scale.cores))
        gpus.cells.append(str(scale.gpus))
        takes.cells.append(_time(plan, scale.makespan))
        busy.cells.append(f"{100 * scale.busy_cores:.0f} %")
        never.cells.append(count_of(scale.never_count, "run") if scale.never_count else "")
    columns = [cores, takes, busy]
    if any(scale.nodes > 1 for scale in plan.scales):
        columns.insert(0, nodes)
    if plan.machine.gpus:
        columns.insert(-2, gpus)
    if any(scale.never_count for scale in plan.scales):
        columns.append(never)
    return text_table(columns, width)[0]


def _time(plan: Plan, time: float) -> str:
    return duration_words(time) if plan.unit == "s" else count_of(round(time), "wave")
