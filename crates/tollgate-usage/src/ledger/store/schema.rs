//! What the tables in both databases have in common.
//!
//! `usage_records` has a row for each record with the columns of [`COLUMNS`], `usage_hours` the sums of each hour, and
//! `usage_journals` how far the store has got in each journal. Sums are kept apart by the journal they came from, so that
//! no two replicas ever write the same row; questions add them up.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::{Prune, RecordQuery};
use crate::column::{COLUMNS, cache_status, clamped, clip, micros_of, operation, read_tags, tags_json};
use crate::rollup::{Dimensions, Sums, hour_of, roll_up};
use crate::words::lasting;
use crate::{Filter, Totals, UsageRecord};

/// The columns of what sums are kept by.
const DIMENSIONS: [&str; 8] = ["key", "path", "provider", "model", "operation", "tags", "cache", "error"];

/// The columns after [`Totals`].
const TIMES: [&str; 2] = ["latency", "time_to_first_token"];

/// The sums of an hour as a row.
#[derive(Debug)]
pub(super) struct HourRow {
    pub(super) hour: i64,
    /// What the dimensions are found by: texts of clients may be longer than an index takes.
    pub(super) hash: Vec<u8>,
    pub(super) dimensions: [Option<String>; DIMENSIONS.len()],
    pub(super) sums: Sums,
}

/// A statement with its parameters, which it names `$1`, `$2` … in this order.
#[derive(Debug)]
pub(super) struct Statement {
    pub(super) text: String,
    pub(super) parameters: Vec<Parameter>,
}

#[derive(Debug)]
pub(super) enum Parameter {
    Text(String),
    Integer(i64),
}

/// The dialects of SQL.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dialect {
    /// The function that finds a text in another.
    pub(super) find: &'static str,
}

/// `name, name …` of the columns of a record.
pub(super) fn record_columns() -> String {
    COLUMNS.iter().map(|column| column.name).collect::<Vec<_>>().join(", ")
}

/// `name, name …` of the columns of the sums: [`Totals`], then the sketches.
pub(super) fn sum_columns() -> String {
    let totals = Totals::default().fields().map(|(name, _)| name);
    totals.into_iter().chain(TIMES).collect::<Vec<_>>().join(", ")
}

/// The statement that writes the sums of an hour, in place of earlier ones. Parameters: the journal, the hour, the hash, the
/// dimensions, the sums.
pub(super) fn upsert_hour() -> String {
    let sums = sum_columns();
    let names = format!("journal, hour, hash, {}, {sums}", DIMENSIONS.join(", "));
    let replace: Vec<String> = sums.split(", ").map(|name| format!("{name} = excluded.{name}")).collect();
    format!(
        "INSERT INTO usage_hours ({names}) VALUES ({}) ON CONFLICT (hour, journal, hash) DO UPDATE SET {}",
        placeholders(names.split(", ").count()),
        replace.join(", ")
    )
}

/// `$1, $2 …`
pub(super) fn placeholders(count: usize) -> String {
    (1..=count).map(|number| format!("${number}")).collect::<Vec<_>>().join(", ")
}

/// The sums that records add to, as rows.
pub(super) fn hour_rows(records: &[UsageRecord]) -> Vec<HourRow> {
    let rows = roll_up(records).into_iter().map(|((hour, of), sums)| HourRow::new(hour, &of, sums));
    // Texts that were cut may have become the same.
    let mut by_key: HashMap<(i64, Vec<u8>), HourRow> = HashMap::new();
    for row in rows {
        match by_key.entry((row.hour, row.hash.clone())) {
            std::collections::hash_map::Entry::Occupied(mut same) => same.get_mut().sums.add(&row.sums),
            std::collections::hash_map::Entry::Vacant(free) => drop(free.insert(row)),
        }
    }
    let mut rows: Vec<HourRow> = by_key.into_values().collect();
    // In the order of the table.
    rows.sort_unstable_by(|a, b| (a.hour, &a.hash).cmp(&(b.hour, &b.hash)));
    rows
}

/// The dimensions of the texts of a row.
pub(super) fn dimensions(texts: [Option<&str>; DIMENSIONS.len()]) -> Dimensions {
    let [key, path, provider, model, operation_word, tags, cache, error] = texts;
    Dimensions {
        key: key.map(Arc::from),
        path: path.map(Arc::from),
        provider: provider.map(Arc::from),
        model: model.map(Arc::from),
        operation: operation_word.map(|word| operation(Some(word))),
        tags: tags.map(read_tags).unwrap_or_default(),
        cache: cache.and_then(cache_status),
        error: error.map(lasting),
    }
}

/// The statement for the sums of hours. Columns: the hour, the dimensions, the sums.
pub(super) fn select_hours(hours: &std::ops::Range<u64>, filter: &Filter, dialect: Dialect) -> Statement {
    let text = format!("SELECT hour, {}, {} FROM usage_hours WHERE 1 = 1", DIMENSIONS.join(", "), sum_columns());
    let mut statement = Statement { text, parameters: Vec::new() };
    statement.and("hour >=", Parameter::Integer(clamped(hours.start)));
    statement.and("hour <", Parameter::Integer(clamped(hours.end)));
    statement.and_fits(filter, dialect);
    statement
}

/// The statement for a page of records and one more, which tells whether there is another page. Columns: the number, then
/// those of the record.
pub(super) fn select_records(query: &RecordQuery, dialect: Dialect) -> Statement {
    let text = format!("SELECT id, {} FROM usage_records WHERE 1 = 1", record_columns());
    let mut statement = Statement { text, parameters: Vec::new() };
    if let Some(from) = query.from {
        statement.and("received_us >=", Parameter::Integer(clamped(micros_of(from))));
    }
    if let Some(until) = query.until {
        statement.and("received_us <", Parameter::Integer(clamped(micros_of(until))));
    }
    if let Some(cursor) = query.after {
        let received = statement.parameter(Parameter::Integer(clamped(cursor.received_us)));
        let id = statement.parameter(Parameter::Integer(clamped(cursor.id)));
        let _ = write!(statement.text, " AND (received_us, id) < ({received}, {id})");
    }
    statement.and_fits(&query.filter, dialect);
    let limit = statement.parameter(Parameter::Integer(clamped(query.limit as u64).saturating_add(1)));
    let _ = write!(statement.text, " ORDER BY received_us DESC, id DESC LIMIT {limit}");
    statement
}

/// The statements that delete what is too old.
pub(super) fn prune(prune: &Prune) -> Vec<Statement> {
    let delete = |text: &str, before: u64| Statement {
        text: text.to_owned(),
        parameters: vec![Parameter::Integer(clamped(before)), Parameter::Integer(prune.limit.into())],
    };
    let records = prune.records_before.map(|before| {
        let text = "DELETE FROM usage_records WHERE id IN
            (SELECT id FROM usage_records WHERE received_us < $1 ORDER BY received_us LIMIT $2)";
        delete(text, micros_of(before))
    });
    let sums = prune.sums_before.map(|before| {
        let text = "DELETE FROM usage_hours WHERE (hour, journal, hash) IN
            (SELECT hour, journal, hash FROM usage_hours WHERE hour < $1 ORDER BY hour LIMIT $2)";
        delete(text, hour_of(before))
    });
    records.into_iter().chain(sums).collect()
}

// === impl HourRow ===

impl HourRow {
    fn new(hour: u64, of: &Dimensions, sums: Sums) -> Self {
        let shared = |text: &Option<Arc<str>>| text.as_deref().map(|text| clip(text).to_owned());
        let word = |word: &'static str| word.to_owned();
        let dimensions = [
            shared(&of.key),
            shared(&of.path),
            shared(&of.provider),
            shared(&of.model),
            of.operation.map(|operation| word(operation.as_str())),
            (!of.tags.is_empty()).then(|| tags_json(&of.tags)),
            of.cache.map(|cache| word(cache.as_str())),
            of.error.map(word),
        ];
        let mut hasher = Sha256::new();
        for text in &dimensions {
            let text = text.as_deref();
            hasher.update([u8::from(text.is_some())]);
            hasher.update(text.map_or(0, str::len).to_le_bytes());
            hasher.update(text.unwrap_or_default());
        }
        Self { hour: clamped(hour), hash: hasher.finalize()[..16].to_vec(), dimensions, sums }
    }
}

// === impl Statement ===

impl Statement {
    /// The name of a further parameter.
    fn parameter(&mut self, parameter: Parameter) -> String {
        self.parameters.push(parameter);
        format!("${}", self.parameters.len())
    }

    fn and(&mut self, left: &str, right: Parameter) {
        let right = self.parameter(right);
        let _ = write!(self.text, " AND {left} {right}");
    }

    fn and_fits(&mut self, filter: &Filter, dialect: Dialect) {
        let equal = [
            ("key =", &filter.key),
            ("model =", &filter.model),
            ("provider =", &filter.provider),
            ("operation =", &filter.operation),
            ("cache =", &filter.cache),
            ("error =", &filter.error),
        ];
        for (left, wanted) in equal {
            if let Some(wanted) = wanted {
                self.and(left, Parameter::Text(wanted.clone()));
            }
        }
        if let Some(tree) = &filter.path {
            let tree = tree.trim_end_matches('/');
            let same = self.parameter(Parameter::Text(tree.to_owned()));
            let below = self.parameter(Parameter::Text(format!("{tree}/")));
            let _ = write!(self.text, " AND (path = {same} OR substr(path, 1, length({below})) = {below})");
        }
        for tag in &filter.tags {
            let json = tags_json(std::slice::from_ref(tag));
            // A member stands in the text of an object as it does alone, and nowhere else: quotes within texts are escaped.
            let member = self.parameter(Parameter::Text(json[1..json.len() - 1].to_owned()));
            let _ = write!(self.text, " AND {}(tags, {member}) > 0", dialect.find);
        }
    }
}

/// A text without the one letter that PostgreSQL has no room for.
#[cfg(feature = "postgres")]
pub(super) fn without_nul(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{fffd}")) } else { Cow::Borrowed(text) }
}
