"""The third beat: settle. An Answer of the processor becomes states, ledger and events, once.

Steps, in the transaction of a door. Whoever comes first settles: the request, a sweep, Stripe's
callback, an operator; who comes later finds the row settled and changes nothing.
"""
