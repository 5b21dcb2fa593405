PYTHON ?= python3

.PHONY: help run stop test lint fmt bench soak mutants lock migrations

help:  ## this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile | expand -t 20

run:  ## bring up everything: database, broker, Stripe sandbox, API, worker, scheduler, listener
	@$(PYTHON) -m devstack run

stop:  ## stop what `make run` brought up in another terminal
	@$(PYTHON) -m devstack stop

test:  ## run the tests on servers of their own; ARGS="-k refund" goes to pytest
	@$(PYTHON) -m devstack test $(ARGS)

lint:  ## every static check
	@$(PYTHON) -m devstack lint

fmt:  ## format the code and fix what ruff can fix
	@$(PYTHON) -m devstack fmt

bench:  ## measure; ARGS goes to the benchmark
	@$(PYTHON) -m devstack bench $(ARGS)

soak:  ## everything at once for a minute, then all books agree; ARGS="--seed 7 --seconds 600"
	@$(PYTHON) -m devstack soak $(ARGS)

mutants:  ## break the code on purpose, in a copy: a test turns red each time; ARGS="--only NAME"
	@$(PYTHON) -m devstack mutants $(ARGS)

lock:  ## pin every dependency of pyproject.toml, with hashes
	@$(PYTHON) -m devstack lock

migrations:  ## write the migrations that the models need
	@$(PYTHON) -m devstack migrations $(ARGS)
