"""The page of demo/web_demo.py: what it does with pictures, and what keeps it safe.

Everything but :mod:`c2fseg.web.page` works without gradio.
"""
