"""How plots look, and how one becomes a picture: SVG within a page that is light or dark, or a PNG file."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from matplotlib.typing import RcKeyType

INK: Final = "#0b0c0d"
"""Text and axes: in a page, whatever colour its text has. No plot draws anything else in it."""
QUIET: Final = "#7b8794"
LOCAL: Final = "#2b8a9e"
CLOUD: Final = "#e08a3c"
HANDOFF: Final = "#8f6bc7"
BAD: Final = "#d1495b"
_STYLE: Final[dict[RcKeyType, Any]] = {
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": "medium",
    "axes.titlecolor": INK,
    "font.size": 9,
    "grid.alpha": 0.25,
    "grid.color": QUIET,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "legend.fontsize": "small",
    "svg.fonttype": "none",
    "svg.hashsalt": "edgewise",
    "text.color": INK,
    "xtick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.color": QUIET,
    "ytick.labelcolor": INK,
}
_WIDTH: Final = 5.2
"""Inches: the width of a phone at 72 points each, so that text is as large there as it says."""


@dataclass(frozen=True, slots=True)
class Plot:
    """A drawing with its words."""

    name: str
    """For ids and files: letters and hyphens."""
    title: str
    caption: str
    """What is to be seen, for those who do not see it, too."""
    height: float
    """Inches."""
    draw: Callable[[Figure], None]

    def svg(self) -> str:
        """An `<svg>` element for a page: without a word of other files, its text in the page's colour and font."""
        buffer = io.StringIO()
        with mpl.rc_context(_STYLE):
            figure = self._figure()
            figure.savefig(buffer, format="svg", transparent=True, metadata=dict.fromkeys(_METADATA))
        return _embedded(buffer.getvalue(), self.name, self.caption)

    def save(self, file: Path) -> None:
        """Write a PNG on white."""
        with mpl.rc_context(_STYLE):
            figure = self._figure()
            figure.suptitle(self.title, x=0.01, ha="left", fontweight="bold")
            figure.savefig(file, dpi=160, facecolor="white")

    def _figure(self) -> Figure:
        figure = Figure(figsize=(_WIDTH, self.height), layout="constrained")
        self.draw(figure)
        return figure


_METADATA: Final = ("Creator", "Date", "Format", "Type")


def panel(axes: Axes, *, title: str = "", grid: str = "y") -> None:
    """What all panels share. `grid` is x, y or both."""
    if title:
        axes.set_title(title)
    axes.grid(True, axis=grid)  # type: ignore[arg-type]
    axes.set_axisbelow(True)
    axes.tick_params(length=0)


def _embedded(svg: str, name: str, words: str) -> str:
    """The element alone, its ids its own, named for screen readers."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\s(xmlns(:xlink)?|version)="[^"]*"', "", svg)
    svg = svg.replace("xlink:href=", "href=").replace(INK, "currentColor")
    svg = re.sub(r"('[^']+', )+sans-serif", "system-ui, sans-serif", svg)
    svg = re.sub(r'((?<=\sid=")|(?<=href="#)|(?<=url\(#))', f"{name}-", svg)
    label = words.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    return (
        re.sub(r'\swidth="[^"]*"|\sheight="[^"]*"', "", svg[: svg.index(">")]).replace(
            "<svg", f'<svg role="img" aria-label="{label}"', 1
        )
        + svg[svg.index(">") :]
    )
