"""What a process tells of itself.

drift.py             How far what comes is from what is usual, beyond what chance does
group_metrics.py     What a consumer group's lag exporter exposes
health.py            Is the process alive (restart it if not), is it ready (count on it if so)
live/                The live page: what the consumer is finding, in a browser
metrics.py           Every metric that is exposed, in one place, with fixed sets of labels
mix.py               How far a mix of labels is from the usual one, beyond what chance does
outlook.py           How the model is doing where nobody tells: expected accuracy, and drift
pages.py             What the pages for people have in common: a policy, a look, and files
producer_metrics.py  The metrics of a producer: its sources, as they are when somebody asks
review_metrics.py    What the page to label on exposes as metrics
server.py            The HTTP server: `/metrics`, `/healthz`, `/readyz`, and pages for people
shadow_metrics.py    What a model beside the one in use exposes as metrics
snapshot.py          A consumer's metrics page as the figures that a person wants to see
watchdog.py          The end of a process that stands still, so that it can be started again
window.py            The newest images that a model has decided
"""
