from django.urls import path

from installments import api

ORDER = "installments/orders/<uuid:order_id>"
PART = "installments/installments/<uuid:installment_id>"

urlpatterns = [
    path("installments/orders", api.Orders.as_view()),
    path("installments/orders/preview", api.OrderPreview.as_view()),
    path(ORDER, api.OrderDetail.as_view()),
    path(f"{ORDER}/installments", api.OrderInstallments.as_view()),
    path(f"{ORDER}/revisions", api.OrderRevisions.as_view()),
    path(f"{ORDER}/activate", api.OrderActivate.as_view()),
    path(f"{ORDER}/pause", api.OrderPause.as_view()),
    path(f"{ORDER}/resume", api.OrderResume.as_view()),
    path(f"{ORDER}/cancel", api.OrderCancel.as_view()),
    path(f"{ORDER}/pay-off", api.OrderPayOff.as_view()),
    path(f"{ORDER}/reinstate", api.OrderReinstate.as_view()),
    path(f"{ORDER}/write-off", api.OrderWriteOff.as_view()),
    path("installments/due-installments", api.DueInstallments.as_view()),
    path(PART, api.InstallmentDetail.as_view()),
    path(f"{PART}/process", api.InstallmentProcess.as_view()),
    path(f"{PART}/reopen", api.InstallmentReopen.as_view()),
]
