"""How a version became champion, in words and marks that are told apart without colour."""

from __future__ import annotations

from finrisk.pictures.palette import BLUE, GREEN, ORANGE, PURPLE, SKY_BLUE, VERMILION
from finrisk.records import PromotionKind

KIND_WORDS: dict[PromotionKind, str] = {
    PromotionKind.BOOTSTRAP: "first champion",
    PromotionKind.SUPERIORITY: "better, by the gate",
    PromotionKind.APPROVED: "better, approved by a person",
    PromotionKind.REFRESH: "refresh, signed by a person",
    PromotionKind.ROLLBACK: "rollback",
    PromotionKind.RESTORED: "same bytes, new number",
    PromotionKind.FORCED: "forced by a person",
}
KIND_MARKS: dict[PromotionKind, tuple[str, str]] = {
    PromotionKind.BOOTSTRAP: ("circle", SKY_BLUE),
    PromotionKind.SUPERIORITY: ("triangle-up", BLUE),
    PromotionKind.APPROVED: ("diamond", GREEN),
    PromotionKind.REFRESH: ("square", PURPLE),
    PromotionKind.ROLLBACK: ("triangle-down", VERMILION),
    PromotionKind.RESTORED: ("triangle-right", ORANGE),
    PromotionKind.FORCED: ("cross", VERMILION),
}
"""Shape and colour of a kind in pictures."""
