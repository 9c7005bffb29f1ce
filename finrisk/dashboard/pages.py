"""Which pages there are, in the order of the navigation."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PageOf:
    """One page: the module that shows it, its title, its place in the navigation, its icon.

    Parameters
    ----------
    of_one_model : bool
        People choose a model for it.
    without_ledger : bool
        It has something to show while the ledger is away.
    """

    name: str
    title: str
    section: str
    icon: str
    of_one_model: bool = True
    without_ledger: bool = False


PAGES = (
    PageOf("overview", "Overview", "", ":material/wb_sunny:", of_one_model=False),
    PageOf("promotions", "Promotions", "Decisions", ":material/timeline:"),
    PageOf("registry", "Model Registry", "Decisions", ":material/inventory_2:"),
    PageOf("comparison", "Model Comparison", "Decisions", ":material/compare_arrows:"),
    PageOf("monitoring", "Monitoring", "Watching", ":material/monitor_heart:"),
    PageOf("quality", "Data Quality", "Watching", ":material/fact_check:"),
    PageOf("experiments", "Experiments", "Behind it", ":material/science:"),
    PageOf(
        "settings",
        "Settings",
        "Behind it",
        ":material/settings:",
        of_one_model=False,
        without_ledger=True,
    ),
)
