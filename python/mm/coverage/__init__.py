"""The limit against reality: how often the price moves further than the limit assumed it would."""
