"""All that staff can do to rows of the apps below, by name."""

from staff.action import Action
from staff.actions import adjustments, charges, keys, orders, wallets, webhooks

ACTIONS: dict[str, Action] = {
    action.name: action
    for app in (wallets, charges, orders, webhooks, keys, adjustments)
    for action in app.ACTIONS
}
