"""The alerts that may ask for a night, by the names under which they travel.

Prometheus' rules, the monitors and the receiver say the same words; anything else asks for nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from finrisk.specs.monitoring import RerunReason


class AlertClass(StrEnum):
    """What may have happened to a champion."""

    SCORE_DRIFT = "FinRiskScoreDrift"
    FEATURE_DRIFT = "FinRiskFeatureDrift"
    PERFORMANCE_LOSS = "FinRiskPerformanceLoss"
    CALIBRATION_LOSS = "FinRiskCalibrationLoss"


RERUN_REASONS: Mapping[AlertClass, RerunReason] = MappingProxyType(
    {
        AlertClass.SCORE_DRIFT: "score_drift",
        AlertClass.FEATURE_DRIFT: "feature_drift",
        AlertClass.PERFORMANCE_LOSS: "performance",
        AlertClass.CALIBRATION_LOSS: "calibration",
    }
)
"""The word for each in ``monitoring.reruns.alarms``, which says whether it asks."""

ALERT_OF_MONITOR: Mapping[str, AlertClass] = MappingProxyType(
    {monitor: alert for alert, monitor in RERUN_REASONS.items()}
)
"""The monitors whose alarms may ask. An estimate is none of them: it has seen no label."""
