"""What a process tells of itself.

health.py    Health: is the process alive (restart it if not), is it ready (count on it if so)
live/        The live page: what the consumer is finding, in a browser
metrics.py   Every metric that is exposed, in one place, with fixed label sets and base units
server.py    The HTTP server of the metrics port: `/metrics`, `/healthz`, `/readyz`
snapshot.py  A consumer's metrics page as the figures that a person wants to see
watchdog.py  The end of a process that stands still, so that whoever started it can start it again
"""
