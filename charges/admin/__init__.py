"""Staff pages of charges and what belongs to them."""

from charges.admin import cards, charge, records, refunds

__all__ = ["cards", "charge", "records", "refunds"]
