"""Budgets: what an account may spend, its fair share, and the meter that counts it."""
