"""Budgets: the limits of an account, its fair share, and the meter that counts it."""
