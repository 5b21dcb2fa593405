"""The open pages: where things are, and what an error code means."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from charges import declines as known
from payments_project import problems


def index(request: HttpRequest) -> JsonResponse:
    places = ("docs", "schema", "health", "health/ready", "docs/errors", "docs/declines", "admin/")
    links = {name.strip("/"): request.build_absolute_uri(f"/{name}") for name in places}
    return JsonResponse({"name": "Payments API", **links})


def errors(request: HttpRequest) -> HttpResponse:
    return render(request, "docs/errors.html", {"problems": problems.catalogue().values()})


def error(request: HttpRequest, code: str) -> HttpResponse:
    problem = problems.catalogue().get(code)
    if problem is None:
        raise Http404
    return render(request, "docs/errors.html", {"problems": [problem]})


def declines(request: HttpRequest) -> HttpResponse:
    """The table of failures, as the code has it."""
    codes = sorted(known.CODES.items())
    categories = [
        {
            "name": category.value,
            "meaning": known.MEANING[category],
            "codes": [(code, of.meaning) for code, of in codes if of.category is category],
        }
        for category in known.Category
    ]
    return render(request, "docs/declines.html", {"categories": categories})
