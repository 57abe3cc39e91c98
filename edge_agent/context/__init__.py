"""Personal context: what the device knows about its user, in one SQLite file.

`store` keeps records and `recall` finds the few that matter for a question; `importers` brings them in, `exchange`
writes them out and reads them back, and `wording` puts one into a sentence for a prompt.
"""
