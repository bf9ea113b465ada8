"""The generator: worlds, not loops. Each part imports only those below it:

producing                    a run on its way: paced, sent, counted, shown, gone on with
check · explaining · sinks   statistics of a world · its plan in words · files
records                      runs and their bytes, faults, truth, sums that prove them
encoding                     columns to bytes
columns                      draws, entities, event time, campaigns: whole numbers only
world                        what a world file says
"""
