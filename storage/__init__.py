"""Everything that Earful keeps, and the only place that speaks SQL."""
