import numpy as np
from numpy.testing import assert_allclose

from cs_analysis.stats.importance.limits import percentile_limits, ranks


def test_limits_are_quantiles() -> None:
    drawn = np.column_stack([np.arange(1001.0), np.arange(1001.0)[::-1] / 10])
    found = percentile_limits(np.array([500.0, 50.0]), drawn, conf_level=0.9)
    assert_allclose(found.conf_low, [50, 5])
    assert_allclose(found.conf_high, [950, 95])


def test_limits_contain_the_estimate() -> None:
    found = percentile_limits(np.array([-1.0, 2.0]), np.column_stack([np.linspace(0, 1, 100)] * 2), conf_level=0.95)
    assert found.conf_low[0] == -1
    assert found.conf_high[1] == 2


def test_bias_moves_the_levels() -> None:
    drawn = np.arange(1001.0)[:, None]
    found = percentile_limits(np.array([250.0]), drawn, conf_level=0.95, corrected=True)
    # a quarter lies below: shift 2 x -.674 = -1.349; levels are those of -1.349 - 1.960 = -3.309 and .611: .00047 and .7294
    assert_allclose([found.conf_low[0], found.conf_high[0]], [0.47, 729.4], atol=1.5)


def test_an_estimate_in_the_middle_has_no_bias() -> None:
    drawn = np.arange(1001.0)[:, None]
    plain, corrected = (percentile_limits(np.array([500.0]), drawn, conf_level=0.95, corrected=how) for how in (False, True))
    assert_allclose(plain, corrected, rtol=1e-9)


def test_no_replicates_no_limits() -> None:
    found = percentile_limits(np.array([1.0]), None, conf_level=0.95)
    assert np.isnan([found.conf_low[0], found.conf_high[0]]).all()


def test_equal_importances_share_the_better_rank() -> None:
    assert ranks(np.array([[0.3, 0.1, 0.3, 0.2], [0.1, 0.2, 0.3, 0.4]])).tolist() == [[1, 4, 1, 3], [4, 3, 2, 1]]
