"""Studentised bootstrap of owners from their sums: the distribution of a t statistic, without refitting."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cxlab.stats.fixed_effects import Clustered

Floats = npt.NDArray[np.float64]

#: Share of replicates that must be usable; below it too few owners carry a column.
USABLE_SHARE = 0.95


def bootstrap_t(fit: Clustered, contrasts: Floats, *, replicates: int, rng: np.random.Generator) -> Floats:
    r"""Draws of ``c (b* - b) / se*(c b*)`` when owners are drawn with replacement.

    .. math:: b^* - b = \Big(\sum_g w_g A_g\Big)^{-1} \sum_g w_g s_g, \qquad
        se^{*2} = \sum_g w_g \big(a' (s_g - A_g (b^* - b))\big)^2, \quad a = \Big(\sum_g w_g A_g\Big)^{-1} c

    with each owner's information ``A_g`` and score ``s_g``, and multinomial weights ``w``.

    Parameters
    ----------
    fit
        Regression on absorbed columns.
    contrasts
        Shape (m, k).
    replicates
        Draws B.
    rng
        Random generator.

    Returns
    -------
    numpy.ndarray
        Shape (usable draws, m); empty if fewer than 95 % of the draws can tell the columns apart.

    Notes
    -----
    Exact for least squares with owner effects; period effects are held at their estimates, and for a
    nonlinear parameter whose slope is one of the columns it is one Gauss-Newton step. Compare the draws
    with ``c b / se`` from the same (CR1, without its factor) formula: :func:`plain_variance`.

    References
    ----------
    Cameron, Gelbach and Miller (2008), Review of Economics and Statistics 90, 414-427.
    """
    owners, k = fit.scores.shape
    weights = rng.multinomial(owners, np.full(owners, 1.0 / owners), size=replicates).astype(np.float64)
    information = (weights @ fit.information.reshape(owners, k * k)).reshape(-1, k, k)
    full = np.diag(fit.information.sum(axis=0))
    usable = (np.einsum("bii->bi", information) > 0.05 * full).all(axis=1)
    if usable.mean() < USABLE_SHARE:
        return np.zeros((0, len(contrasts)))
    weights, information = weights[usable], information[usable]
    moved = np.linalg.solve(information, (weights @ fit.scores)[:, :, None])[:, :, 0]
    draws = np.empty((len(weights), len(contrasts)))
    for m, contrast in enumerate(contrasts):
        direction = np.linalg.solve(information, np.broadcast_to(contrast, moved.shape)[:, :, None])[
            :, :, 0
        ]
        pairs = (direction[:, :, None] * moved[:, None, :]).reshape(len(moved), k * k)
        own = fit.scores @ direction.T - fit.information.reshape(owners, k * k) @ pairs.T
        spread = np.einsum("bg,gb->b", weights, np.square(own))
        draws[:, m] = (moved @ contrast) / np.sqrt(spread)
    return draws


def plain_variance(fit: Clustered) -> Floats:
    """Covariance by owner without small-sample factor, the partner of :func:`bootstrap_t`."""
    moved = fit.scores @ fit.bread
    return np.asarray(moved.T @ moved)
