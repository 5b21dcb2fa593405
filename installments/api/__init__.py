"""Routes of installment orders and their parts."""

from installments.api.installments import (
    DueInstallments,
    InstallmentDetail,
    InstallmentProcess,
    InstallmentReopen,
)
from installments.api.orders import (
    OrderActivate,
    OrderCancel,
    OrderDetail,
    OrderInstallments,
    OrderPause,
    OrderPayOff,
    OrderPreview,
    OrderReinstate,
    OrderResume,
    OrderRevisions,
    Orders,
    OrderWriteOff,
)

__all__ = [
    "DueInstallments",
    "InstallmentDetail",
    "InstallmentProcess",
    "InstallmentReopen",
    "OrderActivate",
    "OrderCancel",
    "OrderDetail",
    "OrderInstallments",
    "OrderPause",
    "OrderPayOff",
    "OrderPreview",
    "OrderReinstate",
    "OrderResume",
    "OrderRevisions",
    "OrderWriteOff",
    "Orders",
]
