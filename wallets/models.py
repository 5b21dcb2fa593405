"""Wallets and the ledger: append-only double entry, proven by the database itself."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from uuid_utils.compat import uuid7

from partners.models import OwnedQuerySet, Partner


class Wallet(models.Model):
    """Money held for one customer of a partner. Amounts are minor units of `currency`."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    partner = models.ForeignKey(Partner, on_delete=models.PROTECT)
    customer_id = models.CharField(max_length=64)
    currency = models.CharField(max_length=3)
    balance = models.BigIntegerField(default=0)
    held = models.BigIntegerField(default=0)
    receivable = models.BigIntegerField(
        default=0, help_text="Owed to the partner: what the wallet lacked when a share went back."
    )
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    objects: models.Manager[Wallet] = OwnedQuerySet["Wallet"].as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["partner", "customer_id"], name="wallets_wallet_one_per_customer"
            ),
            models.CheckConstraint(
                condition=Q(balance__gte=0), name="wallets_wallet_balance_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(held__gte=0, held__lte=F("balance")),
                name="wallets_wallet_held_in_balance",
            ),
            models.CheckConstraint(
                condition=Q(receivable__gte=0), name="wallets_wallet_receivable_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.customer_id} ({self.currency})"

    @property
    def available(self) -> int:
        return self.balance - self.held


class Account(models.TextChoices):
    """The chart of accounts: `wallet` is one a wallet, the rest one a partner and currency.

    `loss` is what banks took in disputes and nobody has borne; `dispute_fee` what that cost.
    """

    WALLET = "wallet"
    FUNDING = "funding"
    PAYOUT = "payout"
    CARD = "card"
    REVENUE = "revenue"
    RECEIVABLE = "receivable"
    LATE_FEE = "late_fee"
    LOSS = "loss"
    DISPUTE_FEE = "dispute_fee"


class Kind(models.TextChoices):
    """Why money moved. `dispute_funds` is what a bank took or gave back, `dispute` who bears a lost
    one, `dispute_reversed` its undoing; `netting` pays what a wallet owes from what it got.
    """

    CREDIT = "credit"
    DEBIT = "debit"
    CHARGE = "charge"
    REFUND = "refund"
    REFUND_FAILED = "refund_failed"
    DISPUTE = "dispute"
    DISPUTE_REVERSED = "dispute_reversed"
    DISPUTE_FUNDS = "dispute_funds"
    DISPUTE_FEE = "dispute_fee"
    NETTING = "netting"
    ADJUSTMENT = "adjustment"


class LedgerTransaction(models.Model):
    """One fact about money; its entries sum to zero (checked at commit by a trigger)."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, db_index=False)
    kind = models.CharField(max_length=16, choices=Kind.choices)
    currency = models.CharField(max_length=3)
    description = models.CharField(max_length=500, blank=True)
    reference = models.CharField(max_length=255, null=True, blank=True)  # noqa: DJ001 -- unique
    charge_id = models.UUIDField(null=True, blank=True)
    refund_id = models.UUIDField(null=True, blank=True)
    dispute_id = models.UUIDField(null=True, blank=True)
    source_id = models.UUIDField(
        null=True, blank=True, help_text="The dispute's movement or allocation that it posts."
    )
    idempotency_key = models.CharField(max_length=255, null=True, blank=True)  # noqa: DJ001 -- unique
    fingerprint = models.CharField(max_length=64, blank=True)
    actor = models.CharField(max_length=200)
    request_id = models.CharField(max_length=128, blank=True)
    created_at = models.DateTimeField()

    objects: models.Manager[LedgerTransaction] = OwnedQuerySet["LedgerTransaction"].as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["partner", "kind", "idempotency_key"],
                condition=Q(idempotency_key__isnull=False),
                name="wallets_ledgertransaction_idempotency_key",
            ),
            models.UniqueConstraint(
                fields=["partner", "reference"],
                condition=Q(reference__isnull=False),
                name="wallets_ledgertransaction_reference",
            ),
            # Also the way from a charge to its transactions.
            models.UniqueConstraint(
                fields=["charge_id", "kind", "refund_id", "dispute_id", "source_id"],
                condition=Q(charge_id__isnull=False),
                nulls_distinct=False,
                name="wallets_ledgertransaction_one_per_charge",
            ),
            models.UniqueConstraint(
                fields=["refund_id", "kind"],
                condition=Q(refund_id__isnull=False),
                name="wallets_ledgertransaction_one_per_refund",
            ),
            models.CheckConstraint(
                condition=~Q(kind=Kind.ADJUSTMENT)
                | (Q(charge_id=None, refund_id=None, dispute_id=None) & ~Q(description="")),
                name="wallets_ledgertransaction_adjustment_says_why",
            ),
        ]
        indexes = [
            # A partner's list, newest first.
            models.Index(fields=["partner", "-id"], name="wallets_ledger_partner"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


class LedgerEntry(models.Model):
    """One account's part of a transaction: positive is money in. Wallet entries chain balances;
    of a receivable, negative is owed and positive is owed no more.
    """

    id = models.BigAutoField(primary_key=True)
    transaction = models.ForeignKey(
        LedgerTransaction, on_delete=models.PROTECT, related_name="entries"
    )
    account = models.CharField(max_length=16, choices=Account.choices)
    wallet = models.ForeignKey(Wallet, null=True, on_delete=models.PROTECT, db_index=False)
    amount = models.BigIntegerField()
    owed_by = models.ForeignKey(
        Wallet, null=True, on_delete=models.PROTECT, related_name="owed_entries", db_index=False
    )
    balance_before = models.BigIntegerField(null=True)
    balance_after = models.BigIntegerField(null=True)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "ledger entries"
        constraints = [
            models.CheckConstraint(condition=~Q(amount=0), name="wallets_ledgerentry_not_zero"),
            models.CheckConstraint(
                condition=Q(
                    account=Account.WALLET,
                    wallet__isnull=False,
                    balance_after=F("balance_before") + F("amount"),
                )
                | Q(
                    ~Q(account=Account.WALLET), wallet=None, balance_before=None, balance_after=None
                ),
                name="wallets_ledgerentry_wallet_chain",
            ),
            models.CheckConstraint(
                condition=Q(owed_by=None) | Q(account=Account.RECEIVABLE),
                name="wallets_ledgerentry_only_receivable_is_owed",
            ),
        ]
        indexes = [
            # A wallet's ledger, newest first, and its last balance.
            models.Index(
                fields=["wallet", "-id"],
                condition=Q(wallet__isnull=False),
                name="wallets_ledgerentry_wallet",
            ),
            # What a customer owes, and since when.
            models.Index(
                fields=["owed_by", "-id"],
                condition=Q(owed_by__isnull=False),
                name="wallets_ledgerentry_owed_by",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account} {self.amount}"

    @property
    def currency(self) -> str:
        return self.transaction.currency

    @property
    def size(self) -> int:
        return abs(self.amount)

    @property
    def transaction_type(self) -> str:
        return "credit" if self.amount > 0 else "debit"
