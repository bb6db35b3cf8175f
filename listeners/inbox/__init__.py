"""The inbox that the feedback service fills: forms and webhooks."""
