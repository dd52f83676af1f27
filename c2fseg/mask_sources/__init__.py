"""Mask sources: where visible masks come from when the user has none.

A mask source is a component of :data:`c2fseg.registry.MASK_SOURCES`. No source is built in yet:
give visible masks to :class:`c2fseg.apis.AmodalInferencer`, or register a source of your own as
``docs/extend.md`` shows.
"""
