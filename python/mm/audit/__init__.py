"""Checks of a finished run that share no code with what they check."""
