"""Make orders.csv.gz from the raw orders of the CDNOW sample.

Usage: python make_orders.py CDNOW_sample.txt

The raw file (in the package lifetimes 0.11.3, folder datasets; first published by Fader and Hardie) holds one line an order: customer, number within
the sample, day (YYYYMMDD), discs, dollars. Kept are the number as account_id, the day and the dollars. Needs the standard library only.
"""

import csv
import gzip
import io
import sys
from pathlib import Path


def main(source):
    """Write one row an order."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["account_id", "ordered_on", "amount"])
    for line in Path(source).read_text().splitlines():
        _, account, day, _, dollars = line.split()
        writer.writerow([account, f"{day[:4]}-{day[4:6]}-{day[6:]}", dollars])
    Path("orders.csv.gz").write_bytes(gzip.compress(text.getvalue().encode(), mtime=0))


if __name__ == "__main__":
    main(sys.argv[1])
