"""The second beat: call. The processor is asked, and what it answers becomes one value, an Answer.

No transaction is open across a call, and nothing is settled here: `charges.settlement` does that.
"""
