"""The kernel's own files as a source of stats, where the exporter shares the engine's machine.

They cost the engine nothing, and have values that it does not pass on. Where they stand:
`finding`; what stands in them: `v1`, `v2`, `pressure`, `network`, `machine`; reading: `source`.
"""
