"""How drf-spectacular describes our answers: problems for every refusal."""

from __future__ import annotations

from typing import Any, Literal

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from rest_framework import serializers


class FieldProblem(serializers.Serializer[Any]):
    field = serializers.CharField()
    code = serializers.CharField()
    detail = serializers.CharField()


class ProblemAnswer(serializers.Serializer[Any]):
    """application/problem+json (RFC 9457)."""

    type = serializers.URLField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    code = serializers.CharField()
    request_id = serializers.CharField()
    errors = FieldProblem(many=True)  # type: ignore[assignment]  # shadows Serializer.errors


REFUSALS = {
    "GET": ("400", "401", "403", "404", "429", "503"),
    "POST": ("400", "401", "403", "404", "409", "413", "415", "422", "429", "503"),
    "PATCH": ("400", "401", "403", "404", "409", "413", "415", "422", "429", "503"),
    "DELETE": ("400", "401", "403", "404", "413", "415", "429", "503"),
}


class Schema(AutoSchema):
    def get_description(self) -> str:  # type: ignore[override]  # as drf-spectacular has it
        """Summaries say it; the views' own docstrings are for their readers."""
        return ""

    def get_tags(self) -> list[str]:
        return [self.path.strip("/").split("/")[0]]

    def _get_response_bodies(
        self, direction: Literal["request", "response"] = "response"
    ) -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        for status in REFUSALS.get(self.method, ()):
            bodies.setdefault(
                status,
                self._get_response_for_code(  # type: ignore[no-untyped-call]
                    ProblemAnswer, status, media_types=["application/problem+json"]
                ),
            )
        return bodies


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "partners.authentication.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "`prefix.secret`"}
