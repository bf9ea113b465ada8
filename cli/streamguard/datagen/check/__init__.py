"""`streamguard world check`: whether the records of a world are what it declares, by statistics.

scipy and matplotlib come with the extra `check`; nothing else in the package imports them.
"""
