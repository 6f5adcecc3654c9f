"""One look for every figure: colour-blind-safe palette, quiet axes, room for labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito (2008): told apart under the three common colour-vision deficiencies and in grey print.
BLUE: Final = "#0072B2"
ORANGE: Final = "#D55E00"
GREEN: Final = "#009E73"
SKY: Final = "#56B4E9"
YELLOW: Final = "#E69F00"
PURPLE: Final = "#CC79A7"
INK: Final = "#1A1A1A"
GREY: Final = "#767676"
GRID: Final = "#E3E3E3"
PALETTE: Final = (BLUE, ORANGE, GREEN, PURPLE, SKY, YELLOW)


def new_axes(ax: Axes | None, *, width: float = 8.0, height: float = 4.5) -> Axes:
    """``ax`` itself, or new axes of the given size in inches; either way in the house style."""
    if ax is None:
        import matplotlib.pyplot as plt

        ax = plt.subplots(figsize=(width, height), layout="constrained")[1]
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(colors=INK, labelsize=10)
    ax.grid(axis="both", color=GRID, linewidth=0.8)
    ax.set_axisbelow(True)
    return ax


def title_axes(ax: Axes, title: str, *, x_label: str, y_label: str, note: str = "") -> Axes:
    """Title on the left, axis labels with units, and ``note`` in small print below it."""
    heading = title if not note else f"{title}\n"
    ax.set_title(heading, loc="left", fontsize=13, color=INK, fontweight="bold")
    if note:
        # In points, not in shares of the height: a tall figure would push the note into the title.
        ax.annotate(
            note,
            (0.0, 1.0),
            xycoords="axes fraction",
            xytext=(0.0, 5.0),
            textcoords="offset points",
            fontsize=9.5,
            color=GREY,
            va="bottom",
        )
    ax.set_xlabel(x_label, color=INK)
    ax.set_ylabel(y_label, color=INK)
    return ax
