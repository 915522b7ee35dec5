"""How Sphinx builds the documentation: ``sphinx-build --fail-on-warning --keep-going -q -b html docs site``."""

import tomllib
from pathlib import Path

with (Path(__file__).parent.parent / "pyproject.toml").open("rb") as file:
    _project = tomllib.load(file)["project"]

project = _project["name"]
author = _project["authors"][0]["name"]
copyright = f"2026, {author}"  # noqa: A001 - Sphinx's own name
version = release = _project["version"]

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinxcontrib.mermaid"]
exclude_patterns = ["generated", "requirements.txt"]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_fence_as_directive = ["mermaid"]
myst_heading_anchors = 3

# Docstrings say `name` for code, as Markdown does.
default_role = "code"
autodoc_default_options = {"members": True, "inherited-members": True, "show-inheritance": False}
autodoc_typehints = "signature"
autodoc_class_signature = "mixed"
autoclass_content = "both"
autodoc_member_order = "groupwise"
autodoc_mock_imports = ["baresip", "sipmessage", "soxr", "numpy", "httpx", "espeakng_loader", "hypothesis"]
python_maximum_signature_line_length = 90
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_include_init_with_doc = False

html_theme = "furo"
html_title = f"anyrelay {release}"
html_static_path: list[str] = []
html_theme_options = {"source_directory": "docs/"}
