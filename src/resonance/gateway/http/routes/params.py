"""Parameters that many routes share."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from resonance.gateway.http.schemas.fields import MAX_INT64

Cursor = Annotated[str, Query(max_length=512, description='Where the page before ended; "" for the first.')]
SeqQuery = Annotated[int, Query(ge=0, le=MAX_INT64)]
Limit50 = Annotated[int, Query(ge=1, le=50)]
Limit100 = Annotated[int, Query(ge=1, le=100)]
Limit200 = Annotated[int, Query(ge=1, le=200)]
Limit500 = Annotated[int, Query(ge=1, le=500)]
Limit1000 = Annotated[int, Query(ge=1, le=1_000)]
PageNumber = Annotated[int, Query(ge=1, le=1_000, description="The page by its number, where there is no cursor.")]
PageSize = Annotated[int | None, Query(ge=1, le=200, description="Another name of `limit`.")]
