from django.urls import path

from webhooks import api

urlpatterns = [
    path("webhooks", api.Deliveries.as_view()),
    path("webhooks/endpoints", api.Endpoints.as_view()),
    path("webhooks/endpoints/<uuid:endpoint_id>", api.EndpointDetail.as_view()),
    path("webhooks/endpoints/<uuid:endpoint_id>/rotate-secret", api.EndpointRotate.as_view()),
    path("webhooks/endpoints/<uuid:endpoint_id>/test", api.EndpointTest.as_view()),
    path("webhooks/endpoints/<uuid:endpoint_id>/replay", api.EndpointReplay.as_view()),
    path("webhooks/<uuid:delivery_id>/replay", api.DeliveryReplay.as_view()),
    path("events", api.Events.as_view()),
    path("events/<uuid:event_id>", api.EventDetail.as_view()),
    path("webhooks/<uuid:delivery_id>", api.DeliveryDetail.as_view()),
]
