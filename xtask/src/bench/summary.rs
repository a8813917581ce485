//! From rounds to one row: medians, and differences and ratios taken within a round.
//!
//! A round measures all targets within seconds of each other, so what the machine does to one it mostly does to all.
//! The difference to `direct` and the ratio to `floor` are therefore taken round by round and only then reduced to a
//! median; the difference of two medians would throw that pairing away.

use serde::Serialize;

use super::load::Quantiles;
use super::results::{Round, Row};

/// Medians over the rounds. Times are in microseconds.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Summary {
    pub(super) per_second: Option<f64>,
    pub(super) events_per_second: Option<f64>,
    pub(super) p50: Option<f64>,
    pub(super) p95: Option<f64>,
    pub(super) p99: Option<f64>,
    /// Over `direct`, in the same round; the spread is half the distance between the quartiles of the rounds.
    pub(super) added_p50: Option<f64>,
    pub(super) added_p50_spread: Option<f64>,
    pub(super) added_p95: Option<f64>,
    pub(super) added_p99: Option<f64>,
    pub(super) first_token_p50: Option<f64>,
    pub(super) gap_p99: Option<f64>,
    pub(super) cpu_per_request: Option<f64>,
    pub(super) cpu_per_event: Option<f64>,
    /// Processor time per unit of work over that of `floor` in the same round; the unit is an event if there are any.
    pub(super) floor_ratio: Option<f64>,
    pub(super) floor_ratio_spread: Option<f64>,
    pub(super) errors: u64,
}

/// Fills in the summaries of the rows of one step.
pub(super) fn summarise(rows: &mut [Row]) {
    let rounds_of = |rows: &[Row], name: &str| rows.iter().find(|row| row.target == name).map(|row| row.rounds.clone());
    let direct = rounds_of(rows, "direct");
    let floor = rounds_of(rows, "floor");
    for row in rows {
        let mut summary = alone(&row.rounds);
        if let Some(direct) = direct.as_ref().filter(|_| row.target != "direct") {
            let added = |at: fn(&Quantiles) -> f64| {
                paired(&row.rounds, direct, |this, base| Some(at(&this.latency?) - at(&base.latency?)))
            };
            let p50 = added(|latency| latency.p50);
            summary.added_p50_spread = spread(p50.clone());
            summary.added_p50 = median(p50);
            summary.added_p95 = median(added(|latency| latency.p95));
            summary.added_p99 = median(added(|latency| latency.p99));
        }
        if let Some(floor) = floor.as_ref() {
            let ratio = paired(&row.rounds, floor, |this, base| Some(this.cpu_per_unit()? / base.cpu_per_unit()?));
            summary.floor_ratio_spread = spread(ratio.clone()).filter(|_| row.target != "floor");
            summary.floor_ratio = median(ratio);
        }
        row.summary = summary;
    }
}

fn alone(rounds: &[Round]) -> Summary {
    let over = |value: fn(&Round) -> Option<f64>| median(rounds.iter().filter_map(value).collect());
    Summary {
        per_second: over(|round| per(round.requests, round.seconds)),
        events_per_second: over(|round| per(round.events, round.seconds)),
        p50: over(|round| Some(round.latency?.p50)),
        p95: over(|round| Some(round.latency?.p95)),
        p99: over(|round| Some(round.latency?.p99)),
        first_token_p50: over(|round| Some(round.first_token?.p50)),
        gap_p99: over(|round| Some(round.gap?.p99)),
        cpu_per_request: over(|round| Some(1.0 / per(round.requests, round.cpu?)?)),
        cpu_per_event: over(|round| Some(1.0 / per(round.events, round.cpu?)?)),
        errors: rounds.iter().flat_map(|round| round.errors.values()).sum(),
        ..Summary::default()
    }
}

impl Round {
    fn cpu_per_unit(&self) -> Option<f64> {
        let units = if self.events > 0 { self.events } else { self.requests };
        Some(1.0 / per(units, self.cpu?)?)
    }
}

/// `count / total`, or nothing where either is zero and the quotient would mean nothing.
fn per(count: u64, total: f64) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
    let count = count as f64;
    (count > 0.0 && total > 0.0).then(|| count / total)
}

/// A comparison between the same rounds of two targets.
fn paired(these: &[Round], bases: &[Round], compare: impl Fn(&Round, &Round) -> Option<f64>) -> Vec<f64> {
    these.iter().zip(bases).filter_map(|(this, base)| compare(this, base)).collect()
}

/// The middle value, or the mean of the middle two.
pub(super) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    let lower = values[(values.len() - 1) / 2];
    Some(f64::midpoint(lower, upper))
}

/// Half the distance between the quartiles, which one bad round cannot blow up. Fewer than four rounds have none.
pub(super) fn spread(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let quarter = values.len() / 4;
    (quarter > 0).then(|| (values[values.len() - 1 - quarter] - values[quarter]) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(target: &str, rounds: &[(f64, f64)]) -> Row {
        let round = |&(p50, cpu): &(f64, f64)| Round {
            seconds: 2.0,
            requests: 100,
            latency: Some(Quantiles { p50, p95: p50, p99: p50, ..Quantiles::default() }),
            cpu: Some(cpu),
            ..Round::default()
        };
        Row {
            step: String::new(),
            target: target.to_owned(),
            rss_idle: None,
            rss_max: None,
            summary: Summary::default(),
            rounds: rounds.iter().map(round).collect(),
            first_error: None,
        }
    }

    #[test]
    fn medians() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }

    #[test]
    fn spreads_ignore_one_bad_round() {
        assert_eq!(spread(vec![1.0, 2.0, 3.0]), None);
        assert_eq!(spread(vec![1.0, 2.0, 4.0, 900.0]), Some(1.0));
    }

    #[test]
    fn differences_are_taken_within_a_round() {
        // The machine slowed down for the whole of the second round; the pairs do not notice.
        let mut rows = [
            row("direct", &[(100.0, 0.0), (900.0, 0.0), (110.0, 0.0)]),
            row("floor", &[(150.0, 1000.0), (950.0, 9000.0), (160.0, 1000.0)]),
            row("x", &[(200.0, 1500.0), (1000.0, 13500.0), (210.0, 1500.0)]),
        ];
        summarise(&mut rows);
        assert_eq!(rows[0].summary.added_p50, None);
        assert_eq!(rows[0].summary.floor_ratio, None);
        assert_eq!((rows[1].summary.added_p50, rows[1].summary.floor_ratio), (Some(50.0), Some(1.0)));
        assert_eq!((rows[2].summary.added_p50, rows[2].summary.floor_ratio), (Some(100.0), Some(1.5)));
        assert_eq!(rows[2].summary.per_second, Some(50.0));
        assert_eq!(rows[2].summary.cpu_per_request, Some(15.0));
    }

    #[test]
    fn events_are_the_unit_where_there_are_any() {
        let mut rows = [row("floor", &[(1.0, 1000.0)]), row("x", &[(1.0, 1000.0)])];
        rows[0].rounds[0].events = 100;
        rows[1].rounds[0].events = 50;
        summarise(&mut rows);
        assert_eq!((rows[1].summary.floor_ratio, rows[1].summary.cpu_per_event), (Some(2.0), Some(20.0)));
    }

    #[test]
    fn without_a_floor_there_is_no_ratio() {
        let mut rows = [row("x", &[(1.0, 1.0)])];
        summarise(&mut rows);
        assert_eq!((rows[0].summary.floor_ratio, rows[0].summary.added_p50), (None, None));
    }
}
