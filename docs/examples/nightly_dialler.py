"""Remind people of their appointments: ten calls at a time, in threads.

Run: python nightly_dialler.py appointments.csv > answers.csv

The file has lines such as "+15551230001,Tuesday at 9". The program asks each
person to press 1 to confirm or 2 to cancel, and writes one line for each.
"""

import csv
import sys
from concurrent.futures import ThreadPoolExecutor

from anyrelay.sync import CallGone, DialFailed, PhoneDevice, RelayClient

OWN_NUMBER = "+15551230000"
ANSWERS = {"1": "confirmed", "2": "cancelled"}


def remind(client: RelayClient, number: str, when: str) -> str:
    """Call one person, and return what the person wants."""
    device = PhoneDevice(to_number=number, from_number=OWN_NUMBER, timeout=30)
    try:
        call = client.dial([[device]], dial_timeout=45)
    except DialFailed as error:
        return f"not reached: {error.message}"
    text = f"Your appointment is on {when}. Press 1 to confirm, 2 to cancel."
    media, collect = [{"type": "tts", "text": text}], {"digits": {"max": 1}}
    key = ""
    try:
        key = call.play_and_collect(media, collect).wait(timeout=60).digits
        call.play_tts("Thank you. Goodbye.").wait(timeout=60)
    except CallGone:
        pass
    finally:
        call.hangup()
    return ANSWERS.get(key, "no answer")


def main(path: str) -> None:
    answers = csv.writer(sys.stdout)
    with (
        open(path, newline="", encoding="utf-8") as file,
        RelayClient() as client,
        ThreadPoolExecutor(max_workers=10) as threads,
    ):
        people = list(csv.reader(file))
        numbers, times = zip(*people, strict=True)
        clients = [client] * len(people)
        found = threads.map(remind, clients, numbers, times)
        for number, answer in zip(numbers, found, strict=True):
            answers.writerow([number, answer])


if __name__ == "__main__":
    main(sys.argv[1])
