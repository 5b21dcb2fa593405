from django.urls import path

from charges import api

urlpatterns = [
    path("charges", api.Charges.as_view()),
    path("charges/<uuid:charge_id>", api.ChargeDetail.as_view()),
    path("payment-methods", api.PaymentMethods.as_view()),
    path("payment-methods/<uuid:payment_method_id>", api.PaymentMethodDetail.as_view()),
]
