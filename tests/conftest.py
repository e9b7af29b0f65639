import os

# Before torch is imported: its threads sleep while they wait, instead of spinning on shared cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
