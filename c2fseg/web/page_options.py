"""How the page behaves."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from c2fseg.web.uploads import UploadLimits


@dataclass(frozen=True)
class PageOptions:
    """How the page behaves.

    Attributes:
        samples: Pictures to pick from.
        upload: What uploads are taken.
        queue: Requests that wait for the model at most.
        runs_per_minute: Model runs that one client may start in a minute.
        requests_per_minute: Messages of all kinds that one client may send in a minute.
        sessions: Visitors whose pictures are kept; the one who was away for longest goes first.
        session_seconds: How long a picture is kept after its last use.
        detector_note: Why objects cannot be found without a click; empty where they can.
    """

    samples: tuple[Path, ...] = ()
    upload: UploadLimits = field(default_factory=UploadLimits)
    queue: int = 16
    runs_per_minute: int = 30
    requests_per_minute: int = 600
    sessions: int = 64
    session_seconds: int = 1800
    detector_note: str = ''
