from django.contrib import admin
from django.urls import include, path, re_path
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.views import SpectacularSwaggerView

from payments_project import pages, problems
from payments_project.schema import SchemaView

urlpatterns = [
    path("", pages.index),
    path("docs", SpectacularSwaggerView.as_view(url_name="schema")),
    path("docs/declines", pages.declines),
    path("docs/errors", pages.errors),
    path("docs/errors/<str:code>", pages.error),
    path("schema", SchemaView.as_view(), name="schema"),
    path("admin/", include("staff.urls")),
    path("admin/", admin.site.urls),
    path("", include("wallets.urls")),
    path("", include("charges.urls")),
    path("", include("installments.urls")),
    path("", include("webhooks.urls")),
    # Under DEBUG too, where Django would explain itself in HTML.
    re_path(r"^(?!admin/|static/)", csrf_exempt(problems.not_found)),
]

handler400 = "payments_project.problems.bad_request"
handler404 = "payments_project.problems.not_found"
handler500 = "payments_project.problems.server_error"
