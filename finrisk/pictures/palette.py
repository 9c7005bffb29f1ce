"""Colours that people tell apart, whatever their eyes and whatever draws them.

Okabe & Ito 2002, "Color universal design": told apart with any of the common colour blindnesses.
"""

from __future__ import annotations

BLACK = "#000000"
ORANGE = "#E69F00"
SKY_BLUE = "#56B4E9"
GREEN = "#009E73"
BLUE = "#0072B2"
VERMILION = "#D55E00"
PURPLE = "#CC79A7"
GREY = "#767676"
"""For what is no series: identity, chance, cut-off; 4.5 : 1 against white."""

GOOD_COLOUR, BAD_COLOUR = BLUE, VERMILION
