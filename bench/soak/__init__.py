"""Anything at once, for a while: then nothing waits, and all books agree.

Partners, cardholders, banks and people in Stripe's dashboard do random things by a printed seed,
with real workers, beat and more sweeps beside them, while Stripe's answers are slow, lost or wrong,
and PostgreSQL, the broker, workers and beat are killed, cut off, frozen or made to forget. No
callback is ever delivered: what Stripe does by itself is learnt from its list of events. At the end
time passes until nothing waits. Then the ledger is proven, every object at Stripe is compared with
ours, and the account `card` holds to the unit what Stripe has moved.
"""
