"""The settings that tests run with: the defaults, and never the user's own pi5.toml, home or database."""

from __future__ import annotations

from pathlib import Path

DEFAULTS = Path(__file__).with_name("defaults.toml")
# What of the environment speaks to the tests themselves; so does all that begins with PI5_TEST_.
FOR_TESTS = ("PI5_KILLS", "PI5_EXAMPLES", "PI5_SOAK_EVENTS", "PI5_NUMBA_CACHE")
