"""The line chart, checked by its geometry."""

from xml.etree import ElementTree as ET

from tallystick.reports.charts import WIDTH, Line, lines


def drawn(*series: Line) -> ET.Element:
    xs = [str(place) for place in range(len(series[0].values))]
    return ET.fromstring(lines(series, title="<t>", across="week", xs=xs, say=lambda value: f"{value} $"))


def test_lines__values__lie_between_zero_and_the_top_of_the_axis():
    """The axis reaches to 100: 0 is at the bottom (158), 50 in the middle, 100 at the top (18)."""
    svg = drawn(Line("a", [0, 50, 100], "net"))
    (line,) = svg.iter("polyline")
    assert line.get("class") == "line net"
    points = [tuple(map(float, point.split(","))) for point in line.get("points").split()]
    assert points == [(64, 158), (246, 88), (428, 18)]
    assert max(x for x, _ in points) < WIDTH


def test_lines__dots__say_their_values():
    svg = drawn(Line("a", [10, 20], "net"), Line("<b>", [20, 10], "bad", dots=True))
    assert [dot.get("class") for dot in svg.iter("circle")] == ["bad", "bad"]
    assert [dot[0].text for dot in svg.iter("circle")] == ["<b>, week 0: 20 $", "<b>, week 1: 10 $"]


def test_lines__one_point_and_zeros__are_a_chart_all_the_same():
    assert len(list(drawn(Line("a", [0], "net")).iter("polyline"))) == 1
