"""Random input for everything that reads what a model, a provider or a tool has sent. `python -m tests.fuzz --help`.

`seeds` are recorded and typical inputs, `mutate` changes them, `targets` feed them in and judge what comes back.
Neither targets nor mutations know how the code works; a seed number always gives the same inputs.
"""
