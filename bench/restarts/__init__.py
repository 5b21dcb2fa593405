"""`python -m bench.restarts`: breaks a whole stack under load, and proves the books.

The stack is that of `make run`, in a copy of the checkout. Partners' requests are under way all the
time, each repeated with its key until it is answered, as docs/api.md asks. What is broken comes
back by itself, or by another `make run` when that was killed; the others live through it. Then
nothing that was asked for is done twice, held or forgotten: every key has one charge,
`verify_ledger` and `reconcile_stripe` exit 0.
"""
