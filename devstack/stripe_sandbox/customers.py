"""Customers."""

from __future__ import annotations

from devstack.stripe_sandbox import methods
from devstack.stripe_sandbox.call import Call, merge_metadata, new_id
from devstack.stripe_sandbox.errors import Json, unsupported
from devstack.stripe_sandbox.events import emit
from devstack.stripe_sandbox.listing import page

PLAIN = ("address", "description", "email", "name", "phone", "shipping")
NOT_SIMULATED = ("balance", "cash_balance", "source", "default_source", "tax_id_data", "test_clock")


def create(call: Call) -> Json:
    _refuse_unsimulated(call.params)
    customer: Json = {
        "id": new_id("cus_", 14),
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": call.now,
        "currency": None,
        "customer_account": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": None,
        "invoice_prefix": new_id("", 8).upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": {},
        "name": None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }
    _apply(customer, call.params)
    emit(call, "customer.created", call.save(customer))
    if "payment_method" in call.params:
        _attach_first(call, customer)
    return customer


def _attach_first(call: Call, customer: Json) -> None:
    method = methods.resolve(call, call.params["payment_method"], "payment_method")
    methods.check_attachable(method)
    methods.attach_to(call, method, customer["id"])


def retrieve(call: Call) -> Json:
    """A deleted customer answers with `deleted: true` and nothing else."""
    return call.store.find(call.target) or call.load("customer", call.target)


def update(call: Call) -> Json:
    _refuse_unsimulated(call.params)
    customer = call.load("customer", call.target)
    before = dict(customer)
    _apply(customer, call.params)
    previous = {name: before[name] for name in before if before[name] != customer[name]}
    emit(call, "customer.updated", call.save(customer), previous)
    return customer


def delete(call: Call) -> Json:
    customer = call.load("customer", call.target)
    emit(call, "customer.deleted", customer)
    for method in call.store.select("payment_method", "AND customer = ?", (call.target,)):
        methods.detach_from_customer(call, method)
    gone = {"id": call.target, "object": "customer", "deleted": True}
    call.store.save({**gone, "created": customer["created"]})
    return gone


def listed(call: Call) -> Json:
    where, args = "AND json_extract(body, '$.deleted') IS NULL", []
    if "email" in call.params:
        where += " AND json_extract(body, '$.email') = ?"
        args.append(call.params["email"])
    return page(call, "customer", where, args)


def _apply(customer: Json, params: Json) -> None:
    for name in PLAIN:
        if name in params:
            customer[name] = params[name] or None
    if "tax_exempt" in params:
        customer["tax_exempt"] = params["tax_exempt"] or "none"
    customer["invoice_settings"].update(params.get("invoice_settings") or {})
    customer["metadata"] = merge_metadata(customer["metadata"], params.get("metadata", {}))


def _refuse_unsimulated(params: Json) -> None:
    for name in NOT_SIMULATED:
        if name in params:
            raise unsupported(name)
