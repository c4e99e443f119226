"""Answers of a mocked server that are still to be read."""

from __future__ import annotations

import httpx


def unread(answer: httpx.Response) -> httpx.Response:
    """Return an answer whose body is still to come, as that of a server is."""
    if not answer.is_stream_consumed:
        return answer
    body = httpx.ByteStream(answer.content)
    return httpx.Response(answer.status_code, headers=answer.headers, stream=body)
