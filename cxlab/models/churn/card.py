"""The model card of a churn forecast: one page that says what it is, how good, and what it is not for."""

from __future__ import annotations

import html
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from cxlab.models.churn.features import CUT_AT, block_of
from cxlab.models.churn.folds import ALL, cut_name

if TYPE_CHECKING:
    from cxlab.models.churn.decision_result import DecisionResult
    from cxlab.models.churn.experience_result import ExperienceResult
    from cxlab.models.churn.horizon_result import ChurnResult

_SHOWN = ("auc", "log_loss", "log_loss_gain", "brier", "calibration_slope", "predicted_to_observed")


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ModelCard:
    """A page of sections; shows itself in a notebook, ``save`` writes it as Markdown."""

    rows: pd.DataFrame

    def table(self) -> pd.DataFrame:
        """section, item, value; a copy."""
        return self.rows.copy()

    def markdown(self) -> str:
        """The page as Markdown."""
        lines = ["# Model card: churn forecast"]
        for section, part in self.rows.groupby("section", sort=False):
            lines += ["", f"## {section}", ""]
            lines += [
                f"- **{item}**: {value}" for item, value in zip(part["item"], part["value"], strict=True)
            ]
        return "\n".join(lines) + "\n"

    def save(self, folder: str | Path) -> Path:
        """Write ``model_card.md`` into ``folder`` and return its path."""
        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        file = target / "model_card.md"
        file.write_text(self.markdown(), encoding="utf-8")
        return file

    def __repr__(self) -> str:
        return self.markdown()

    def _repr_html_(self) -> str:
        parts = []
        for section, part in self.rows.groupby("section", sort=False):
            lines = "".join(
                f"<tr><th style='text-align:left'>{html.escape(str(item))}</th>"
                f"<td style='text-align:left'>{html.escape(str(value))}</td></tr>"
                for item, value in zip(part["item"], part["value"], strict=True)
            )
            parts.append(f"<h4>{html.escape(str(section))}</h4><table>{lines}</table>")
        return "".join(parts)


def make_card(
    result: ChurnResult, *, experience: ExperienceResult | None, decision: DecisionResult | None
) -> ModelCard:
    """Collect the card of ``result``; nothing is fitted anew."""
    rows = [
        *_data(result),
        *_features(result),
        *_measures(result),
        *_experience(experience),
        *_money(decision),
        *_limits(result),
    ]
    return ModelCard(rows=pd.DataFrame(rows, columns=pd.Index(["section", "item", "value"])))


def _data(result: ChurnResult) -> list[tuple[str, str, str]]:
    panel, training = result.provenance, result.training.rows
    section = "Data and window"
    cuts = "none: a cross-section"
    if CUT_AT in training:
        cuts = ", ".join(cut_name(cut) for cut in sorted(training[CUT_AT].unique()))
    aside = "; ".join(f"{count:,} {reason}" for reason, count in panel.n_set_aside.items()) or "none"
    return [
        (section, "question", f"who leaves within {result.horizon_days} days, from {result.lead_days} days "
         "after the cut-off on"),
        (section, "cut-offs", cuts),
        (section, "embargo", f"{panel.settings['embargo_days']} days"),
        (section, "rows", f"{panel.n_used:,} of {panel.n_rows:,}; set aside: {aside}"),
        (section, "customers", f"{training['customer_id'].nunique():,}"),
        (section, "churned", f"{int(result.training.churned.sum()):,}"),
    ]  # fmt: skip


def _features(result: ChurnResult) -> list[tuple[str, str, str]]:
    section = "Features and recipe"
    blocks: dict[str, list[str]] = {}
    for feature in result.coder.features:
        blocks.setdefault(block_of(feature), []).append(feature)
    model, gate = result.classifier, result.classifier.gate_
    leaks = ", ".join(dict.fromkeys(result.leak_rows["feature"])) or "none"
    return [
        *((section, f"block {name}", ", ".join(members)) for name, members in blocks.items()),
        (section, "recipe", f"{model.recipe_} (asked for: {result.provenance.settings['recipe']})"),
        (section, "calibration gate", f"{gate.method}: {gate.reason}; slope before it {gate.slope:.2f}"),
        (section, "flagged by the leak screen", leaks),
    ]


def _measures(result: ChurnResult) -> list[tuple[str, str, str]]:
    rows = []
    for segment, part in result.estimates.groupby("segment", sort=False):
        lines = {str(line["term"]): line for _, line in part.iterrows()}
        shown = [
            f"{term} {float(lines[term]['estimate']):.3f} [{float(lines[term]['conf_low']):.3f}, "
            f"{float(lines[term]['conf_high']):.3f}]"
            for term in _SHOWN
        ]
        name = "all held-out rows" if segment == ALL else str(segment)
        few = part["estimate"].isna().all()
        n, events = int(part["n"].iloc[0]), int(part["n_churned"].iloc[0])
        text = "too few" if few else "; ".join(shown)
        rows.append(("Held-out performance", name, f"n {n:,}, churned {events:,}: {text}"))
    return rows


def _experience(found: ExperienceResult | None) -> list[tuple[str, str, str]]:
    section = "What experience adds"
    if found is None:
        return [(section, "nested test", "not attached: card(experience=ExperienceModel().fit(panel))")]
    return [(section, "nested test", found.headline())]


def _money(found: DecisionResult | None) -> list[tuple[str, str, str]]:
    section = "Money assumptions"
    if found is None:
        return [(section, "terms", "not attached: card(decision=DecisionModel(...).fit(...))")]
    terms, settings = found.terms, found.provenance.settings
    gate = "passed" if found.gate_passed else "failed: amounts are not to be acted on"
    return [
        (section, "value", f"{settings['value_column']}, {settings['margin_share']:.0%} of it margin"),
        (section, "a contact", f"costs {terms.contact_cost:g} {found.currency}, the offer "
         f"{terms.offer_cost:g} where it is taken"),
        (section, "assumed", f"a contact keeps {terms.save_share:.0%} of those who would leave; "
         f"{terms.loyal_take_share:.0%} of those who stay anyway take the offer"),
        (section, "threshold", "expected profit above 0: lower for a customer worth more"),
        (section, "gate before money", gate),
        (section, "judged", found.headline()),
    ]  # fmt: skip


def _limits(result: ChurnResult) -> list[tuple[str, str, str]]:
    section = "Limits and origin"
    failed = result.diagnostics.loc[~result.diagnostics["passed"].astype(bool)]
    warnings = "; ".join(f"{row['check']}: {row['value']}" for _, row in failed.iterrows()) or "none"
    untested = "; ".join(f"{cut}: {why}" for cut, why in result.untested.items())
    order = "later dates" if result.in_time_order else "other customers, not later dates"
    origin = result.provenance
    return [
        (section, "failed checks", warnings),
        (section, "tested on", order),
        (section, "untested cut-offs", untested or "none"),
        (section, "not for", "saying why somebody leaves, or whom a contact would keep; other horizons; "
         "customers unlike those of the cut-offs"),
        (section, "watch", "drift(), expected_performance() and by_group() on every scoring"),
        (section, "made with", f"cxlab {origin.version}, seed {origin.seed}"),
    ]  # fmt: skip
