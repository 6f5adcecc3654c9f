"""Regression within owners: absorb owner and period effects exactly, and covariances by owner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False, kw_only=True)
class Absorption:
    """Owner effects (and period effects) that can be taken out of any column of the same rows."""

    #: first row of each owner
    start: Integers
    #: rows of each owner
    count: Integers
    period: Integers | None
    #: generalised inverse of the period dummies' cross-product after demeaning by owner
    period_inverse: Floats
    #: rows per period and owner, divided by the owner's rows: sparse, shape (periods, owners)
    period_share: Any

    @property
    def n_owners(self) -> int:
        """Number of owners."""
        return len(self.start)

    @property
    def n_period_effects(self) -> int:
        """Period effects that can be told apart from the owner effects."""
        return int(np.linalg.matrix_rank(self.period_inverse)) if self.period_inverse.size else 0

    def demean(self, matrix: Floats) -> Floats:
        """Columns of ``matrix`` (rows, k) minus the owner's mean."""
        mean = np.add.reduceat(matrix, self.start, axis=0) / self.count[:, None]
        return matrix - np.repeat(mean, self.count, axis=0)

    def absorb(self, matrix: Floats) -> Floats:
        """Residuals of the columns of ``matrix`` (rows, k) on owner and period dummies."""
        within = self.demean(matrix)
        if self.period is None:
            return within
        effect = self.period_inverse @ self._period_sums(within)
        return within - self.demean(effect[self.period])

    def cross_product(self, matrix: Floats) -> Floats:
        """``absorb(matrix).T @ absorb(matrix)``, shape (k, k), without building the absorbed columns.

        Several times faster; good to about 1e-12 of the raw cross-product, enough for a search.
        """
        sums = self.owner_sums(matrix)
        product = matrix.T @ matrix - sums.T @ (sums / self.count[:, None])
        if self.period is not None:
            within = self._period_sums(matrix) - self.period_share @ sums
            product -= within.T @ self.period_inverse @ within
        return np.asarray(product)

    def _period_sums(self, matrix: Floats) -> Floats:
        if self.period is None:
            return np.zeros((0, matrix.shape[1]))
        size = len(self.period_inverse)
        return np.column_stack(
            [np.bincount(self.period, weights=column, minlength=size) for column in matrix.T]
        )

    def owner_sums(self, matrix: Floats) -> Floats:
        """Sums of the columns by owner, shape (owners, k)."""
        return np.asarray(np.add.reduceat(matrix, self.start, axis=0))


def plan_absorption(owner: Integers, period: Integers | None = None) -> Absorption:
    """Prepare the exact removal of owner effects and, beside them, period effects.

    The residuals equal those of least squares on a dummy for every owner and every period
    (Frisch, Waugh and Lovell), without building the dummies: only a matrix of periods by periods is
    inverted.

    Parameters
    ----------
    owner
        Codes, ascending (equal codes side by side).
    period
        Codes ``0 .. P - 1`` such as calendar months, or None for owner effects only.

    Returns
    -------
    Absorption
        With ``absorb(matrix)``.

    Raises
    ------
    ValueError
        If the owners are not ascending.

    Examples
    --------
    >>> plan = plan_absorption(np.array([0, 0, 1, 1]))
    >>> plan.absorb(np.array([[1.0], [3.0], [5.0], [5.0]])).ravel().tolist()
    [-1.0, 1.0, 0.0, 0.0]
    """
    if np.any(np.diff(owner) < 0):
        raise ValueError("rows must be sorted by owner")
    start = np.flatnonzero(np.r_[True, owner[1:] != owner[:-1]]).astype(np.int64)
    count = np.diff(np.r_[start, len(owner)]).astype(np.int64)
    inverse, share = np.zeros((0, 0)), None
    if period is not None:
        from scipy import sparse

        size = int(period.max()) + 1
        index = np.repeat(np.arange(len(count)), count)
        table = sparse.csr_matrix((np.ones(len(owner)), (index, period)), shape=(len(count), size))
        share = (sparse.diags(1.0 / count) @ table).T.tocsr()
        shared = (share @ table).toarray()
        gram = np.diag(np.bincount(period, minlength=size).astype(np.float64)) - shared
        inverse = np.linalg.pinv(gram, rcond=1e-10, hermitian=True)
    return Absorption(start=start, count=count, period=period, period_inverse=inverse, period_share=share)


@dataclass(frozen=True, eq=False, kw_only=True)
class Clustered:
    """Least squares on absorbed columns with everything an inference by owner needs."""

    coefficients: Floats
    residuals: Floats
    #: inverse cross-product of the columns
    bread: Floats
    #: cross-product of each owner's columns, shape (owners, k, k)
    information: Floats
    #: each owner's columns times residuals, shape (owners, k)
    scores: Floats
    n_absorbed: int

    def sandwich(self) -> Floats:
        """Covariance clustered by owner with the usual factor ``G/(G-1) (n-1)/(n-k)`` (CR1).

        ``k`` counts the columns and the period effects; owner effects are nested in the clusters and
        do not count.
        """
        owners, n = len(self.scores), len(self.residuals)
        k = self.bread.shape[0] + self.n_absorbed
        factor = owners / (owners - 1) * (n - 1) / (n - k)
        moved = self.scores @ self.bread
        return np.asarray(factor * moved.T @ moved)

    def leave_one_out(self) -> Floats:
        """Change of the coefficients when each owner is left out, shape (owners, k).

        Exact without period effects; with them, the period effects are held at their estimates.

        Raises
        ------
        numpy.linalg.LinAlgError
            If one owner alone carries all the information on a column.
        """
        rest = np.linalg.inv(self.bread) - self.information
        return np.asarray(-np.linalg.solve(rest, self.scores[:, :, None])[:, :, 0])

    def jackknife(self) -> Floats:
        """Covariance from leaving out one owner at a time (CR3), ``(G-1)/G sum of squared changes``.

        Less optimistic than the sandwich when few owners carry most of the information.
        MacKinnon, Nielsen and Webb (2023), Journal of Applied Econometrics 38, 671-694.
        """
        change = self.leave_one_out()
        owners = len(change)
        return np.asarray((owners - 1) / owners * change.T @ change)

    def degrees_of_freedom(self, contrast: Floats) -> float:
        """Effective number of owners behind ``contrast`` (k,), minus one.

        ``(sum w)^2 / sum w^2 - 1`` with ``w`` each owner's share in the variance of the contrast under
        equal independent errors (Carter, Schnepel and Steigerwald 2017, without their error-correlation
        term, which the owner effects absorb).
        """
        direction = self.bread @ contrast
        weight = np.einsum("gij,i,j->g", self.information, direction, direction)
        return float(max(weight.sum() ** 2 / np.sum(weight**2) - 1.0, 1.0))


def clustered_least_squares(design: Floats, outcome: Floats, *, absorption: Absorption) -> Clustered:
    """Least squares of an absorbed outcome on absorbed columns, ready for inference by owner.

    Parameters
    ----------
    design
        Columns after ``absorption.absorb``, shape (rows, k).
    outcome
        Outcome after ``absorption.absorb``, shape (rows,).
    absorption
        The plan that took owner and period effects out.

    Returns
    -------
    Clustered
        Coefficients, residuals and the pieces of the covariances.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the columns are linearly dependent within owners.

    Examples
    --------
    >>> plan = plan_absorption(np.array([0, 0, 1, 1]))
    >>> x = plan.absorb(np.array([[0.0], [1.0], [0.0], [1.0]]))
    >>> y = plan.absorb(np.array([[1.0], [3.0], [5.0], [8.0]]))[:, 0]
    >>> clustered_least_squares(x, y, absorption=plan).coefficients.round(6).tolist()
    [2.5]
    """
    k = design.shape[1]
    q, r = np.linalg.qr(design)
    if np.min(np.abs(np.diag(r))) <= 1e-10 * max(np.max(np.abs(np.diag(r))), 1e-300):
        raise np.linalg.LinAlgError("columns are linearly dependent within owners")
    coefficients = np.linalg.solve(r, q.T @ outcome)
    residuals = outcome - design @ coefficients
    inverse = np.linalg.inv(r)
    information = np.empty((absorption.n_owners, k, k))
    for column in range(k):
        information[:, column:, column] = absorption.owner_sums(design[:, column:] * design[:, [column]])
        information[:, column, column:] = information[:, column:, column]
    return Clustered(
        coefficients=coefficients,
        residuals=residuals,
        bread=inverse @ inverse.T,
        information=information,
        scores=absorption.owner_sums(design * residuals[:, None]),
        n_absorbed=absorption.n_period_effects,
    )
