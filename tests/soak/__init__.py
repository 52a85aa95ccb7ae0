"""Runs that go on while everything goes wrong: minutes of it in CI, hours in `make soak`."""
