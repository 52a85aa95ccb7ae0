"""The estimates of the engine beside what came after them, on recordings: `mm data forecast`."""
