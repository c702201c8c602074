"""The web configuration: TLS, users, headers and a rate limit, from a file that may change.

The file has the format of exporter-toolkit, which Prometheus and its exporters share:
https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md
"""
