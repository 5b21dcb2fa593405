"""Installment orders, their parts and revisions, partners' policies, and the sweep."""

from installments.models.installment import (
    COLLECTIBLE,
    LATE,
    STARTED_OVER,
    UNPAID,
    USED_UP,
    Installment,
    InstallmentQuerySet,
    InstallmentStatus,
)
from installments.models.order import GIVEN_UP, InstallmentOrder, OrderQuerySet, OrderStatus
from installments.models.policy import CollectionPolicy
from installments.models.revision import Change, Revision
from installments.models.sweep import Sweep

__all__ = [
    "COLLECTIBLE",
    "GIVEN_UP",
    "LATE",
    "STARTED_OVER",
    "UNPAID",
    "USED_UP",
    "Change",
    "CollectionPolicy",
    "Installment",
    "InstallmentOrder",
    "InstallmentQuerySet",
    "InstallmentStatus",
    "OrderQuerySet",
    "OrderStatus",
    "Revision",
    "Sweep",
]
