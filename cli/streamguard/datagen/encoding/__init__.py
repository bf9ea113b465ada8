"""From columns of whole numbers to bytes, a block of records at a time.

`parts` says what a record is made of, `texts` writes numbers and times by looking their digits up, `splicer` puts the
parts of each record side by side; these three know nothing of worlds. `json` is the format.
"""
