"""From the bytes of records to the columns of an event batch; `table.py` lists the decoders."""
