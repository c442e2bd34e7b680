"""Simulates a retailer that customers meet through eleven tools, and that knows the truth about them."""

from __future__ import annotations

from examples.omnichannel.dirt import Dirt
from examples.omnichannel.simulation import GenerationReport, generate

__all__ = ["Dirt", "GenerationReport", "generate"]
