"""`/schema`: the same for everybody, so each process builds it once for each format."""

from __future__ import annotations

from functools import cache
from hashlib import sha256

from django.http import HttpResponse
from django.utils.cache import get_conditional_response, patch_cache_control
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.views import SpectacularAPIView
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

SECONDS = 300


class SchemaView(SpectacularAPIView):
    """In YAML or JSON, as Accept or `?format=` says. Whoever has it already gets a 304."""

    def get(self, request: Request, *args: object, **kwargs: object) -> HttpResponse:
        renderer = request.accepted_renderer
        content, etag = document(type(renderer))
        response = HttpResponse(content, content_type=renderer.media_type)
        response["ETag"] = etag
        response["Content-Disposition"] = f'inline; filename="{self._get_filename(request, None)}"'
        patch_cache_control(response, public=True, max_age=SECONDS)
        return get_conditional_response(request._request, etag=etag, response=response) or response


@cache
def document(renderer: type[BaseRenderer]) -> tuple[bytes, str]:
    """(the document, its ETag), without the names of a host."""
    schema = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    content = bytes(renderer().render(schema, renderer.media_type, {}))
    return content, f'"{sha256(content).hexdigest()[:32]}"'
