"""How a partner wants what is due to be collected."""

from __future__ import annotations

from itertools import pairwise

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator
from django.db import models

from installments import retries
from installments.retries import Policy
from partners.models import Partner

MAX_DAYS = 365
MAX_TRIES = 30


def check_offsets(offsets: list[int]) -> None:
    """Raises ValidationError unless they are days from the due date on, in order."""
    if not offsets or offsets[0] != 0:
        raise ValidationError("The first try is on the due date: start with 0.")
    if any(later <= earlier for earlier, later in pairwise(offsets)):
        raise ValidationError("Days must strictly increase.")
    if offsets[-1] > MAX_DAYS:
        raise ValidationError(f"At most {MAX_DAYS} days.")


class CollectionPolicy(models.Model):
    """Takes the place of the `standard` policy on the partner's new orders; each keeps its copy."""

    partner = models.OneToOneField(Partner, on_delete=models.PROTECT, primary_key=True)
    name = models.CharField(max_length=64, help_text="Shown on the orders that it is copied onto.")
    offsets = ArrayField(
        models.PositiveSmallIntegerField(),
        size=MAX_TRIES,
        validators=[check_offsets],
        default=retries.standard_offsets,
        help_text="Days after the due date on which it is tried: 0, 1, 3, 5, 7, 10, 14.",
    )
    grace_days = models.PositiveSmallIntegerField(
        default=retries.STANDARD["grace_days"],
        validators=[MaxValueValidator(MAX_DAYS)],
        help_text="So many days after its due date an unpaid part is overdue.",
    )
    default_after_days = models.PositiveSmallIntegerField(
        default=retries.STANDARD["default_after_days"],
        validators=[MaxValueValidator(MAX_DAYS)],
        help_text="So many days after the last try failed the order is defaulted.",
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "collection policies"

    def __str__(self) -> str:
        return f"{self.name} ({self.partner})"

    @property
    def terms(self) -> Policy:
        return Policy(
            name=self.name,
            offsets=list(self.offsets),
            grace_days=self.grace_days,
            default_after_days=self.default_after_days,
        )
