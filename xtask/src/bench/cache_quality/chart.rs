//! Coverage over ERR, as SVG written by hand. The background is transparent and all text a middle grey, so that it can be
//! read on light and on dark pages.

use super::stream::Summary;

/// One run of a policy.
#[derive(Clone, Debug)]
pub(super) struct Point {
    series: &'static str,
    label: String,
    coverage: f64,
    error_rate: f64,
}

const COLOURS: [&str; 4] = ["#8a8f98", "#2f81f7", "#3fb950", "#d29922"];
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 60.0;
const TOP: f64 = 50.0;
const BASE: f64 = HEIGHT - 50.0;
const RIGHT: f64 = WIDTH - 30.0;

/// The axis of ERR is logarithmic between these.
const LEAST: f64 = 0.0003;
const MOST: f64 = 0.08;

// === impl Point ===

impl Point {
    pub(super) fn new(series: &'static str, label: String, summary: &Summary) -> Self {
        Self { series, label, coverage: summary.coverage, error_rate: summary.error_rate }
    }

    fn at(&self) -> (f64, f64) {
        (across(self.error_rate), BASE - self.coverage.clamp(0.0, 1.0) * (BASE - TOP))
    }
}

/// The whole picture.
pub(super) fn render(points: &[Point]) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"12\" fill=\"#7d8590\">\n"
    );
    svg += &axes();
    let mut series: Vec<&str> = points.iter().map(|point| point.series).collect();
    series.dedup();
    let mut x = LEFT;
    for (name, colour) in series.iter().zip(COLOURS.iter().cycle()) {
        svg += &format!("<circle cx=\"{x:.1}\" cy=\"20\" r=\"5\" fill=\"{colour}\"/>\n");
        svg += &format!("<text x=\"{:.1}\" y=\"24\">{name}</text>\n", x + 10.0);
        x += 40.0 + 7.0 * f64::from(u32::try_from(name.len()).unwrap_or_default());
        svg += &line(&points.iter().filter(|point| point.series == *name).collect::<Vec<_>>(), colour);
    }
    svg + "</svg>\n"
}

fn line(points: &[&Point], colour: &str) -> String {
    let mut points: Vec<&Point> = points.to_vec();
    points.sort_by(|a, b| a.error_rate.total_cmp(&b.error_rate));
    let places: Vec<String> = points.iter().map(|point| point.at()).map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    let mut svg =
        format!("<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>\n", places.join(" "));
    for point in points {
        let (x, y) = point.at();
        svg += &format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"{colour}\"/>\n");
        svg += &format!("<text x=\"{:.1}\" y=\"{:.1}\" font-size=\"11\">{}</text>\n", x + 7.0, y + 14.0, point.label);
    }
    svg
}

fn axes() -> String {
    let mut svg = String::new();
    for share in [0.0, 0.2, 0.4, 0.6, 0.8, 1.0] {
        let y = BASE - share * (BASE - TOP);
        svg += &format!("<path d=\"M{LEFT} {y:.1}H{RIGHT}\" stroke=\"#7d8590\" stroke-opacity=\"0.25\"/>\n");
        svg += &format!(
            "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{:.0}%</text>\n",
            LEFT - 8.0,
            y + 4.0,
            100.0 * share
        );
    }
    for rate in [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05] {
        let x = across(rate);
        svg += &format!("<path d=\"M{x:.1} {TOP}V{BASE}\" stroke=\"#7d8590\" stroke-opacity=\"0.25\"/>\n");
        svg += &format!("<text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{}%</text>\n", BASE + 18.0, 100.0 * rate);
    }
    svg += &format!("<text x=\"{LEFT}\" y=\"{}\" font-weight=\"600\">coverage: hits / requests</text>\n", TOP - 8.0);
    let middle = f64::midpoint(LEFT, RIGHT);
    svg + &format!(
        "<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\" font-weight=\"600\">ERR: wrong hits / requests</text>\n",
        BASE + 38.0
    )
}

fn across(rate: f64) -> f64 {
    let share = (rate.clamp(LEAST, MOST) / LEAST).ln() / (MOST / LEAST).ln();
    LEFT + share * (RIGHT - LEFT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_lie_within_the_axes() {
        let points = [(0.0, 0.0), (0.5, 0.01), (1.0, 0.9)].map(|(coverage, error_rate)| Point {
            series: "a",
            label: "1%".to_owned(),
            coverage,
            error_rate,
        });
        for (x, y) in points.iter().map(Point::at) {
            assert!((LEFT..=RIGHT).contains(&x) && (TOP..=BASE).contains(&y), "{x} {y}");
        }
        assert_eq!(render(&points).matches("<circle").count(), 4);
    }
}
