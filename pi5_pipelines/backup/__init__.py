"""Copies of the home that can be given back: made, listed, verified, restored, and thinned out."""

from __future__ import annotations

from pi5_pipelines.backup.catalog import backup_folder, manifests, outcome, prune, unreadable
from pi5_pipelines.backup.journal import keep_place
from pi5_pipelines.backup.restore import restore, verify
from pi5_pipelines.backup.snapshot import create

__all__ = ["backup_folder", "create", "keep_place", "manifests", "outcome", "prune", "restore", "unreadable", "verify"]
