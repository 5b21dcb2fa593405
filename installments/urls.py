from django.urls import path

from installments import api

urlpatterns = [
    path("installments/orders", api.Orders.as_view()),
    path("installments/orders/preview", api.OrderPreview.as_view()),
    path("installments/orders/<uuid:order_id>", api.OrderDetail.as_view()),
    path("installments/orders/<uuid:order_id>/installments", api.OrderInstallments.as_view()),
    path("installments/orders/<uuid:order_id>/activate", api.OrderActivate.as_view()),
    path("installments/orders/<uuid:order_id>/cancel", api.OrderCancel.as_view()),
    path("installments/due-installments", api.DueInstallments.as_view()),
    path(
        "installments/installments/<uuid:installment_id>/process", api.InstallmentProcess.as_view()
    ),
]
