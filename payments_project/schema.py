"""`/schema`: the same for everybody, so each process builds it once."""

from __future__ import annotations

from functools import cache
from hashlib import sha256

from django.http import HttpResponse
from django.utils.cache import get_conditional_response, patch_cache_control
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiYamlRenderer
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.request import Request

SECONDS = 300


class SchemaView(SpectacularAPIView):
    """In YAML. Whoever has it already gets a 304."""

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: object, **kwargs: object) -> HttpResponse:
        content, etag = document()
        response = HttpResponse(content, content_type=OpenApiYamlRenderer.media_type)
        response["ETag"] = etag
        name = self._get_filename(request, None)  # type: ignore[no-untyped-call]
        response["Content-Disposition"] = f'inline; filename="{name}"'
        patch_cache_control(response, public=True, max_age=SECONDS)
        return get_conditional_response(request._request, etag=etag, response=response) or response


@cache
def document() -> tuple[bytes, str]:
    """(the document, its ETag), without the names of a host."""
    schema = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    renderer = OpenApiYamlRenderer()
    content = bytes(renderer.render(schema, renderer.media_type, {}))  # type: ignore[no-untyped-call]
    return content, f'"{sha256(content).hexdigest()[:32]}"'
