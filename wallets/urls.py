from django.urls import path, register_converter

from foundation.wire.converters import CustomerIdConverter
from wallets import api

register_converter(CustomerIdConverter, "customer")

urlpatterns = [
    path("wallets", api.Wallets.as_view()),
    path("wallets/<customer:customer_id>", api.WalletDetail.as_view()),
    path("wallets/<customer:customer_id>/ledger", api.WalletLedger.as_view()),
    path("wallets/<customer:customer_id>/credit", api.WalletCredit.as_view()),
    path("wallets/<customer:customer_id>/debit", api.WalletDebit.as_view()),
]
