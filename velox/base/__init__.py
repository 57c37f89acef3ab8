"""What every room stands on: errors, records, logs, how a script begins and ends, waiting."""
