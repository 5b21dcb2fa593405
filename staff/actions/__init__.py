"""All that staff can do to rows of the apps below, by name."""

from staff.action import Action
from staff.actions import adjustments, charges, keys, orders, quarantine, wallets, webhooks

ACTIONS: dict[str, Action] = {
    action.name: action
    for app in (wallets, charges, orders, webhooks, keys, adjustments, quarantine)
    for action in app.ACTIONS
}
