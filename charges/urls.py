from django.urls import path

from charges.api import charges, payment_methods, refunds, stripe

urlpatterns = [
    path("charges", charges.Charges.as_view()),
    path("charges/<uuid:charge_id>", charges.ChargeDetail.as_view()),
    path("charges/<uuid:charge_id>/cancel", charges.ChargeCancel.as_view()),
    path("charges/<uuid:charge_id>/refunds", refunds.Refunds.as_view()),
    path("charges/<uuid:charge_id>/timeline", charges.ChargeTimeline.as_view()),
    path("payment-methods", payment_methods.PaymentMethods.as_view()),
    path("payment-methods/setup", payment_methods.PaymentMethodSetup.as_view()),
    path("payment-methods/<uuid:payment_method_id>", payment_methods.PaymentMethodDetail.as_view()),
    path("stripe/webhook", stripe.StripeWebhook.as_view()),
]
