"""The watchdog: a process of its own that closes what a maker left when it fell silent or died.

maker (leash)    -- heartbeat -->  directory  <-- own lock, key, status --  watchdog (guard)
                                                         judgement: silent, dead, drifting?
                                                         unwinding: what to cancel and place
"""
