"""How whole frame, hands and face lie on one picture: the fields of `wlasl.hht.Canvas` in a recipe."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field, model_validator

from wlasl.hht import Canvas, Fill, Layout

_PREFIX = "hht_"


class HhtFields(BaseModel):
    """What `crop=hht` shows of a clip (SignNet's H&HT); the fields mean nothing of the other crops."""

    landmarks: str = Field(default="", description="what crop hht cuts hands and face out by (`--landmarks`)")
    hht_margin: int = Field(default=10, ge=0, description="crop hht: pixels of the video around a part")
    hht_margin_share: float = Field(
        default=0.0, ge=0, le=1, description="crop hht: more around it, share of the video's longer side"
    )
    hht_head: float = Field(
        default=0.75,
        ge=0,
        le=2,
        description="crop hht: more above and below a face without a mesh, share of it",
    )
    hht_parts: Fill = Field(
        default="stretch",
        description="crop hht: parts fill their tile; or their box is square first; or pad it in black",
    )
    hht_pad_first: bool = Field(default=False, description="crop hht: the frame is padded to a square first")
    hht_layout: Layout = Field(default="quadrants", description="crop hht: or bottom, parts below the frame")
    hht_show: str = Field(
        default="1111",
        pattern="^[01]{4}$",
        description="crop hht: frame, right hand, face, left hand; 0: black",
    )
    hht_grey: bool = Field(default=False, description="crop hht: without colour")
    hht_flip: Literal["parts", "canvas"] = Field(
        default="parts",
        description="crop hht: hflip mirrors tile by tile, hands change places; or the canvas as one picture",
    )

    @model_validator(mode="before")
    @classmethod
    def _usual_landmarks(cls, fields: Any) -> Any:  # noqa: ANN401 - pydantic's own
        """Take the sample's own landmarks, or MediaPipe's, where crop hht is told of none."""
        if not isinstance(fields, dict) or fields.get("crop") != "hht" or fields.get("landmarks"):
            return fields
        return {**fields, "landmarks": "true" if fields.get("split") == "sample" else "mediapipe"}

    @model_validator(mode="after")
    def _hht_alone(self) -> HhtFields:
        """Refuse what means nothing of another crop."""
        if getattr(self, "crop", "") == "hht":
            return self
        if self.landmarks:
            raise ValueError(
                "This network sees pixels, cut out without landmarks: --landmarks is for networks that see"
                " landmarks, and for --set crop=hht"
            )
        for name, field in HhtFields.model_fields.items():
            if getattr(self, name) != field.default:
                raise ValueError(
                    f"{name} means nothing without crop=hht: set that, or leave it at {field.default}"
                )
        return self

    def canvas(self) -> Canvas | None:
        """Return how the parts lie; None where there are none."""
        if getattr(self, "crop", "") != "hht":
            return None
        names = (name for name in HhtFields.model_fields if name.startswith(_PREFIX) and name != "hht_flip")
        return Canvas(**{name.removeprefix(_PREFIX): getattr(self, name) for name in names})
