"""The paper exchange: Hyperliquid's HTTP and websocket protocol on loopback."""
