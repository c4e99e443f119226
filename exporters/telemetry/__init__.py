"""OpenTelemetry: traces, metrics and logs of the agent, sent by OTLP when `OTEL_*` asks for it.

`wanted.py` reads the environment and imports nothing of OpenTelemetry; everything else here is
imported only if something is wanted.  `names.py` holds every name that leaves.
"""
