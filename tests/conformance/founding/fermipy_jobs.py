"""Names of `fermipy.jobs`, typed from the founding system's public API documentation.

The page names the modules and classes, shows two class headers and a few methods in examples, and leaves the other
members to docstrings that it does not print.
"""

from __future__ import annotations

from .notation import Attribute, Class, Data, Method, Module

PACKAGE = "runsemble.compat.fermipy_jobs"

# What "every link sub-class has" in its header.
HEADER = (
    Attribute("appname"),
    Attribute("linkname_default"),
    Attribute("usage"),
    Attribute("description"),
    Attribute("default_options"),
)


def link(name: str, *members: Attribute) -> Class:
    """A high-level analysis class: "these are `Link` sub-classes"."""
    return Class(name, bases=(f"{PACKAGE}.link.Link",), members=members)


def dispatch(client: str, *members: Attribute) -> Class:
    """Its `ScatterGather` sub-class, which invokes it."""
    base = f"{PACKAGE}.scatter_gather.ScatterGather"
    return Class(f"{client}_SG", bases=(base,), members=(Attribute("clientclass", is_class=client), *members))


ANALYZE_ROI = link(
    "AnalyzeROI",
    Attribute("appname", "'fermipy-analyze-roi'"),
    Attribute("linkname_default", "'analyze-roi'"),
    Attribute("usage", "'fermipy-analyze-roi [options]'"),
    Attribute("description", "'Run analysis of a single ROI'"),
    Attribute("default_options", keys=("config", "roi_baseline", "make_plots")),
)
ANALYZE_ROI_SG = dispatch(
    "AnalyzeROI",
    Attribute("appname", "'fermipy-analyze-roi-sg'"),
    Attribute("usage", "'fermipy-analyze-roi-sg [options]'"),
    Attribute("description", "'Run analyses on a series of ROIs'"),
    Attribute("job_time", "1500"),
    Attribute("default_options", keys=("ttype", "targetlist", "config", "roi_baseline", "make_plots")),
)

NAMES = (
    Module(PACKAGE),
    # The examples write `defaults.common['config']` and do not show where `defaults` comes from.
    Module(f"{PACKAGE}.defaults", (Data("common", ("config", "roi_baseline", "make_plots", "ttype", "targetlist")),)),
    Module(
        f"{PACKAGE}.link",
        (
            Class(
                "Link",
                members=(
                    *HEADER,
                    Attribute("jobs"),
                    Attribute("_parser"),
                    Method("construct_docstring", calls=("(_)",), binding="callable on the class"),
                    Method("run_analysis", "(argv)"),
                    Method("run", calls=("()",)),
                    Method("check_job_status", calls=("()",)),
                    Method("update_args", calls=("(_)",)),
                ),
                sample="()",
            ),
        ),
    ),
    Module(f"{PACKAGE}.gtlink", (link("Gtlink"),)),
    Module(f"{PACKAGE}.app_link", (link("AppLink"),)),
    Module(
        f"{PACKAGE}.scatter_gather",
        (
            Class(
                "ScatterGather",
                bases=(f"{PACKAGE}.link.Link",),
                members=(
                    Attribute("clientclass"),
                    Attribute("job_time"),
                    Method("build_job_configs", "(args)"),
                ),
            ),
        ),
    ),
    Module(
        f"{PACKAGE}.chain",
        (
            Class(
                "Chain",
                bases=(f"{PACKAGE}.link.Link",),
                members=(
                    # Overridden by users, called with the top-level arguments: the parameter's name is theirs.
                    Method("_map_arguments", calls=("(_)",)),
                    Method("_set_link", calls=("(_, _)", "(_, _, comp=_, data=_, mktimefilter=_, sourcekeys=_)")),
                ),
            ),
        ),
    ),
    Module(
        f"{PACKAGE}.target_analysis",
        (ANALYZE_ROI, link("AnalyzeSED"), ANALYZE_ROI_SG, dispatch("AnalyzeSED")),
    ),
    Module(
        f"{PACKAGE}.target_collect",
        (link("CollectSED"), dispatch("CollectSED")),
    ),
    Module(
        f"{PACKAGE}.target_sim",
        (
            link("CopyBaseROI"),
            link("RandomDirGen"),
            link("SimulateROI"),
            dispatch("CopyBaseROI"),
            dispatch("RandomDirGen"),
            dispatch("SimulateROI"),
        ),
    ),
    Module(
        f"{PACKAGE}.target_plotting",
        (link("PlotCastro"), dispatch("PlotCastro")),
    ),
    Module(f"{PACKAGE}.sys_interface"),
    Module(f"{PACKAGE}.native_impl"),
    Module(f"{PACKAGE}.slac_impl"),
    Module(f"{PACKAGE}.batch"),
    Module(f"{PACKAGE}.file_archive"),
    Module(f"{PACKAGE}.job_archive"),
)
