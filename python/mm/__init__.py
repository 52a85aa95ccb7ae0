"""Market maker for Hyperliquid perpetuals."""
