"""The demo: broker, trainer, consumer and producer on this machine.

broker.py    The embedded broker: librdkafka's built-in mock cluster, owned by one small process
programs.py  The programs that the demo runs, each a process that ends with the demo
text.py      The demo's figures as text: one line while it runs, and a summary at its end
"""
