"""Fitting the tagger of names on sentences that are written here, and measuring it on templates that it never saw."""
