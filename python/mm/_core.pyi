"""The compiled core of `mm`. Checked against the module by `mypy.stubtest`."""

class MmError(Exception):
    """Base of every error that mm raises."""

class ConfigError(MmError):
    """A configuration or argument was refused."""

class EventError(MmError):
    """An event, frame or body could not be understood."""
