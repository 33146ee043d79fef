"""Rules of file nodes as generators of effects: no socket, clock, thread, file or random number.

A generator yields an effect and receives its result, or the error is raised in it. Production has one driver for them,
and the simulation another, so that both run the same lines.
"""
