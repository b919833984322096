import json
import logging
import sys

import pytest

from ensir.ui.logs import OneLine, log_to_stderr

HOSTILE = 'a"b\n\x1b[31m\u202egnp.exe\u2028'


def formatted(message: str, **options: object) -> str:
    record = logging.LogRecord("ensir.ui", logging.ERROR, __file__, 1, message, None, None)
    vars(record).update(options)
    return OneLine().format(record)


def test_whatever_a_visitor_sent_is_one_line_of_ascii() -> None:
    line = formatted(HOSTILE, fields={"name": HOSTILE})
    assert line.isascii() and line.isprintable()
    said = json.loads(line)
    assert said["event"] == said["name"] == HOSTILE
    assert (said["level"], said["log"]) == ("error", "ensir.ui")


def test_an_error_is_its_kind_and_its_place_but_not_its_words() -> None:
    try:
        raise OSError(2, "No such file", "/home/ann/secret.png")
    except OSError:
        said = json.loads(formatted("error 7f3a", exc_info=sys.exc_info()))
    assert said["error"] == "FileNotFoundError" and "secret" not in json.dumps(said)
    assert said["at"][0].endswith("test_an_error_is_its_kind_and_its_place_but_not_its_words")


def test_the_app_logs_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    ours = logging.getLogger("ensir")
    before = (ours.handlers[:], ours.level, ours.propagate)
    try:
        log_to_stderr()
        logging.getLogger("ensir.requests").info("request", extra={"fields": {"status": 200}})
    finally:
        ours.handlers[:], ours.level, ours.propagate = before
    assert json.loads(capsys.readouterr().err)["status"] == 200
