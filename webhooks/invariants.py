"""What is always true of events: each query returns the rows at fault.

`%(partner)s` is a partner's id, or null for all.
"""

from __future__ import annotations

from django.conf import settings

from webhooks.models import TEST

KEPT = f"interval '{settings.WEBHOOK_RETENTION.days} days'"
"""Deliveries of older events may be pruned."""
OF_EVENT = "(%(partner)s::uuid IS NULL OR e.partner_id = %(partner)s::uuid)"

INVARIANTS = {
    "sequences have no gaps": f"""
        SELECT e.resource_id, count(*) AS events, max(e.sequence) AS last FROM webhooks_event e
        WHERE {OF_EVENT}
        GROUP BY e.resource_id HAVING count(*) <> max(e.sequence) OR min(e.sequence) <> 1""",
    # What an endpoint wanted is known while it has not been changed since.
    "every event has a delivery for each endpoint that wanted it": f"""
        SELECT e.id, e.type, n.id AS endpoint_id FROM webhooks_event e
        JOIN webhooks_endpoint n ON (n.partner_id = e.partner_id OR n.partner_id IS NULL)
            AND n.is_active AND n.deleted_at IS NULL AND n.updated_at < e.created_at
            AND webhooks_wants(n.event_types, e.type) AND e.type <> '{TEST}'
        LEFT JOIN webhooks_delivery d ON d.event_id = e.id AND d.endpoint_id = n.id
        WHERE {OF_EVENT} AND d.id IS NULL AND e.created_at > now() - {KEPT}""",
    "a delivery is of its event's and endpoint's partner": f"""
        SELECT d.id, d.partner_id, e.partner_id AS event_partner FROM webhooks_delivery d
        JOIN webhooks_event e ON e.id = d.event_id JOIN webhooks_endpoint n ON n.id = d.endpoint_id
        WHERE {OF_EVENT} AND (d.partner_id <> e.partner_id
            OR n.partner_id IS NOT NULL AND n.partner_id <> d.partner_id)""",
}
