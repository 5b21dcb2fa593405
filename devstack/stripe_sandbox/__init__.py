"""A Stripe test account on loopback: its rules, its shapes, its errors, no internet.

Written from Stripe's public API documentation and the parameter types of the
`stripe` package, so that what passes here is what the SDK would send.

Not simulated, and refused by name rather than ignored: manual capture, Connect, payment
method options, confirmation tokens, methods other than cards. No test card leads to the
status `processing`. Balance transactions have an id and cannot be read.
"""
