from .bigru import BiGRUTagger as _Tagger


def build(vocab: int, n_tags: int, **kwargs) -> _Tagger:
    return _Tagger(vocab, n_tags, **kwargs)
