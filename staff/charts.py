"""Bars of the overview: data and options for the Chart.js that unfold brings."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any

from staff.figures import Rows
from wallets import money

# Colours read well on white and on black.
LEGS = [("Wallet", "wallet", "#3b82f6"), ("Card", "card", "#a855f7")]
DUE = ("Due", "amount", "#f59e0b")


def bars(days: list[date], rows: Rows, currency: str, *series: tuple[str, str, str]) -> str:
    """Chart.js data: a bar a day, the series on top of each other, in units of the currency."""
    by_day = {row["day"]: row for row in rows}
    return json.dumps(
        {
            "labels": [f"{day:%b} {day.day}" for day in days],
            "datasets": [
                {
                    "label": label,
                    "backgroundColor": colour,
                    "data": [_units(by_day.get(day), field, currency) for day in days],
                }
                for label, field, colour in series
            ],
        }
    )


def _units(row: dict[str, Any] | None, field: str, currency: str) -> float:
    """For the height of a bar alone."""
    return float(Decimal(money.to_decimal(int(row[field]), currency))) if row else 0.0


def options() -> str:
    """Chart.js options: stacked, a legend, no animation that a test or an eye would wait for."""
    axis = {"stacked": True, "grid": {"display": False}, "ticks": {"color": "#9ca3af"}}
    return json.dumps(
        {
            "animation": False,
            "responsive": True,
            "maintainAspectRatio": False,
            "maxBarThickness": 24,
            "plugins": {"legend": {"align": "end", "labels": {"boxWidth": 10, "color": "#9ca3af"}}},
            "scales": {"x": axis, "y": {**axis, "grid": {"display": True}, "beginAtZero": True}},
        }
    )
