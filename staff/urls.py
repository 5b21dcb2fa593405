from django.contrib import admin
from django.urls import path

from staff import two_factor, views

urlpatterns = [
    path("act/<str:name>/<uuid:pk>", admin.site.admin_view(views.act), name="staff-act"),
    path("two-factor", admin.site.admin_view(two_factor.two_factor), name="staff-two-factor"),
]
