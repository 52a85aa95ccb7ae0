"""The official SDK's own examples, run unmodified against the paper exchange."""
