"""Make calibration.csv from the raw orders of the CDNOW sample.

Usage: python make_calibration.py CDNOW_sample.txt

The raw file holds one line an order: customer, number within the sample, day (YYYYMMDD), discs, dollars. The calibration period of the published
studies ends with 30 September 1997 (39 weeks); several orders of a day are one purchase. Days are whole: recency_days from the first to the last
purchase, age_days from the first purchase to 30 September. Needs the standard library only.
"""

import csv
import sys
from datetime import date, datetime
from pathlib import Path

END = date(1997, 9, 30)


def purchase_days(lines):
    """Return the purchase days of each customer up to the end of calibration."""
    days = {}
    for line in lines:
        _, customer, day, _, _ = line.split()
        bought = datetime.strptime(day, "%Y%m%d").date()
        if bought <= END:
            days.setdefault(int(customer), set()).add(bought)
    return days


def main(source):
    """Write one row a customer."""
    days = purchase_days(Path(source).read_text().splitlines())
    with Path("calibration.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["customer", "frequency", "recency_days", "age_days"])
        for customer, bought in sorted(days.items()):
            first, last = min(bought), max(bought)
            writer.writerow([customer, len(bought) - 1, (last - first).days, (END - first).days])


if __name__ == "__main__":
    main(sys.argv[1])
