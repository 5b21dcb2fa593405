from django.urls import path

from wallets import api

urlpatterns = [
    path("wallets", api.Wallets.as_view()),
    path("wallets/<str:customer_id>", api.WalletDetail.as_view()),
    path("wallets/<str:customer_id>/ledger", api.WalletLedger.as_view()),
    path("wallets/<str:customer_id>/credit", api.WalletCredit.as_view()),
    path("wallets/<str:customer_id>/debit", api.WalletDebit.as_view()),
]
