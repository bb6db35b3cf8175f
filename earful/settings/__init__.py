"""Settings: load settings.toml, check every key, and name the fix for each error."""
