"""Serves the EnsIR visualizer and prints its address."""

from ensir.ui import launch

if __name__ == "__main__":
    launch()
