"""Who provides what lower apps call upward. The settings name these; mypy checks that they fit."""

from __future__ import annotations

from charges.hooks import ChargeHooks
from installments import charge_hooks as order_hooks
from installments import services as installments
from wallets.hooks import WalletCredited

charge_hooks: ChargeHooks = order_hooks
wallet_credited: WalletCredited = installments.auto_apply
