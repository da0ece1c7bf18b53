"""The Bass model against R, many random starts, dense grids, exact curves, and arithmetic by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from scipy import optimize, stats

from bass_series import cumulative, curve, finding, table, terms
from cs_analysis.errors import ConvergenceError
from cs_analysis.stats.bass import fit_bass
from cs_analysis.stats.bass_curve import by_peak, by_terms, problem_of

Read = Callable[[str], pd.DataFrame]
PUBLIC = (
    "room_air_conditioners",
    "color_televisions",
    "clothes_dryers",
    "ultrasound",
    "mammography",
    "foreign_language",
    "accelerated_program",
    "video_recorders",
)
WHOLE = tuple(name for name in PUBLIC if name not in ("foreign_language", "accelerated_program"))


@pytest.fixture
def public(golden: Read) -> Callable[[str, int], pd.DataFrame]:
    """Return a reader of a public series, some first rows cut off."""
    series = golden("bass/series.csv")
    return lambda name, before=0: series[series["series"] == name].iloc[before:].reset_index(drop=True)


@pytest.fixture
def room(public: Any) -> pd.DataFrame:
    return public("room_air_conditioners")


class TestPublicSeries:
    @pytest.mark.parametrize("name", PUBLIC)
    def test_least_squares_equal_nls_of_r(self, name: str, public: Any, golden: Read) -> None:
        theirs = golden("bass/nls.csv").query("series == @name and before == 0")
        fit = fit_bass(public(name))
        assert terms(fit) == pytest.approx(theirs["estimate"].to_numpy(), rel=1e-4)
        assert np.sqrt(np.diag(fit.covariance)) == pytest.approx(theirs["standard_error"].to_numpy(), rel=1e-3)
        assert fit.log_likelihood == pytest.approx(theirs["log_likelihood"].iloc[0], abs=1e-8)
        assert fit.squared_error <= theirs["squared_error"].iloc[0] * (1 + 1e-12)

    @pytest.mark.parametrize("name", ["room_air_conditioners", "clothes_dryers", "mammography"])
    def test_late_first_row_equals_nls_of_r(self, name: str, public: Any, golden: Read) -> None:
        theirs = golden("bass/nls.csv").query("series == @name and before == 3")
        fit = fit_bass(public(name, 3), launched_before=3)
        assert terms(fit) == pytest.approx(theirs["estimate"].to_numpy(), rel=1e-4)
        assert fit.squared_error <= theirs["squared_error"].iloc[0] * (1 + 1e-12)

    def test_published_room_air_conditioners(self, room: pd.DataFrame) -> None:
        assert terms(fit_bass(room)) == pytest.approx([0.0094421, 0.374763, 18712.74], rel=5e-6)

    @pytest.mark.parametrize(("name", "before"), [*((name, 0) for name in WHOLE), ("clothes_dryers", 3), ("mammography", 3)])
    def test_maximum_likelihood_equals_optim_of_r(self, name: str, before: int, public: Any, golden: Read) -> None:
        theirs = golden("bass/ml.csv").query("series == @name and before == @before")
        fit = fit_bass(public(name, before), method="ml", launched_before=before)
        assert terms(fit) == pytest.approx(theirs["estimate"].to_numpy(), rel=1e-5)
        assert fit.log_likelihood >= theirs["log_likelihood"].iloc[0] - 1e-9

    @pytest.mark.parametrize("name", ["room_air_conditioners", "color_televisions", "clothes_dryers", "accelerated_program", "video_recorders"])
    def test_regression_equals_lm_of_r(self, name: str, public: Any, golden: Read) -> None:
        theirs = golden("bass/ols.csv").query("series == @name")
        assert terms(fit_bass(public(name), method="ols")) == pytest.approx(theirs["estimate"].to_numpy(), rel=1e-8)

    @pytest.mark.parametrize("name", ["room_air_conditioners", "color_televisions", "clothes_dryers", "video_recorders"])
    def test_profile_limits_equal_those_of_r(self, name: str, public: Any, golden: Read) -> None:
        theirs = golden("bass/nls.csv").query("series == @name and before == 0")  # R interpolates the profile: four digits
        fit = fit_bass(public(name))
        assert terms(fit, "conf_low") == pytest.approx(theirs["conf_low"].to_numpy(), rel=5e-4)
        assert terms(fit, "conf_high") == pytest.approx(theirs["conf_high"].to_numpy(), rel=5e-4)

    @pytest.mark.slow
    @pytest.mark.parametrize("name", PUBLIC)
    def test_no_random_start_does_better(self, name: str, public: Any) -> None:
        counts = public(name)["adopters"].to_numpy("float64")
        fit = fit_bass(public(name))

        def missed(x: np.ndarray) -> Any:
            return np.exp(x[2]) * curve(np.exp(x[0]), np.exp(x[1]), 1.0, periods=len(counts)) - counts

        rng = np.random.default_rng(5)
        starts = rng.uniform([-9, -4, 0], [-1, 0.5, 1.5], (15, 3)) + np.array([0, 0, np.log(counts.sum())])
        theirs = [2 * optimize.least_squares(missed, start, xtol=1e-14, ftol=1e-14, gtol=1e-14, bounds=([-20, -20, -5], [2, 2, 25])).cost for start in starts]
        assert fit.squared_error <= min(theirs) * (1 + 1e-10)
        assert min(theirs) == pytest.approx(fit.squared_error, rel=1e-6)


class TestLimits:
    @pytest.mark.parametrize("name", ["room_air_conditioners", "ultrasound", "mammography"])
    @pytest.mark.parametrize("method", ["nls", "ml"])
    def test_profile_equals_a_dense_grid(self, name: str, method: Any, public: Any) -> None:
        """Every p and q on a grid with its best m; a limit is where the grid's lowest value per line crosses the threshold."""
        counts = public(name)["adopters"].to_numpy("float64")
        fit = fit_bass(public(name), method=method)
        low, high = terms(fit, "conf_low"), terms(fit, "conf_high")
        p = np.geomspace(low[0] / 2, high[0] * 2, 400)[:, None, None]
        q = np.linspace(low[1] * 0.7, high[1] * 1.3, 400)[None, :, None]
        ends = np.arange(1, len(counts) + 1)
        shape = cumulative(ends, p, q) - cumulative(ends - 1, p, q)
        if method == "nls":
            loss = (counts**2).sum() - (shape @ counts) ** 2 / (shape**2).sum(-1)
            freedom = len(counts) - 3
            highest = fit.squared_error * (1 + stats.f.ppf(0.95, 1, freedom) / freedom)
        else:
            part = shape / shape.sum(-1, keepdims=True)
            loss = -2 * stats.poisson.logpmf(counts, counts.sum() * part).sum(-1)
            highest = -2 * fit.log_likelihood + stats.chi2.ppf(0.95, 1)
        within_p, within_q = p[:, 0, 0][loss.min(1) <= highest], q[0, :, 0][loss.min(0) <= highest]
        assert [within_p.min(), within_p.max()] == pytest.approx([low[0], high[0]], rel=0.03)  # a step of the grid is 1 to 2 %
        assert [within_q.min(), within_q.max()] == pytest.approx([low[1], high[1]], rel=0.01)

    def test_m_and_forecast_lie_on_their_profile(self, room: pd.DataFrame) -> None:
        """At a limit of m, p and q free, and of the expected count, the squared error is the threshold."""
        counts = room["adopters"].to_numpy("float64")
        fit = fit_bass(room)
        highest = fit.squared_error * (1 + stats.f.ppf(0.95, 1, 10) / 10)

        def lowest(size: Callable[[float, float], float]) -> float:
            def loss(x: np.ndarray) -> float:
                p, q = np.exp(x)
                return float(((size(p, q) * curve(p, q, 1.0, periods=13) - counts) ** 2).sum())

            return float(optimize.minimize(loss, np.log([0.0094, 0.375]), method="Nelder-Mead", options={"xatol": 1e-10, "fatol": 1e-6, "maxiter": 4000}).fun)

        for m in fit.coefficients.iloc[2][["conf_low", "conf_high"]]:
            assert lowest(lambda p, q, m=m: m) == pytest.approx(highest, rel=1e-6)
        row = fit.predict(3).query("metric == 'expected_adopters'").iloc[2]
        for expected in (row["conf_low"], row["conf_high"]):
            assert lowest(lambda p, q, e=expected: e / curve(p, q, 1.0, periods=16)[-1]) == pytest.approx(highest, rel=1e-6)

    def test_limits_of_the_peak_lie_on_its_profile(self, room: pd.DataFrame) -> None:
        counts = room["adopters"].to_numpy("float64")
        fit = fit_bass(room)
        highest = fit.squared_error * (1 + stats.f.ppf(0.95, 1, 10) / 10)
        row = fit.peak().iloc[0]
        for time in (row["conf_low"], row["conf_high"]):

            def loss(x: np.ndarray, time: float = time) -> float:
                rate, ratio = np.exp(x[0]), np.exp(time * np.exp(x[0]))
                expected = curve(rate / (1 + ratio), rate * ratio / (1 + ratio), np.exp(x[1]), periods=13)
                return float(((expected - counts) ** 2).sum())

            best = optimize.minimize(loss, [np.log(0.38), np.log(18700)], method="Nelder-Mead", options={"xatol": 1e-10, "fatol": 1e-6, "maxiter": 4000})
            assert best.fun == pytest.approx(highest, rel=1e-6)

    @pytest.mark.parametrize("method", ["nls", "ml"])
    def test_a_higher_level_is_wider(self, room: pd.DataFrame, method: Any) -> None:
        narrow, wide = fit_bass(room, method=method, conf_level=0.8), fit_bass(room, method=method, conf_level=0.99)
        assert (terms(wide, "conf_low") < terms(narrow, "conf_low")).all()
        assert (terms(wide, "conf_high") > terms(narrow, "conf_high")).all()

    @pytest.mark.slow
    @pytest.mark.parametrize("method", ["nls", "ml"])
    def test_bootstrap_is_near_the_profile_and_repeatable(self, room: pd.DataFrame, method: Any) -> None:
        fit = fit_bass(room, method=method, interval="bootstrap", rng=4)
        again = fit_bass(room, method=method, interval="bootstrap", rng=np.random.default_rng(4))
        assert_frame_equal(fit.coefficients, again.coefficients)
        profile = fit_bass(room, method=method)
        width = terms(profile, "conf_high") - terms(profile, "conf_low")
        assert (np.abs(terms(fit, "conf_low") - terms(profile, "conf_low")) < 0.3 * width).all()
        assert (np.abs(terms(fit, "conf_high") - terms(profile, "conf_high")) < 0.3 * width).all()

    @pytest.mark.slow
    def test_bootstrap_without_a_ceiling(self, room: pd.DataFrame) -> None:
        fit = fit_bass(room.head(6), interval="bootstrap", replicates=200)
        assert terms(fit, "conf_high")[2] == np.inf
        assert terms(fit, "conf_low")[0] < 1e-3


class TestExactCurves:
    @pytest.mark.parametrize("method", ["nls", "ml"])
    @pytest.mark.parametrize("before", [0, 3, 2.5])
    def test_terms_are_found_again(self, method: Any, before: float) -> None:
        counts = curve(0.012, 0.35, 1e9, periods=18, before=before)
        fit = fit_bass(table(np.round(counts) if method == "ml" else counts), method=method, launched_before=before)
        assert terms(fit) == pytest.approx([0.012, 0.35, 1e9], rel=1e-6)
        assert fit.converged

    def test_limits_of_an_exact_fit_are_the_estimate(self) -> None:
        fit = fit_bass(table(curve(0.02, 0.4, 500.0, periods=15)))
        assert terms(fit, "conf_low") == pytest.approx(terms(fit), rel=1e-6)
        assert terms(fit, "conf_high") == pytest.approx(terms(fit), rel=1e-6)

    def test_other_units_of_the_counts_change_m_alone(self, room: pd.DataFrame) -> None:
        thousand = fit_bass(room.assign(adopters=room["adopters"] * 1000))
        for column in ("estimate", "conf_low", "conf_high"):
            assert terms(thousand, column) == pytest.approx(terms(fit_bass(room), column) * [1, 1, 1000], rel=1e-6)

    def test_half_the_period_halves_the_rates(self) -> None:
        fine = curve(0.005, 0.2, 1000.0, periods=40)
        fit = fit_bass(table(fine.reshape(20, 2).sum(axis=1)))
        assert terms(fit) == pytest.approx([0.01, 0.4, 1000], rel=1e-6)

    def test_p_q_m_of_the_regression_by_hand(self) -> None:
        """p = .1, q = .5, m = 100: the next adopters are (p + q Y / m) (m - Y), from Y = 0: 10; (.1 + .05) 90 = 13.5; ..."""
        counts, total = [], 0.0
        for _ in range(8):
            counts.append((0.1 + 0.5 * total / 100) * (100 - total))
            total += counts[-1]
        assert counts[:2] == pytest.approx([10, 13.5])
        assert terms(fit_bass(table(counts), method="ols")) == pytest.approx([0.1, 0.5, 100], rel=1e-9)


class TestDerivatives:
    @pytest.mark.parametrize("criterion", ["nls", "ml"])
    @pytest.mark.parametrize(("coordinates", "point"), [(by_terms, [-4.0, -1.0, 0.3]), (by_peak, [9.0, -1.0, 0.3])])
    @pytest.mark.parametrize("reference", [None, 15.0])
    def test_gradient_and_hessian_equal_differences(self, room: pd.DataFrame, criterion: Any, coordinates: Any, point: list[float], reference: Any) -> None:
        problem = problem_of(room["adopters"].to_numpy("float64"), before=2.0, criterion=criterion)
        problem = type(problem)(problem.adopters, problem.starts, criterion, problem.scale, coordinates, reference)
        at = np.array(point) - (0 if reference is None else np.array([0, 0, 2.5]))
        steps = np.eye(3) * 1e-5
        _, gradient, hessian = problem.evaluate(at)
        slopes = [(problem.evaluate(at + step)[0] - problem.evaluate(at - step)[0]) / 2e-5 for step in steps]
        bends = [(problem.evaluate(at + step)[1] - problem.evaluate(at - step)[1]) / 2e-5 for step in steps]
        assert gradient == pytest.approx(np.array(slopes), rel=1e-6, abs=1e-8)
        assert hessian == pytest.approx(np.array(bends), rel=1e-6, abs=1e-8)


class TestIdentification:
    def test_before_the_peak_m_has_no_upper_limit(self) -> None:
        counts = np.random.default_rng(2).poisson(curve(0.01, 0.4, 2000.0, periods=8))  # the peak comes at 9.0
        fit = fit_bass(table(counts), method="ml")
        assert terms(fit, "conf_high")[2] == np.inf
        assert finding(fit, "m") == "not identified"
        assert not fit.converged

    def test_an_exact_curve_before_its_peak_is_not_trusted_either(self) -> None:
        fit = fit_bass(table(curve(0.01, 0.4, 2000.0, periods=8)))
        assert terms(fit) == pytest.approx([0.01, 0.4, 2000], rel=1e-4)
        assert terms(fit, "conf_high")[2] == np.inf
        assert "has not passed" in fit.diagnostics.set_index("check").loc["m", "what_to_do"]

    def test_a_noisy_peak_does_not_make_a_ceiling(self, room: pd.DataFrame) -> None:
        fit = fit_bass(room.head(6))
        assert fit.peak()["estimate"].iloc[0] < 6
        assert (terms(fit, "conf_low")[0], terms(fit, "conf_high")[2]) == (0, np.inf)
        assert "growth without end" in fit.diagnostics.set_index("check").loc["m", "what_to_do"]
        assert fit.peak()["conf_high"].iloc[0] == np.inf

    def test_after_the_peak_all_is_well(self, room: pd.DataFrame) -> None:
        fit = fit_bass(room)
        assert finding(fit, "m") == "ok"
        assert np.isfinite(terms(fit, "conf_high")).all()
        assert fit.converged

    @pytest.mark.parametrize("counts", [[1, 2, 4, 8, 16, 32], [10, 10, 10, 10, 10], [3, 5, 9, 15, 28, 50, 95]])
    @pytest.mark.parametrize("method", ["nls", "ml"])
    def test_growth_without_end_has_no_curve(self, counts: list[int], method: Any) -> None:
        with pytest.raises(ConvergenceError, match=r"m is not identified: .* fits better than any Bass curve"):
            fit_bass(table(counts), method=method)

    @pytest.mark.parametrize("counts", [[0, 0, 0, 50, 0, 0], [50, 0, 0, 0, 0], [0, 0, 0, 0, 7]])
    @pytest.mark.parametrize("method", ["nls", "ml"])
    def test_adoption_in_one_period_has_no_curve(self, counts: list[int], method: Any) -> None:
        with pytest.raises(ConvergenceError, match="nearly all adoption falls into one period"):
            fit_bass(table(counts), method=method)

    @pytest.mark.parametrize("method", ["nls", "ml"])
    def test_pure_innovation(self, method: Any) -> None:
        """Halving counts: F(1) = 1/2, so p = log 2 and m = 200; more convex ones stay on the boundary q = 0."""
        fit = fit_bass(table([512, 256, 128, 64, 32, 16, 8, 4]), method=method)
        assert terms(fit) == pytest.approx([np.log(2), 0, 1024], rel=1e-6, abs=1e-9)
        convex = fit_bass(table([400, 150, 80, 60, 50, 45, 40, 38]), method=method)
        assert terms(convex)[1] == 0
        assert finding(convex, "imitation") == "boundary"
        assert not convex.converged
        assert convex.peak()["estimate"].iloc[0] == 0
        assert convex.covariance.loc["q"].isna().all()
        assert (convex.covariance.loc[["p", "m"], ["p", "m"]].to_numpy().diagonal() > 0).all()
        low, high = terms(convex, "conf_low"), terms(convex, "conf_high")
        assert low[1] == 0 < high[1]
        assert low[0] < terms(convex)[0] < high[0]

    def test_no_curve_from_the_regression(self) -> None:
        with pytest.raises(ConvergenceError, match="a > 0 and c < 0"):
            fit_bass(table([1, 2, 4, 8, 16, 32]), method="ols")
        counts: list[float] = []
        while len(counts) < 8:
            counts.append(10 + 0.001 * sum(counts) ** 2)  # a = 10, b = 0, c = .001: b^2 - 4 a c = -.04
        with pytest.raises(ConvergenceError, match="complex roots"):
            fit_bass(table(counts), method="ols")

    def test_scatter_and_likeness_of_neighbours_are_told(self, room: pd.DataFrame) -> None:
        assert finding(fit_bass(room, method="ml"), "scatter") == "overdispersed"  # thousands are no heads
        counts = np.random.default_rng(3).poisson(curve(0.01, 0.4, 2000.0, periods=20))
        assert finding(fit_bass(table(counts), method="ml"), "scatter") == "ok"
        alike = curve(0.01, 0.4, 2000.0, periods=20) + 30 * np.sin(np.arange(20) / 2)
        assert finding(fit_bass(table(np.maximum(alike, 0))), "neighbours") == "autocorrelated"
