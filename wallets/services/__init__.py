"""Doors: what a partner, a person or a clock can ask of wallets."""

from wallets.services.adjusting import (
    OF_CUSTOMERS,
    Adjustment,
    OwedLess,
    SameAccount,
    Side,
    WalletCurrencyDiffers,
    adjust,
    rehearse_adjustment,
)
from wallets.services.movements import (
    InsufficientFunds,
    Moved,
    Movement,
    ReferenceExists,
    WalletExists,
    WalletInactive,
    WalletNotFound,
    create_wallet,
    credit,
    debit,
    rehearse,
    set_active,
)

__all__ = [
    "OF_CUSTOMERS",
    "Adjustment",
    "InsufficientFunds",
    "Moved",
    "Movement",
    "OwedLess",
    "ReferenceExists",
    "SameAccount",
    "Side",
    "WalletCurrencyDiffers",
    "WalletExists",
    "WalletInactive",
    "WalletNotFound",
    "adjust",
    "create_wallet",
    "credit",
    "debit",
    "rehearse",
    "rehearse_adjustment",
    "set_active",
]
