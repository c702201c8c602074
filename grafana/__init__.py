"""The Grafana dashboards, and the program that builds them.

`python -m grafana.build` writes `grafana/dashboards/*.json`; those files are what Grafana reads.
"""
