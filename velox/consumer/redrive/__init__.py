"""Dead letters go through the pipeline once more, under the identity of their record.

choosing.py         Which dead letters are redriven; what is counted of them
holding_ledger.py   A ledger that leaves some records where they are, and remembers what was done
letters.py          A dead letter's headers: the place of its record, read back
sorting.py          Between batch and decoding: letters become the records that they were
what_fails.py       What fails again goes back to the dead letters, and after so many times aside
"""
