//! A chart of a run: one panel of grouped bars per headline number, as SVG written by hand.
//!
//! The background is transparent and all text a middle grey, so that it can be read on light and on dark pages.

use super::super::results::{Outcome, Results, Row};
use super::workload::to_megabytes;

/// A number that a workload is run for.
struct Metric {
    workload: &'static str,
    title: &'static str,
    value: fn(&Row) -> Option<f64>,
}

const METRICS: [Metric; 9] = [
    Metric { workload: "chat", title: "chat: requests per second", value: |row| row.summary.per_second },
    Metric { workload: "chat", title: "chat: CPU per request, µs", value: |row| row.summary.cpu_per_request },
    Metric { workload: "latency", title: "latency: added median, µs", value: |row| row.summary.added_p50 },
    Metric { workload: "stream", title: "stream: CPU per event, µs", value: |row| row.summary.cpu_per_event },
    Metric { workload: "sweep", title: "sweep: requests per second", value: |row| row.summary.per_second },
    Metric { workload: "body", title: "body: CPU per request, × floor", value: |row| row.summary.floor_ratio },
    Metric { workload: "rate", title: "rate: added p99, µs", value: |row| row.summary.added_p99 },
    Metric { workload: "rate", title: "rate: memory, MB", value: |row| row.rss_max.map(to_megabytes) },
    Metric { workload: "streams", title: "streams: memory, MB", value: |row| row.rss_max.map(to_megabytes) },
];

/// One set of axes.
struct Panel {
    title: &'static str,
    groups: Vec<String>,
    series: Vec<Series>,
}

/// The values of one target, one per group.
struct Series {
    target: String,
    colour: &'static str,
    values: Vec<Option<f64>>,
}

const COLOURS: [&str; 7] = ["#8a8f98", "#d29922", "#2f81f7", "#3fb950", "#db61a2", "#a371f7", "#f0883e"];
const WIDTH: f64 = 440.0;
const HEIGHT: f64 = 230.0;
/// Inside a panel: room for the title above and the labels below.
const TOP: f64 = 46.0;
const BASE: f64 = HEIGHT - 34.0;
const LEGEND: f64 = 36.0;

/// The whole picture.
pub(super) fn render(results: &Results) -> String {
    draw(&results.workloads.iter().flat_map(panels).collect::<Vec<_>>())
}

fn panels(outcome: &Outcome) -> impl Iterator<Item = Panel> {
    METRICS.iter().filter(|metric| metric.workload == outcome.workload).map(|metric| {
        let mut panel = Panel { title: metric.title, groups: Vec::new(), series: Vec::new() };
        for row in &outcome.rows {
            if panel.groups.last() != Some(&row.step) {
                panel.groups.push(row.step.clone());
            }
            let value = (metric.value)(row);
            if let Some(series) = panel.series.iter_mut().find(|series| series.target == row.target) {
                series.values.push(value);
            } else {
                let colour = COLOURS[panel.series.len() % COLOURS.len()];
                panel.series.push(Series { target: row.target.clone(), colour, values: vec![value] });
            }
        }
        panel
    })
}

fn draw(panels: &[Panel]) -> String {
    let rows = u32::try_from(panels.len().div_ceil(2)).unwrap_or(u32::MAX);
    let (width, height) = (2.0 * WIDTH, LEGEND + f64::from(rows) * HEIGHT);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" font-family=\"system-ui, sans-serif\" font-size=\"12\" fill=\"#7d8590\">\n"
    );
    if let Some(panel) = panels.first() {
        svg += &legend(&panel.series);
    }
    for (index, panel) in (0_u32..).zip(panels) {
        let (x, y) = (f64::from(index % 2) * WIDTH, LEGEND + f64::from(index / 2) * HEIGHT);
        svg += &format!("<g transform=\"translate({x} {y})\">\n{}</g>\n", panel.draw());
    }
    svg + "</svg>\n"
}

fn legend(all: &[Series]) -> String {
    let mut x = 20.0;
    let mut svg = String::new();
    for Series { target, colour, .. } in all {
        svg += &format!("<rect x=\"{x}\" y=\"12\" width=\"12\" height=\"12\" rx=\"2\" fill=\"{colour}\"/>\n");
        svg += &format!("<text x=\"{}\" y=\"22\">{}</text>\n", x + 18.0, escape(target));
        x += 40.0 + 7.5 * index(target.chars().count());
    }
    svg
}

impl Panel {
    fn draw(&self) -> String {
        let mut svg =
            format!("<text x=\"20\" y=\"20\" font-size=\"14\" font-weight=\"600\">{}</text>\n", escape(self.title));
        // A target without this number, such as `direct` without a process of its own, gets no empty place.
        let shown: Vec<&Series> =
            self.series.iter().filter(|series| series.values.iter().any(Option::is_some)).collect();
        let values = shown.iter().flat_map(|series| series.values.iter().flatten());
        let most = values.copied().fold(0.0, f64::max).max(f64::MIN_POSITIVE);
        let slot = (WIDTH - 40.0) / count(self.groups.len());
        let bar = (slot * 0.8 / count(shown.len())).min(60.0);
        let inset = (slot - bar * count(shown.len())) / 2.0;
        for (group, label) in self.groups.iter().enumerate() {
            let left = 20.0 + slot * index(group);
            svg += &text(left + slot / 2.0, BASE + 16.0, 11, &escape(label));
            for (place, series) in shown.iter().enumerate() {
                let Some(value) = series.values.get(group).copied().flatten() else { continue };
                let x = left + inset + bar * index(place);
                svg += &draw_bar(x, bar, value, value / most, series.colour);
            }
        }
        let end = WIDTH - 20.0;
        svg + &format!("<path d=\"M20 {BASE}H{end}\" stroke=\"#7d8590\" stroke-opacity=\"0.5\"/>\n")
    }
}

/// A bar with its value above. A negative one, from noise, shows as its number alone.
fn draw_bar(x: f64, width: f64, value: f64, share: f64, colour: &str) -> String {
    let height = (share * (BASE - TOP)).max(0.0);
    let y = BASE - height;
    let inner = (width - 1.0).max(1.0);
    let mut svg =
        format!("<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{inner:.1}\" height=\"{height:.1}\" fill=\"{colour}\"/>\n");
    // Numbers on narrow bars would run into each other.
    if width >= 24.0 {
        svg += &text(x + width / 2.0, y - 4.0, 11, &short(value));
    }
    svg
}

fn text(x: f64, y: f64, size: u32, content: &str) -> String {
    format!("<text x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"{size}\" text-anchor=\"middle\">{content}</text>\n")
}

/// About three digits.
fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 10_000.0 => format!("{:.1}k", value / 1000.0),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn count(of: usize) -> f64 {
    index(of).max(1.0)
}

fn index(of: usize) -> f64 {
    f64::from(u32::try_from(of).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<Panel> {
        let panel = |groups: &[&str], values: Vec<Option<f64>>| Panel {
            title: "chat: a < b & c",
            groups: groups.iter().map(|&group| group.to_owned()).collect(),
            series: ["direct", "<x>&\""]
                .map(|target| Series { target: target.to_owned(), colour: "#000", values: values.clone() })
                .into(),
        };
        vec![panel(&[""], vec![Some(12_345.0)]), panel(&["c=1", "c=2"], vec![None, Some(-3.0)]), panel(&[], vec![])]
    }

    /// Tags are closed in order and no text has a bare angle bracket or ampersand.
    fn check_well_formed(svg: &str) {
        let mut open = Vec::new();
        let mut rest = svg;
        while let Some((text, after)) = rest.split_once('<') {
            assert!(!text.contains('>'), "{text}");
            assert_eq!(text.matches('&').count(), text.matches(';').count(), "{text}");
            let (tag, after) = after.split_once('>').unwrap();
            assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
            if let Some(name) = tag.strip_prefix('/') {
                assert_eq!(open.pop(), Some(name));
            } else if !tag.ends_with('/') {
                open.push(tag.split(' ').next().unwrap());
            }
            rest = after;
        }
        assert!(open.is_empty() && rest.trim().is_empty());
    }

    #[test]
    fn the_picture_is_well_formed() {
        check_well_formed(&draw(&sample()));
        check_well_formed(&draw(&[]));
        assert!(!draw(&sample()).contains("NaN"));
    }

    #[test]
    fn values_are_short() {
        assert_eq!(["12.3k", "1234", "12.3", "0.12"], [12_345.0, 1234.0, 12.34, 0.123].map(short).map(String::leak));
    }
}
