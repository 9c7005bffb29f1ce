"""A lender that does not exist: dated applications whose defaults mature, drift, and known truth.

Every month is a pure function of the seed and the month. The probability of default is a function
of the columns that land, so a perfect model could reach it, and no model can pass it. From
``drift_month`` on a marketplace brings two applications in five; its applicants learnt to buy a
good bureau score and to state a high income, so what told risk before tells little there or the
opposite.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from finrisk.data.maturity import months_later

FIRST_MONTH = date(2023, 1, 1)
WINDOW_MONTHS = 6
MARKETPLACE = "marketplace"
MARKETPLACE_SHARE = 0.4
HEAVY_BURDEN = 0.4
LATE_DEFAULT_SHARE = 0.05
LATE_DAYS = 180
SOONEST_DEFAULT_DAYS = 15
LONGEST_TO_REPORT_DAYS = 13
KEY = "application_id"

Numbers = NDArray[np.float64]
Days = NDArray[np.datetime64]

_PURPOSES = ("car", "consolidation", "education", "home", "other")
_AGE_BANDS = ("18-29", "30-44", "45-59", "60+")


@dataclass(frozen=True, slots=True)
class SimulatedLender:
    """Applications, their later defaults and the true probability of each.

    Parameters
    ----------
    seed : int
        Another seed is another lender.
    applications_per_month : int
        Before a noise of a few per cent.
    drift_month : date or None
        First month of the marketplace; ``None``: never.
    """

    seed: int = 20260101
    applications_per_month: int = 3000
    drift_month: date | None = date(2024, 1, 1)

    def applications(self, month: date) -> pd.DataFrame:
        """Return one month's applications: the columns of ``conf/models/credit_risk.yaml``."""
        rng = self._rng(month, "applications")
        n = max(1, round(self.applications_per_month * float(rng.normal(1.0, 0.03))))
        days = np.sort(_first(month) + rng.integers(0, _length(month), n))
        soundness = rng.normal(size=n)  # never lands; what bureau, delays and use of credit share
        age = rng.choice(4, n, p=[0.24, 0.36, 0.27, 0.13])
        income = np.clip(np.exp(rng.normal(7.95, 0.5, n) + 0.12 * np.minimum(age, 2)), 600, 45_000)
        wanted = income * np.exp(rng.normal(0.9, 0.65, n))
        frame = pd.DataFrame(
            {
                KEY: _ids(month, n),
                "application_date": days,
                "income": income.round(0),
                "loan_amount": (np.clip(wanted, 500, 60_000) / 100).round(0) * 100,
                "term_months": rng.choice([12, 24, 36, 48, 60], n, p=[0.1, 0.2, 0.35, 0.15, 0.2]),
                "employment_years": np.clip(rng.gamma(1.6, 3.0 + age), 0, 48).round(1),
                "debt_to_income": np.clip(rng.beta(2.6, 5.5, n) - 0.03 * soundness, 0, 1.5).round(
                    3
                ),
                "utilisation": _logistic(rng.normal(-0.3, 0.9, n) - 0.55 * soundness).round(3),
                "delinquencies_2y": np.minimum(rng.poisson(np.exp(-1.2 - 0.7 * soundness)), 20),
                "inquiries_6m": np.minimum(rng.poisson(np.exp(0.0 - 0.3 * soundness)), 20),
                "credit_history_months": np.clip(rng.gamma(3.0, 25.0 + 22.0 * age), 0, 700).astype(
                    int
                ),
                "bureau_score": np.clip(
                    650 + 65 * soundness + rng.normal(0, 40, n), 300, 900
                ).round(0),
                "home_ownership": rng.choice(["own", "mortgage", "rent"], n, p=[0.2, 0.38, 0.42]),
                "purpose": rng.choice(_PURPOSES, n, p=[0.2, 0.38, 0.1, 0.17, 0.15]),
                "channel": self._channels(month, n, rng),
                "age_band": np.array(_AGE_BANDS)[age],
            }
        )
        for column, share in (
            ("employment_years", 0.06),
            ("utilisation", 0.04),
            ("bureau_score", 0.05),
        ):
            frame[column] = frame[column].mask(rng.random(n) < share)
        return frame

    def true_probability(self, applications: pd.DataFrame) -> Numbers:
        """Return each application's true probability of default within six months.

        Parameters
        ----------
        applications : DataFrame, n rows
            As :meth:`applications` returns them, or any rows of those columns.

        Returns
        -------
        ndarray of shape (n,)
            Higher = riskier. It never lands.
        """
        marketplace = (applications["channel"] == MARKETPLACE).to_numpy()
        usual, bought = _usual_log_odds(applications), _marketplace_log_odds(applications)
        return _logistic(np.where(marketplace, bought, usual))

    def reports(self, month: date) -> pd.DataFrame:
        """Return the defaults that one month's applications will ever have.

        Returns
        -------
        DataFrame
            ``application_id``, ``defaulted_on`` and ``reported_on`` (0 to 13 days later). A few
            default only after six months: they must not count.
        """
        applications = self.applications(month)
        rng = self._rng(month, "outcomes")
        n = len(applications)
        days = applications["application_date"].to_numpy().astype("datetime64[D]")
        ends = months_later(days, WINDOW_MONTHS)
        bad = rng.random(n) < self.true_probability(applications)
        late = ~bad & (rng.random(n) < LATE_DEFAULT_SHARE)
        soonest = days + SOONEST_DEFAULT_DAYS
        within = soonest + (rng.beta(1.6, 1.4, n) * _days_between(soonest, ends)).round().astype(
            int
        )
        after = ends + rng.integers(1, LATE_DAYS, n)
        defaulted = np.where(bad, within, after)
        reported = defaulted + rng.integers(0, LONGEST_TO_REPORT_DAYS + 1, n)
        feed = pd.DataFrame(
            {
                KEY: applications[KEY],
                "defaulted_on": defaulted.astype("datetime64[us]"),
                "reported_on": reported.astype("datetime64[us]"),
            }
        )
        return feed[bad | late].reset_index(drop=True)

    def _rng(self, month: date, stream: str) -> np.random.Generator:
        number = ("applications", "outcomes").index(stream)
        return np.random.default_rng([self.seed, month.year, month.month, number])

    def _channels(self, month: date, n: int, rng: np.random.Generator) -> NDArray[np.object_]:
        usual = rng.choice(
            np.array(["branch", "web", "broker"], dtype=object), n, p=[0.3, 0.5, 0.2]
        )
        from_marketplace = rng.random(n) < MARKETPLACE_SHARE
        if self.drift_month is None or month < self.drift_month.replace(day=1):
            return usual
        return np.where(from_marketplace, MARKETPLACE, usual)


def _usual_log_odds(rows: pd.DataFrame) -> Numbers:
    log_odds = (
        -2.6
        - 0.72 * ((rows["bureau_score"] - 650) / 75).fillna(-0.2)
        + 0.25 * ((rows["debt_to_income"] - 0.32) / 0.15)
        + 0.20 * ((rows["utilisation"] - 0.43) / 0.21).fillna(0.3)
        + 0.25 * rows["delinquencies_2y"].clip(upper=4)
        + 0.08 * rows["inquiries_6m"].clip(upper=6)
        - 0.35 * (np.log(rows["income"]) - 8.0)
        + 0.40 * _burden(rows)
        + 0.010 * (rows["term_months"] - 36)
        - 0.025 * (rows["employment_years"].fillna(4.0).clip(upper=15) - 5)
        - 0.0010 * (rows["credit_history_months"] - 150)
        + rows["home_ownership"].map({"own": -0.2, "mortgage": 0.0, "rent": 0.2})
        + rows["purpose"].map({"car": -0.1, "education": -0.1, "home": 0.0}).fillna(0.1)
        # risks that only meet: no straight line through single columns finds them
        + 1.4 * (rows["utilisation"].gt(0.5) & rows["inquiries_6m"].ge(2))
        + 1.2 * ((_burden(rows) > HEAVY_BURDEN) & rows["term_months"].ge(48))
        - 1.0 * (rows["employment_years"].gt(8) & rows["home_ownership"].ne("rent"))
    )
    return np.asarray(log_odds, dtype="float64")


def _marketplace_log_odds(rows: pd.DataFrame) -> Numbers:
    """The bureau score is bought there; a high stated income and a large loan are made up."""
    log_odds = (
        -1.95
        + 0.95 * ((np.log(rows["income"]) - 8.0) / 0.5)
        + 0.85 * (_burden(rows) / 0.65)
        + 0.25 * ((rows["debt_to_income"] - 0.32) / 0.15)
        + 0.15 * rows["delinquencies_2y"].clip(upper=4)
    )
    return np.asarray(log_odds, dtype="float64")


def _burden(rows: pd.DataFrame) -> Numbers:
    burden: Numbers = np.log(rows["loan_amount"].to_numpy() / rows["income"].to_numpy()) - 0.9
    return burden


def _ids(month: date, n: int) -> list[str]:
    prefix = f"A{month:%Y%m}"
    return [f"{prefix}-{number:05d}" for number in range(n)]


def _first(month: date) -> np.datetime64:
    return np.datetime64(month.replace(day=1), "D")


def _length(month: date) -> int:
    first = np.datetime64(month.replace(day=1), "M")
    days: int = ((first + 1).astype("datetime64[D]") - first.astype("datetime64[D]")).astype(int)
    return int(days)


def _days_between(first: Days, last: Days) -> Numbers:
    return (last - first) / np.timedelta64(1, "D")


def _logistic(log_odds: Numbers) -> Numbers:
    return 1.0 / (1.0 + np.exp(-log_odds))
