"""Closer looks, one by topic: can a rule have a finding in a file whose bytes say a word of its topic?"""
