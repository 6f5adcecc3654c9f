"""Fieller's set against its definition, its shapes, and its promise of coverage."""

import numpy as np
import pytest

from cxlab.stats.fieller import fieller_set

GRID = np.concatenate([-np.geomspace(1e4, 1e-3, 4000), [0.0], np.geomspace(1e-3, 1e4, 4000)])


def kept(r, n, d, v_nn, v_dd, v_nd, critical):
    return (n - r * d) ** 2 <= critical**2 * (v_nn - 2 * r * v_nd + r**2 * v_dd)


@pytest.mark.parametrize(
    ("n", "d", "v_nn", "v_dd", "v_nd", "shape"),
    [
        (1.0, 0.1, 0.01, 0.0001, 0.0005, "interval"),
        (-1.0, 0.1, 0.01, 0.0001, 0.0, "interval"),
        (0.0, 0.1, 0.01, 0.0001, 0.0, "interval"),
        (1.0, -0.5, 0.02, 0.01, -0.008, "interval"),
        (1.0, 0.01, 0.01, 0.0001, 0.0, "two rays"),
        (1.0, -0.01, 0.01, 0.0001, 0.0, "two rays"),
        (0.05, 0.01, 0.01, 0.0001, 0.0, "whole line"),
    ],
)
def test_the_set_holds_exactly_the_ratios_that_are_not_rejected(n, d, v_nn, v_dd, v_nd, shape):
    found = fieller_set(
        n, d, variance_numerator=v_nn, variance_denominator=v_dd, covariance=v_nd, critical=1.96
    )
    assert found.shape == shape
    assert found.bounded == (shape == "interval")
    by_definition = kept(GRID, n, d, v_nn, v_dd, v_nd, 1.96)
    assert [found.contains(r) for r in GRID] == by_definition.tolist()


def test_the_limits_solve_the_equation():
    found = fieller_set(
        2.0, 0.3, variance_numerator=0.01, variance_denominator=0.002, covariance=0.001, critical=2.1
    )
    for r in (found.low, found.high):
        t2 = (2.0 - 0.3 * r) ** 2 / (0.01 - 2 * r * 0.001 + r * r * 0.002)
        assert t2 == pytest.approx(2.1**2, rel=1e-10)


def test_a_precise_denominator_gives_the_plain_interval():
    found = fieller_set(
        3.0, 2.0, variance_numerator=0.04, variance_denominator=1e-14, covariance=0.0, critical=1.96
    )
    assert (found.low, found.high) == pytest.approx((1.5 - 0.196, 1.5 + 0.196), abs=1e-6)


def test_scaling_the_denominator_scales_the_ratio():
    one = fieller_set(
        1.0, 0.1, variance_numerator=0.01, variance_denominator=1e-4, covariance=2e-4, critical=1.96
    )
    ten = fieller_set(
        1.0, 1.0, variance_numerator=0.01, variance_denominator=1e-2, covariance=2e-3, critical=1.96
    )
    assert (one.low, one.high) == pytest.approx((10 * ten.low, 10 * ten.high))


def test_the_set_covers_the_true_ratio_even_when_the_denominator_is_near_zero():
    rng = np.random.default_rng(11)
    covariance = np.array([[0.04, 0.002], [0.002, 0.0025]])
    runs = 4000
    for denominator in (0.3, 0.08, 0.0):
        drawn = rng.multivariate_normal([0.5, denominator], covariance, size=runs)
        true = 0.5 / denominator if denominator else np.inf
        hits = 0
        for n, d in drawn:
            found = fieller_set(
                n,
                d,
                variance_numerator=0.04,
                variance_denominator=0.0025,
                covariance=0.002,
                critical=1.959964,
            )
            hits += found.contains(true) if np.isfinite(true) else not found.bounded
        # Four Monte-Carlo standard errors around 95 per cent.
        assert abs(hits / runs - 0.95) < 4 * np.sqrt(0.95 * 0.05 / runs)


def test_variances_and_the_critical_value_must_be_positive():
    with pytest.raises(ValueError, match="positive"):
        fieller_set(
            1.0, 1.0, variance_numerator=0.0, variance_denominator=1.0, covariance=0.0, critical=1.96
        )
