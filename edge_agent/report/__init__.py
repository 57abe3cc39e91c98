"""What the journal and the ledger tell when all of it is looked at together; drawn with the `plot` extra.

`digest`, `savings`, `frontier`, `forecasts` and `spending` are numbers, made of ids, labels, times and amounts: the
user's words are in neither store. `plots` draws them, and `page` puts them on one page.
"""
