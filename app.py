"""Opens the EnsIR visualizer in a browser."""

from ensir.ui import launch

if __name__ == "__main__":
    launch()
