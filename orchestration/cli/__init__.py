"""The commands behind `make`, one file each; `app.py` registers them."""
