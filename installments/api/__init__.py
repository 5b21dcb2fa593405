"""Routes of installment orders and their parts."""

from installments.api.installments import DueInstallments, InstallmentDetail, InstallmentProcess
from installments.api.orders import (
    OrderActivate,
    OrderCancel,
    OrderDetail,
    OrderInstallments,
    OrderPause,
    OrderPayOff,
    OrderPreview,
    OrderResume,
    OrderRevisions,
    Orders,
)

__all__ = [
    "DueInstallments",
    "InstallmentDetail",
    "InstallmentProcess",
    "OrderActivate",
    "OrderCancel",
    "OrderDetail",
    "OrderInstallments",
    "OrderPause",
    "OrderPayOff",
    "OrderPreview",
    "OrderResume",
    "OrderRevisions",
    "Orders",
]
