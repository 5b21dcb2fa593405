from __future__ import annotations


def test_a_credit_is_in_the_wallet_and_the_ledger(api):
    api.post("/wallets", {"customer_id": "ada"})

    answer = api.post("/wallets/ada/credit", {"amount": "100.00"})

    assert answer.status_code == 201, answer.json()
    assert api.get("/wallets/ada").json()["balance"] == "100.00"


def test_a_wallet_charge(api, sandbox):
    api.post("/wallets", {"customer_id": "ada"})
    api.post("/wallets", {"customer_id": "bob"})
    api.post("/wallets/ada/credit", {"amount": "100.00"})
    answer = api.post(
        "/charges",
        {
            "customer_id": "ada",
            "amount": "10.00",
            "split_instructions": [{"recipient": "bob", "percentage": "10"}],
        },
    )
    assert answer.status_code == 201, answer.json()
    assert answer.json()["status"] == "succeeded", answer.json()
    answer = api.post(
        "/charges", {"customer_id": "ada", "amount": "100.00", "payment_method": "pm_card_visa"}
    )
    assert answer.json()["status"] == "succeeded", answer.json()
    answer = api.post(
        "/charges",
        {"customer_id": "ada", "amount": "100.00", "payment_method": "pm_card_chargeDeclined"},
    )
    assert answer.json()["status"] == "failed", answer.json()
    print(answer.json())
    answer = api.post(
        "/installments/orders",
        {
            "customer_id": "ada",
            "amount": "100.00",
            "installment_count": 3,
            "split_instructions": [{"recipient": "bob", "percentage": "10"}],
        },
    )
    assert answer.status_code == 201, answer.json()
    print(answer.json())
