"""Who is unhappy and why, the digest that says so, and the channels that carry it to people."""
