from __future__ import annotations

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from charges import services


class StripeWebhook(APIView):
    """Stripe's callback: no key of ours opens it, only Stripe's signature over the very bytes."""

    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()

    @extend_schema(exclude=True)
    def post(self, request: Request) -> Response:
        services.receive_event(
            payload=request._request.body,
            signature=request.headers.get("Stripe-Signature", ""),
            now=timezone.now(),
        )
        return Response({"received": True})
