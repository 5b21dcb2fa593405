"""The seam to Stripe: our words on one side, the SDK on the other. No transaction is open here."""
