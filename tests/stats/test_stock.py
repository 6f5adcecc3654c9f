"""Fading stocks against a brute-force sum, and the regression on them against dummies and refits."""

import numpy as np
import pytest

from cxlab.stats.fixed_effects import clustered_least_squares, plan_absorption
from cxlab.stats.stock import Entries, first_row_after, plan_stocks
from cxlab.stats.stock_regression import StockProblem, fit_stock_regression


def some_rows(rng, *, owners=40, years=10, rows=15):
    """Owners with different numbers of rows, some with a single one."""
    count = rng.integers(1, 2 * rows, owners)
    owner = np.repeat(np.arange(owners), count)
    at = rng.uniform(0.0, 365.25 * years, len(owner))
    order = np.lexsort((at, owner))
    return owner[order], at[order]


def some_entries(rng, *, owners=45, years=10, entries=1500, n_stocks=3):
    """Two thirds plain, one third moving from stock 1 to stock 2 later on."""
    owner = rng.integers(0, owners, entries)
    origin = rng.uniform(0.0, 365.25 * years, entries)
    moves = rng.random(entries) < 1 / 3
    moved = origin + rng.exponential(30.0, entries)
    stock = np.where(moves, 1, rng.integers(0, n_stocks, entries))
    count = int(moves.sum())
    return Entries(
        owner=np.r_[owner, owner[moves], owner[moves]],
        enter=np.r_[origin, moved[moves], moved[moves]],
        origin=np.r_[origin, origin[moves], origin[moves]],
        stock=np.r_[stock, np.full(count, 1), np.full(count, 2)],
        sign=np.r_[np.ones(entries), -np.ones(count), np.ones(count)],
    )


def brute_force(owner, at, entries, *, half_life, n_stocks):
    """The definition, term by term, in extended precision."""
    lam = np.log(np.longdouble(2)) / np.longdouble(half_life)
    level = np.zeros((len(owner), n_stocks), dtype=np.longdouble)
    slope = np.zeros_like(level)
    for row in range(len(owner)):
        seen = (entries.owner == owner[row]) & (entries.enter < at[row])
        age = np.longdouble(at[row]) - entries.origin[seen]
        weight = entries.sign[seen] * np.exp(-lam * age)
        np.add.at(level[row], entries.stock[seen], weight)
        np.add.at(slope[row], entries.stock[seen], lam * age * weight)
    return level.astype(float), slope.astype(float)


@pytest.mark.parametrize("half_life", [0.5, 10.0, 180.0, 2000.0, 1e6])
def test_stocks_and_slopes_equal_the_brute_force_sum(half_life):
    rng = np.random.default_rng(1)
    owner, at = some_rows(rng)
    entries = some_entries(rng)
    plan = plan_stocks(owner, at, entries=entries, n_stocks=3)
    level, slope = plan.stocks_and_slopes(half_life)
    level_true, slope_true = brute_force(owner, at, entries, half_life=half_life, n_stocks=3)
    np.testing.assert_allclose(level, level_true, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(slope, slope_true, rtol=1e-10, atol=1e-12)
    np.testing.assert_array_equal(plan.stocks(half_life), level)


def test_a_half_life_of_ten_days_over_ten_years_neither_overflows_nor_loses_small_stocks():
    # e-foldings over the window: 253; a cumulative sum of exp(+lam t) would keep no digit of the first.
    at = np.array([5.0, 3652.0, 3653.0])
    entries = Entries(
        owner=np.zeros(2, dtype=np.int64),
        enter=np.array([0.0, 3652.5]),
        origin=np.array([0.0, 3652.5]),
        stock=np.zeros(2, dtype=np.int64),
        sign=np.ones(2),
    )
    level = plan_stocks(np.zeros(3, dtype=np.int64), at, entries=entries, n_stocks=1).stocks(10.0)[:, 0]
    expected = [2.0**-0.5, 2.0**-365.2, 2.0**-365.3 + 2.0**-0.05]
    np.testing.assert_allclose(level, expected, rtol=1e-10)


def test_the_slope_is_the_derivative_by_the_logarithm_of_the_half_life():
    rng = np.random.default_rng(2)
    owner, at = some_rows(rng)
    plan = plan_stocks(owner, at, entries=some_entries(rng), n_stocks=3)
    step = 1e-5
    numeric = (plan.stocks(90.0 * np.exp(step)) - plan.stocks(90.0 * np.exp(-step))) / (2.0 * step)
    np.testing.assert_allclose(plan.stocks_and_slopes(90.0)[1], numeric, atol=1e-7)


def test_an_entry_at_the_instant_of_a_row_is_not_seen_by_it_but_by_the_next():
    row = first_row_after(
        np.array([0, 0, 0]),
        np.array([1.0, 2.0, 2.0]),
        entry_owner=np.array([0, 0, 0, 7]),
        entry_time=np.array([1.0, 2.0, 1.5, 0.0]),
    )
    assert row.tolist() == [1, -1, 1, -1]


def test_duplicated_row_times_hold_equal_stocks():
    entries = Entries(
        owner=np.array([0]),
        enter=np.array([0.0]),
        origin=np.array([0.0]),
        stock=np.array([0]),
        sign=np.ones(1),
    )
    level = plan_stocks(np.array([0, 0]), np.array([3.0, 3.0]), entries=entries, n_stocks=1).stocks(3.0)
    assert level.ravel().tolist() == [0.5, 0.5]


def test_an_entry_that_has_moved_leaves_exactly_nothing_behind():
    entries = Entries(
        owner=np.zeros(3, dtype=np.int64),
        enter=np.array([0.0, 2.0, 2.0]),
        origin=np.zeros(3),
        stock=np.array([0, 0, 1]),
        sign=np.array([1.0, -1.0, 1.0]),
    )
    level = plan_stocks(np.zeros(3, dtype=np.int64), np.array([1.0, 4.0, 8.0]), entries=entries, n_stocks=2)
    np.testing.assert_allclose(level.stocks(4.0), [[2**-0.25, 0], [0, 0.5], [0, 0.25]], atol=1e-16)


def test_unsorted_rows_and_entries_before_their_origin_are_refused():
    early = Entries(
        owner=np.array([0]),
        enter=np.array([0.0]),
        origin=np.array([1.0]),
        stock=np.array([0]),
        sign=np.ones(1),
    )
    with pytest.raises(ValueError, match="before its origin"):
        plan_stocks(np.array([0]), np.array([2.0]), entries=early, n_stocks=1)
    with pytest.raises(ValueError, match="sorted"):
        plan_stocks(np.array([1, 0]), np.array([2.0, 2.0]), entries=early, n_stocks=1)
    with pytest.raises(ValueError, match="sorted"):
        plan_absorption(np.array([1, 0]))


def world(rng, *, owners, rows=10, half_life=120.0, noise=0.5):
    owner = np.repeat(np.arange(owners), rows)
    at = np.sort(rng.uniform(0.0, 730.0, (owners, rows)), axis=1).ravel()
    number = 14 * owners
    origin = rng.uniform(0.0, 730.0, number)
    entries = Entries(
        owner=rng.integers(0, owners, number),
        enter=origin,
        origin=origin,
        stock=(rng.random(number) < 0.3).astype(np.int64),
        sign=np.ones(number),
    )
    plan = plan_stocks(owner, at, entries=entries, n_stocks=2)
    month = (at // 30.4).astype(np.int64)
    y = plan.stocks(half_life) @ [0.3, -1.2] + rng.normal(0, 1, owners)[owner] + 0.1 * np.sin(month)
    return (
        owner,
        month,
        plan,
        y + noise * rng.standard_normal(len(y)) * rng.uniform(0.5, 2.0, owners)[owner],
    )


def dummies(owner, month):
    both = np.column_stack([owner[:, None] == np.unique(owner), month[:, None] == np.unique(month)[1:]])
    return both.astype(float)


def test_absorption_equals_least_squares_on_owner_and_month_dummies():
    rng = np.random.default_rng(3)
    owner, month, plan, _ = world(rng, owners=30)
    columns = np.column_stack([plan.stocks(100.0), rng.standard_normal(len(owner))])
    d = dummies(owner, month)
    expected = columns - d @ np.linalg.lstsq(d, columns, rcond=None)[0]
    absorption = plan_absorption(owner, month)
    absorbed = absorption.absorb(columns)
    np.testing.assert_allclose(absorbed, expected, atol=1e-10)
    np.testing.assert_allclose(absorption.cross_product(columns), expected.T @ expected, rtol=1e-10)
    assert absorption.n_period_effects == len(np.unique(month)) - 1


def test_coefficients_and_clustered_covariance_equal_statsmodels_with_dummies():
    import statsmodels.api as sm

    rng = np.random.default_rng(4)
    owner, month, plan, y = world(rng, owners=30)
    absorption = plan_absorption(owner, month)
    x = plan.stocks(100.0)
    fit = clustered_least_squares(
        absorption.absorb(x), absorption.absorb(y[:, None])[:, 0], absorption=absorption
    )
    full = np.column_stack([x, dummies(owner, month)])
    peer = sm.OLS(y, full).fit(cov_type="cluster", cov_kwds={"groups": owner, "use_correction": False})
    np.testing.assert_allclose(fit.coefficients, peer.params[:2], rtol=1e-8)
    n, groups = len(y), 30
    factor = groups / (groups - 1) * (n - 1) / (n - 2 - (len(np.unique(month)) - 1))
    np.testing.assert_allclose(fit.sandwich(), factor * peer.cov_params()[:2, :2], rtol=1e-8)


def test_the_jackknife_equals_refitting_without_each_owner():
    rng = np.random.default_rng(5)
    owner, _, plan, y = world(rng, owners=25)
    x = plan.stocks(100.0)
    absorption = plan_absorption(owner)
    fit = clustered_least_squares(
        absorption.absorb(x), absorption.absorb(y[:, None])[:, 0], absorption=absorption
    )
    left_out = []
    for one in range(25):
        kept = owner != one
        full = np.column_stack([x[kept], dummies(owner[kept], np.zeros(kept.sum()))])
        left_out.append(np.linalg.lstsq(full, y[kept], rcond=None)[0][:2] - fit.coefficients)
    np.testing.assert_allclose(fit.leave_one_out(), left_out, atol=1e-9)
    np.testing.assert_allclose(fit.jackknife(), 24 / 25 * np.transpose(left_out) @ left_out, rtol=1e-7)


def test_equal_owners_count_one_by_one_and_a_lone_carrier_counts_as_one():
    x = np.tile([0.0, 1.0], 20)[:, None]
    plan = plan_absorption(np.repeat(np.arange(20), 2))
    even = clustered_least_squares(plan.absorb(x), plan.absorb(x)[:, 0], absorption=plan)
    assert even.degrees_of_freedom(np.ones(1)) == pytest.approx(19.0)
    x[2:] = 0.0
    lone = clustered_least_squares(plan.absorb(x), plan.absorb(x)[:, 0], absorption=plan)
    assert lone.degrees_of_freedom(np.ones(1)) == 1.0


def test_collinear_columns_are_refused_and_not_guessed():
    plan = plan_absorption(np.array([0, 0, 1, 1]))
    x = plan.absorb(np.array([[0.0, 0.0], [1.0, 2.0], [0.0, 0.0], [3.0, 6.0]]))
    with pytest.raises(np.linalg.LinAlgError, match="dependent"):
        clustered_least_squares(x, x[:, 0], absorption=plan)


def problem_of(owner, month, plan, y):
    absorption = plan_absorption(owner, month)
    return StockProblem(
        plan=plan,
        absorption=absorption,
        outcome=absorption.absorb(y[:, None])[:, 0],
        direction=np.array([1.0, -1.0]),
        extra=np.zeros((len(y), 0)),
    )


def test_the_profiled_half_life_is_the_least_squares_minimum():
    rng = np.random.default_rng(6)
    problem = problem_of(*world(rng, owners=200))
    fit = fit_stock_regression(problem, half_life_range=(10.0, 2000.0))
    assert fit.bound == "inside"
    near = [problem.sum_of_squares(fit.half_life * factor) for factor in (0.99, 1.0, 1.01)]
    assert near[1] < min(near[0], near[2])
    everywhere = [problem.sum_of_squares(h) for h in np.geomspace(10.0, 2000.0, 200)]
    assert near[1] <= min(everywhere)
    # First-order condition: one more Gauss-Newton step does not move.
    assert abs(problem.gauss_newton_step(fit.half_life)) < 1e-5
    np.testing.assert_allclose(np.log(fit.half_life / 120.0), 0.0, atol=4 * fit.std_errors[-1])
    np.testing.assert_allclose(fit.coefficients, [0.3, 1.2], atol=0.12)


def test_a_fixed_half_life_would_make_the_interval_too_narrow():
    rng = np.random.default_rng(7)
    problem = problem_of(*world(rng, owners=200))
    fit = fit_stock_regression(problem, half_life_range=(10.0, 2000.0))
    fixed = clustered_least_squares(fit.design, problem.outcome, absorption=problem.absorption).jackknife()
    assert np.all(fit.std_errors[:2] > np.sqrt(np.diag(fixed)))


def test_an_endless_and_a_fleeting_memory_end_at_a_bound():
    rng = np.random.default_rng(8)
    owner, month, plan, _ = world(rng, owners=300)
    noise = 0.2 * rng.standard_normal(len(owner))
    endless = plan.stocks(np.inf) @ [0.3, -1.2] + noise
    fleeting = plan.stocks(3.0) @ [0.3, -1.2] + noise
    search = (10.0, 2000.0)
    assert (
        fit_stock_regression(problem_of(owner, month, plan, endless), half_life_range=search).bound
        == "longest"
    )
    fleet = fit_stock_regression(problem_of(owner, month, plan, fleeting), half_life_range=search)
    assert fleet.bound == "shortest"
    assert fleet.std_errors[-1] == 0.0
