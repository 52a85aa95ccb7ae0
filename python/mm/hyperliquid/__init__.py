"""Hyperliquid as a network peer: websocket, HTTP, nonces, pacing. Bytes are read in the core."""
