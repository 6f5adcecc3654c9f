"""The rows of a churn panel whose outcome is known, and the others with the reason they are set aside."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from cxlab.core.columns import CUSTOMER_ID
from cxlab.core.errors import FitError, NotAnswerableError
from cxlab.models.churn.features import CHURNED, CUT_AT
from cxlab.models.churn.folds import cut_name

NOT_YET = "outcome not yet known"
OPEN_CUT = "outcome window of the cut still open"
NO_CUSTOMER = "customer_id missing"


@dataclass(frozen=True, kw_only=True, eq=False)
class KnownOutcomes:
    """Rows to learn from; rows set aside by reason; cuts still open; unknown share among used cuts."""

    rows: pd.DataFrame
    set_aside: dict[str, int]
    open_cuts: tuple[str, ...]
    unknown_share: float


def known_outcomes(panel: pd.DataFrame, *, question: str) -> KnownOutcomes:
    """Check keys and outcome of ``panel`` and keep the rows of closed cuts with a known outcome.

    At a cut whose window is still open only the churners are known: they would teach the model that
    everybody churns. Such a cut (unknown outcomes, but not one known to have stayed) is set aside whole.

    Raises
    ------
    FitError
        Without customer_id, with outcomes other than 0, 1 and missing, with cut dates for some rows
        only, or with one customer twice at one cut.
    NotAnswerableError
        Without an outcome column.
    """
    _check_columns(panel, question)
    churned = pd.to_numeric(panel[CHURNED]).astype("Float64")
    wrong = churned.notna() & ~churned.isin([0.0, 1.0])
    if wrong.any():
        raise FitError(
            f"ChurnModel: churned must be 1, 0 or missing, got {churned[wrong].iloc[0]:g} in "
            f"{int(wrong.sum()):,} rows. Next step: recode it."
        )
    rows = panel.assign(**{CHURNED: churned.astype("Int8")})
    unknown = churned.isna()
    nobody = panel[CUSTOMER_ID].isna()
    open_cut = pd.Series(False, index=panel.index)
    open_names: tuple[str, ...] = ()
    if _has_cuts(panel):
        _check_cuts(panel[~nobody])
        stays = (churned == 0.0).fillna(False).astype(bool)
        per_cut = pd.DataFrame({CUT_AT: panel[CUT_AT], "stays": stays, "unknown": unknown}).groupby(CUT_AT)
        seen = per_cut.any()
        open_cuts = seen.index[seen["unknown"] & ~seen["stays"]]
        open_cut = panel[CUT_AT].isin(open_cuts)
        open_names = tuple(cut_name(cut) for cut in open_cuts)
    else:
        rows = rows.drop(columns=CUT_AT, errors="ignore")
    reasons = {
        NO_CUSTOMER: nobody,
        NOT_YET: unknown & ~nobody,
        OPEN_CUT: open_cut & ~unknown & ~nobody,
    }
    used = ~nobody & ~unknown & ~open_cut
    in_used_cuts = ~nobody & ~open_cut
    return KnownOutcomes(
        rows=rows[used],
        set_aside={reason: int(mask.sum()) for reason, mask in reasons.items() if mask.any()},
        open_cuts=open_names,
        unknown_share=float(unknown[in_used_cuts].mean()) if in_used_cuts.any() else 0.0,
    )


def _check_columns(panel: pd.DataFrame, question: str) -> None:
    if CUSTOMER_ID not in panel:
        raise FitError(
            "ChurnModel: the panel has no column customer_id. "
            "Next step: name the customer of each row, so that intervals can resample customers."
        )
    if CHURNED not in panel:
        raise NotAnswerableError(
            question,
            reason="The panel has no column churned.",
            next_step="make it with cxlab.snapshots from contracts that end, or add 1, 0 or missing.",
        )
    if not pd.api.types.is_numeric_dtype(panel[CHURNED]) and panel[CHURNED].notna().any():
        first = panel[CHURNED].dropna().iloc[0]
        raise FitError(
            f"ChurnModel: churned must be 1, 0 or missing, got {first!r}. "
            f"Next step: recode it, for example (panel['churned'] == {first!r}).astype('Int8')."
        )


def _has_cuts(panel: pd.DataFrame) -> bool:
    return CUT_AT in panel and bool(panel[CUT_AT].notna().any())


def _check_cuts(panel: pd.DataFrame) -> None:
    if not pd.api.types.is_datetime64_any_dtype(panel[CUT_AT]):
        raise FitError(
            f"ChurnModel: cut_at must hold dates, got {panel[CUT_AT].dtype}. "
            f"Next step: pandas.to_datetime, or leave cut_at out for a cross-section."
        )
    dateless = int(panel[CUT_AT].isna().sum())
    if dateless:
        raise FitError(
            f"ChurnModel: {dateless:,} of {len(panel):,} rows have no cut_at while others have. "
            f"Next step: date them all, or leave cut_at out for a cross-section."
        )
    twice = int(panel.duplicated([CUSTOMER_ID, CUT_AT]).sum())
    if twice:
        raise FitError(
            f"ChurnModel: {twice:,} rows repeat a customer at the same cut, so one outcome would count "
            f"twice. Next step: one row per customer and cut."
        )
