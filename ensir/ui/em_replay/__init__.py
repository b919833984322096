"""The replay of EM on one bin set, as one component."""

from ensir.ui.em_replay.em_replay import em_replay_panel, on_restart, replay_of

__all__ = ["em_replay_panel", "on_restart", "replay_of"]
