import pytest

from runsemble.errors import UsageError
from runsemble.model.units import parse_duration, parse_mem_mib


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("90", 90),
        ("1.5", 1.5),
        (" 90 ", 90),
        ("90s", 90),
        ("90 s", 90),
        ("500ms", 0.5),
        ("2m", 120),
        ("2min", 120),
        ("1h", 3600),
        ("1.5h", 5400),
        ("2d", 172800),
        ("1h30m", 5400),
        ("1h 30m 5s", 5405),
        ("1H30M", 5400),
        ("1d1h1m1s1ms", 90061.001),
        ("1m1ms", 60.001),
        ("05:30", 330),
        ("5:3", 303),
        ("90:00", 5400),
        ("01:30:00", 5400),
        ("1:30:00.5", 5400.5),
        ("100:00:00", 360000),
        ("2-00:00:00", 172800),
        ("2-12:30", 217800),
        ("0-00:00:01", 1),
    ],
)
def test_a_duration_is_read_as_it_is_written(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds, rel=1e-12)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "s",
        "-5",
        "-5s",
        "+5",
        "1e3",
        "nan",
        "inf",
        "1,5h",
        ".5h",
        "1.h",
        "1hour",
        "1w",
        "1m30",
        "30 1h",
        "1h-30m",
        "1:60",
        "1:60:00",
        "1:00:60",
        "1:2:3:4",
        ":30",
        "30:",
        "1-",
        "-1:00",
        "1:30s",
        "0x10",
        "1_000",
    ],
)
def test_what_is_no_duration_is_refused_with_the_forms_there_are(text: str) -> None:
    with pytest.raises(UsageError, match="is no duration; write 90, 90s, 1h30m or 01:30:00"):
        parse_duration(text)


@pytest.mark.parametrize("form", ["{}", "{}d", "{}:00", "{}:00:00", "{}-00:00:00", "{}-00:00"])
@pytest.mark.parametrize("digits", [400, 5000])
def test_a_duration_beyond_all_numbers_is_refused(form: str, digits: int) -> None:
    text = form.format("9" * digits)
    with pytest.raises(UsageError, match="duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "mib"),
    [
        ("0", 0),
        ("512", 512),
        ("512M", 512),
        ("512m", 512),
        ("512MB", 512),
        ("512MiB", 512),
        (" 512 M ", 512),
        ("4G", 4096),
        ("4gb", 4096),
        ("1.5GiB", 1536),
        ("0.5g", 512),
        ("1T", 1048576),
        ("1024K", 1),
        ("1025K", 2),
        ("1k", 1),
        ("0.1M", 1),
        ("0.1G", 103),
        ("1048576B", 1),
        ("1048577b", 2),
        ("1B", 1),
    ],
)
def test_a_size_is_read_as_it_is_written_and_rounded_up(text: str, mib: int) -> None:
    size = parse_mem_mib(text)
    assert size == mib
    assert type(size) is int


@pytest.mark.parametrize(
    "text",
    ["", " ", "M", "-1", "-1G", "+1", "1e3", "nan", "inf", "1,5G", ".5G", "1.G", "1P", "1GG", "1Gi", "1 G B", "x"],
)
def test_what_is_no_size_is_refused_with_the_forms_there_are(text: str) -> None:
    with pytest.raises(UsageError, match="is no size; write 512M or 4G"):
        parse_mem_mib(text)


@pytest.mark.parametrize("unit", ["", "K", "T", "B"])
@pytest.mark.parametrize("digits", [400, 5000])
def test_a_size_beyond_all_numbers_is_refused(unit: str, digits: int) -> None:
    with pytest.raises(UsageError, match="size"):
        parse_mem_mib("9" * digits + unit)
