"""Executes a notebook in its folder, prints what its cells print, and counts its plots.

Usage: run_notebook.py NOTEBOOK
"""

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

path = Path(sys.argv[1])
notebook = nbformat.read(path, as_version=4)
assert not any(cell.get("outputs") for cell in notebook.cells), "the notebook is kept without outputs"
NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(path.parent)}}).execute()
outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
print("".join(output.text for output in outputs if output.output_type == "stream"))
print(f"plots: {sum('image/png' in output.get('data', {}) for output in outputs)}")
