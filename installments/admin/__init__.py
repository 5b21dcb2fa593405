"""Staff pages of installment orders and how they are collected."""

from installments.admin import operation, orders

__all__ = ["operation", "orders"]
