"""`python -m engine bench`: the engine measured against diffusers' own pipelines."""
